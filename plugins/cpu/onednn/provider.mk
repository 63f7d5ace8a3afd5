# What the oneDNN plugins share, and what they need: Debian's libdnnl-dev.
# libgomp is oneDNN's own thread runtime; we only tell it to stay out.
COMMON_cpu_onednn := compat.c onednn.c
PARTS_cpu_onednn := weighted.c weighted-layout.c
PARTS_cpu_onednn_conv := $(PARTS_cpu_onednn)
PARTS_cpu_onednn_linear := $(PARTS_cpu_onednn)
LIBS_cpu_onednn := -ldnnl -lgomp
SKIP_cpu_onednn := $(shell $(CC) $(CPPFLAGS) -E -x c -include dnnl.h /dev/null \
	>/dev/null 2>&1 || echo "no dnnl.h (Debian: libdnnl-dev)")
