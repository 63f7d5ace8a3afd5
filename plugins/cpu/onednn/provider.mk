# What the oneDNN plugins share. They need oneDNN's headers (Debian's libdnnl-dev), and open
# the library when a kernel is created.
COMMON_cpu_onednn := compat.c library.c onednn.c
PARTS_cpu_onednn := weighted.c weighted-layout.c
PARTS_cpu_onednn_conv := $(PARTS_cpu_onednn)
PARTS_cpu_onednn_linear := $(PARTS_cpu_onednn)
LIBS_cpu_onednn := -ldl -pthread
SKIP_cpu_onednn := $(shell $(CC) $(CPPFLAGS) -E -x c -include dnnl.h /dev/null \
	>/dev/null 2>&1 || echo "no dnnl.h (Debian: libdnnl-dev)")
