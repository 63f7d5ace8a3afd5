/* isa.c - the highest instruction set that CPU plugins may use.
 *
 * A library's kernels for different instruction sets add in different orders, so the
 * set affects the bits of a result. It is therefore recorded, and --isa limits a newer
 * machine to the set of an older one. */
#include "loader.h"
#include <string.h>

#if defined __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* The names from lowest to highest: CNN_ISA_CHOICES without "native". */
static const char *const names[] = { CNN_ISA_NAMES(CNN_ISA_STRING) };
#define COUNT (sizeof names / sizeof *names)

#if defined __x86_64__
/* True if the CPU has tiles of bfloat16, and the kernel keeps them for a process that
 * asks for them. */
static bool has_amx(void)
{
	enum { GET_SUPPORTED = 0x1021 };
	const unsigned tile = 1u << 24, bf16 = 1u << 22;
	const unsigned long long tile_data = 1u << 18;
	unsigned long long supported = 0;
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && d & tile && d & bf16 &&
	    syscall(SYS_arch_prctl, GET_SUPPORTED, &supported) == 0 &&
	    supported & tile_data;
}
#endif

/* How many of the names the CPU supports; 0 if it is not x86. */
static size_t supported(void)
{
#if defined __x86_64__
	if (!__builtin_cpu_supports("sse4.1"))
		return 0;
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return 1;
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
	    !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
		return 2;
	if (!__builtin_cpu_supports("avx512bf16"))
		return 3;
	return has_amx() ? 5 : 4;
#else
	return 0;
#endif
}

int cnn_isa_choose(const char *want, const char **isa, struct cnn_error *e)
{
	const size_t most = supported();
	/* Kernels for AMX have not been measured yet. */
	const size_t native = most < 4 ? most : 4;

	*isa = native ? names[native - 1] : "generic";
	if (strcmp(want, "native") == 0 || strcmp(want, *isa) == 0)
		return CNN_OK;
	for (size_t i = 0; i < most; i++)
		if (strcmp(want, names[i]) == 0) {
			*isa = names[i];
			return CNN_OK;
		}
	return cnn_fail(e, CNN_EPLUGIN, "--isa: %s: this CPU supports at most %s", want,
	    most ? names[most - 1] : "generic");
}
