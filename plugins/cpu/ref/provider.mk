# No -march: ref gives the same bytes on every x86-64. The flags after -O3 round each
# product and sum separately, and allow loops to be vectorised.
COMMON_cpu_ref := ref-common.c
CFLAGS_cpu_ref := -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math
