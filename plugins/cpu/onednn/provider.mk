# What the oneDNN plugins share. They need oneDNN's headers (Debian's libdnnl-dev), and open
# the library when a kernel is created, by the name that the linker would note: Debian
# calls that of oneDNN 2.6 libdnnl.so.2, and that of oneDNN 3.7 libdnnl.so.3.6.
dnnl_soname := $(shell LC_ALL=C readelf -d "$$($(CC) -print-file-name=libdnnl.so)" 2>/dev/null | \
	sed -n 's/.*SONAME.*\[\(.*\)\].*/\1/p')
COMMON_cpu_onednn := compat.c library.c onednn.c
PARTS_cpu_onednn := weighted.c weighted-layout.c
PARTS_cpu_onednn_conv := $(PARTS_cpu_onednn)
PARTS_cpu_onednn_linear := $(PARTS_cpu_onednn)
CFLAGS_cpu_onednn := -DDNNL_SONAME=$(dnnl_soname)
LIBS_cpu_onednn := -ldl -pthread
SKIP_cpu_onednn := $(shell $(CC) $(CPPFLAGS) -E -x c -include dnnl.h /dev/null \
	>/dev/null 2>&1 && [ "$(dnnl_soname)" ] || echo "no dnnl.h or libdnnl.so (Debian: libdnnl-dev)")
