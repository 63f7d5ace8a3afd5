COMMON_cpu_native := native.c
LEVELED_cpu_native := amx-kernels.c direct-kernels.c dropout-kernels.c elementwise-kernels.c \
	few-kernels.c linear-kernels.c norm-kernels.c optimizers-kernels.c \
	pool-kernels.c pooled-kernels.c winograd-kernels.c
PARTS_cpu_native := amx.c direct.c few.c pooled.c winograd.c
PARTS_cpu_native_conv := direct.c direct-kernels.c few.c few-kernels.c pooled.c \
	pooled-kernels.c winograd.c winograd-kernels.c
PARTS_cpu_native_dropout := dropout-kernels.c
PARTS_cpu_native_elementwise := elementwise-kernels.c
PARTS_cpu_native_linear := linear-kernels.c
PARTS_cpu_native_norm := norm-kernels.c
PARTS_cpu_native_optimizers := optimizers-kernels.c
PARTS_cpu_native_pool := pool-kernels.c

# The plain level's vectors are wider than its registers, which gcc mentions where
# they are handed to a function; all of those are inlined.
CFLAGS_cpu_native := -Wno-psabi -fno-math-errno
LEVELS_cpu_native := plain
ifneq ($(filter x86_64%,$(shell $(CC) -dumpmachine)),)
LEVELS_cpu_native += avx2 avx512 bf16
PARTS_cpu_native_conv += amx.c amx-kernels.c
endif
# Nothing else uses AMX.
LEVELS_cpu_native_amx-kernels := amx
LEVEL_CFLAGS_cpu_native_avx2 := -mavx2 -mfma -mpopcnt
LEVEL_CFLAGS_cpu_native_avx512 := $(LEVEL_CFLAGS_cpu_native_avx2) -mavx512f -mavx512bw \
	-mavx512dq -mavx512vl
LEVEL_CFLAGS_cpu_native_bf16 := $(LEVEL_CFLAGS_cpu_native_avx512) -mavx512bf16
LEVEL_CFLAGS_cpu_native_amx := $(LEVEL_CFLAGS_cpu_native_bf16) -mamx-tile -mamx-bf16
