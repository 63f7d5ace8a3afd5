/* isa.c - the highest instruction set that CPU plugins may use.
 *
 * A library's kernels for different instruction sets add in different orders, so the
 * set affects the bits of a result. It is therefore recorded, and --isa limits a newer
 * machine to the set of an older one. */
#include "loader.h"
#include <string.h>

/* The names from lowest to highest: CNN_ISA_CHOICES without "native". */
static const char *const names[] = { CNN_ISA_NAMES(CNN_ISA_STRING) };
#define COUNT (sizeof names / sizeof *names)

/* How many of the names the CPU supports; 0 if it is not x86. */
static size_t native(void)
{
#if defined __x86_64__
	if (!__builtin_cpu_supports("sse4.1"))
		return 0;
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return 1;
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
	    !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
		return 2;
	return __builtin_cpu_supports("avx512bf16") ? 4 : 3;
#else
	return 0;
#endif
}

int cnn_isa_choose(const char *want, const char **isa, struct cnn_error *e)
{
	size_t most = native();

	*isa = most ? names[most - 1] : "generic";
	if (strcmp(want, "native") == 0 || strcmp(want, *isa) == 0)
		return CNN_OK;
	for (size_t i = 0; i < most; i++)
		if (strcmp(want, names[i]) == 0) {
			*isa = names[i];
			return CNN_OK;
		}
	return cnn_fail(e, CNN_EPLUGIN, "--isa: %s: this CPU supports at most %s", want,
	    *isa);
}
