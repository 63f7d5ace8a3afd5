/* native.h - shared by the plugins of cpu/native.
 *
 * Levels. A file of kernels is written once, on vectors of LANES floats, which gcc and
 * clang offer on any machine (level.h). It is compiled once for each level of the
 * instruction set. create() picks the highest level that the CPU has and host->isa
 * allows. An #if guards the instructions that have no portable form in C (compress,
 * permute, products of bfloat16).
 *
 * Blocks. Images of more than a few channels are stored in blocks of LANES channels
 * (CNN_NCHW16C, CNN_NCHW8C): one vector per pixel and block.
 */
#ifndef NATIVE_H
#define NATIVE_H

#include <cnn/plugin.h>
#include <stdbool.h>
#include <string.h>

enum native_level {
	NATIVE_PLAIN,  /* the compiler's default target */
	NATIVE_AVX2,   /* AVX2 and FMA */
	NATIVE_AVX512, /* F, BW, DQ, VL */
	NATIVE_BF16,   /* and BF16 */
	NATIVE_LEVELS
};

/* The highest level that the CPU has and the host allows. */
enum native_level native_level(const struct cnn_host *);

/* True if the host allows "amx_bf16". Only amx.h uses it; it is no level of its own. */
bool native_allows_amx(const struct cnn_host *);

/* The bits of four floats. */
typedef uint64_t native_bits __attribute__((vector_size(16)));

/* Two adjacent bfloat16, and four. */
typedef int32_t native_pair __attribute__((aligned(2), may_alias));
typedef uint64_t native_four __attribute__((aligned(2), may_alias));

/* For functions whose arguments are constants after inlining, such as counts, or are
 * vectors. */
#define INLINE static inline __attribute__((always_inline))

/* For loops that need all registers. */
#define NOINLINE static __attribute__((noinline))

/* Before a short loop that must be unrolled completely, so that arrays become
 * registers. */
#if defined __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

static inline size_t native_align(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

/* Blocks of `lanes` channels. */
static inline size_t native_blocks(size_t channels, size_t lanes)
{
	return (channels + lanes - 1) / lanes;
}

/* The layout of such blocks. */
static inline uint32_t native_blocked(size_t lanes)
{
	return lanes == 16 ? CNN_NCHW16C : CNN_NCHW8C;
}

static inline bool native_is_pair(const struct cnn_arg_value *a, int64_t value)
{
	return a->i == value && a->j == value;
}

/* A call's scratch memory. If `memory` is NULL, native_take() only counts. */
struct native_room {
	char *memory;
	size_t used;
};

/* Takes the next `bytes` of it. */
static inline void *native_take(struct native_room *room, size_t bytes)
{
	void *p = room->memory ? room->memory + room->used : NULL;

	room->used += native_align(bytes);
	return p;
}

/* Clears memory; p may be NULL if bytes is 0. */
static inline void native_clear(void *p, size_t bytes)
{
	if (bytes > 0)
		memset(p, 0, bytes);
}

/* The table `levels` of a struct KERNELS, by enum native_level: KERNELS_plain, ... */
#if defined __x86_64__
#define NATIVE_TABLE(KERNELS) \
	static const struct KERNELS *const levels[NATIVE_LEVELS] = { \
		[NATIVE_PLAIN] = &KERNELS##_plain, \
		[NATIVE_AVX2] = &KERNELS##_avx2, \
		[NATIVE_AVX512] = &KERNELS##_avx512, \
		[NATIVE_BF16] = &KERNELS##_bf16, \
	}
#else
#define NATIVE_TABLE(KERNELS) \
	static const struct KERNELS *const levels[NATIVE_LEVELS] = { \
		[NATIVE_PLAIN] = &KERNELS##_plain, \
	}
#endif

/* Defines destroy(), forward() and backward() of a kernel whose instance is a struct TYPE
 * with members `host` and `kernels`. */
#define NATIVE_CALLS(TYPE) \
	static void destroy(void *instance) \
	{ \
		struct TYPE *v = instance; \
\
		if (v) \
			v->host->free(v->host, v); \
	} \
	static int forward(void *instance, const struct cnn_call *c) \
	{ \
		const struct TYPE *v = instance; \
\
		v->kernels->forward(v, c); \
		return CNN_OK; \
	} \
	static int backward(void *instance, const struct cnn_call *c) \
	{ \
		const struct TYPE *v = instance; \
\
		v->kernels->backward(v, c); \
		return CNN_OK; \
	}

/* Defines a plugin's entry. Its tables follow. */
#define NATIVE_PLUGIN(NAME, ...) \
	CNN_PLUGIN_ENTRY(.name = (NAME), .version = CNN_VERSION, .device = "cpu", \
	    .provider = "native", __VA_ARGS__)

#endif
