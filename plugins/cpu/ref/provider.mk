# No -march: the oracle gives the same bytes on every x86-64. The flags after -O3
# keep each product and sum rounded by itself, and let loops be vectorised.
COMMON_cpu_ref := ref-common.c
CFLAGS_cpu_ref := -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math
