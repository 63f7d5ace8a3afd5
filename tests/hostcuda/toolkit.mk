# toolkit.mk - CUDA on the CPU, for the tests: flags to compile and link with it.
#
# libhostcuda.so replaces libcudart.so, and include/ replaces the toolkit's headers.
# With HOSTCUDA=plain or trace, make builds the CUDA plugins for it: plain reports
# misaligned accesses; trace checks every access to memory (races, uninitialised reads,
# exact bounds). HOSTCUDA_LIB is the folder of libhostcuda.so. Instrumentation is only
# for compiling: nothing is linked with -fsanitize. If SANITIZE contains address, the
# plain build and the library use AddressSanitizer; pass $(hostcuda_asan) when compiling
# and when linking.

hostcuda := tests/hostcuda
HOSTCUDA_LIB ?= $(BUILD)/hostcuda

hostcuda_cflags := -DCNN_HOSTCUDA -I$(hostcuda)/include
# Kernels access the bytes of `shared` as several types. nvcc allows that; g++ -O2
# compiles it wrongly without -fno-strict-aliasing.
hostcuda_cxxflags = -std=gnu++17 -x c++ $(hostcuda_cflags) -fPIC -fvisibility=hidden \
	-fno-strict-aliasing -Wall -Wextra -Wno-unknown-pragmas
hostcuda_asan := $(if $(findstring address,$(SANITIZE)),-fsanitize=address)
hostcuda_plain := -fsanitize=alignment -fno-sanitize-recover=alignment
hostcuda_trace := -fsanitize=thread,alignment -fno-sanitize-recover=alignment
hostcuda_libs = -L$(HOSTCUDA_LIB) -lhostcuda -Wl,-rpath,'$(abspath $(HOSTCUDA_LIB))'

ifneq ($(HOSTCUDA),)
hostcuda_how = $(if $(filter trace,$(HOSTCUDA)),$(hostcuda_trace) -O1,$(hostcuda_plain) $(hostcuda_asan) -O2)
cuda_compile = $(CXX) $(hostcuda_cxxflags) $(hostcuda_how) -g -Ilibcore/include -MP
CFLAGS_cuda  = $(hostcuda_cflags)
LIBS_cuda    = $(hostcuda_libs) -lstdc++
SKIP_cuda    =
endif
