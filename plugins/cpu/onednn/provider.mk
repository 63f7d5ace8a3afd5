# What the oneDNN providers share, and what they need: Debian's libdnnl-dev.
# libgomp is oneDNN's own thread runtime; we only tell it to stay out.
COMMON_cpu_onednn := compat.c onednn.c weighted.c weighted-layout.c pool.c
LIBS_cpu_onednn := -ldnnl -lgomp
SKIP_cpu_onednn := $(shell $(CC) $(CPPFLAGS) -E -x c -include dnnl.h /dev/null \
	>/dev/null 2>&1 || echo "no dnnl.h (Debian: libdnnl-dev)")
