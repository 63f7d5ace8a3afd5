/* native.c - see native.h. */
#include "native.h"

static enum native_level of_cpu(void)
{
#if defined __x86_64__
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return NATIVE_PLAIN;
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
	    !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
		return NATIVE_AVX2;
	return __builtin_cpu_supports("avx512bf16") ? NATIVE_BF16 : NATIVE_AVX512;
#else
	return NATIVE_PLAIN;
#endif
}

static bool has_isa(const struct cnn_host *host)
{
	return host->size >= offsetof(struct cnn_host, isa) + sizeof host->isa &&
	    host->isa;
}

enum native_level native_level(const struct cnn_host *host)
{
	static const char *const names[NATIVE_LEVELS] = {
		"sse41",
		"avx2",
		"avx512",
		"avx512_bf16",
	};
	enum native_level most = of_cpu();

	if (!has_isa(host))
		return most;
	for (enum native_level i = NATIVE_PLAIN; i < most; i++)
		if (strcmp(host->isa, names[i]) == 0)
			return i;
	return most;
}

bool native_allows_amx(const struct cnn_host *host)
{
	return !has_isa(host) || strcmp(host->isa, "amx_bf16") == 0;
}
