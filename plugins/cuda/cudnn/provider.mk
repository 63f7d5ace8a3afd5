# The sources and libraries of the cuDNN providers. They need the headers of
# cuDNN 9.8 or later, in $(CUDA) or, if set, in CUDNN=/path. Its libraries are opened
# when a kernel is created: those of that folder, or what the system has.
CUDNN ?= $(CUDA)
cudnn_lib := $(firstword $(wildcard $(CUDNN)/lib64 $(CUDNN)/lib) $(CUDNN)/lib64)
COMMON_cuda_cudnn := library.c graphs.c check.c engines.c provider.c tune.c
PARTS_cuda_cudnn := chain.c convolution.c
PARTS_cuda_cudnn_conv := $(PARTS_cuda_cudnn) kernels.cu
CFLAGS_cuda_cudnn := -I$(CUDNN)/include
LIBS_cuda_cudnn := -Wl,-rpath,$(cudnn_lib) -ldl
SKIP_cuda_cudnn := $(shell $(CC) $(CPPFLAGS) -I$(CUDNN)/include -I$(CUDA)/include -E -dM -x c \
	-include cudnn_graph.h /dev/null 2>/dev/null | awk '$$2 == "CUDNN_MAJOR" { a = $$3 } \
	$$2 == "CUDNN_MINOR" { b = $$3 } END { exit !(a * 100 + b >= 908) }' || \
	echo "no cudnn_graph.h of 9.8 or later: set CUDNN")
