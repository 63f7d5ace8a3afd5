/* levels.h - includes TEMPLATE, a header's name in quotes, once for each level
 * of native.h, with
 *   NAME(x)  x with the level's name behind it
 *   LANES    floats of a vector
 *   KERNEL   what each function of the level begins with
 *   AVX2, AVX512, DOT   1 where there are those instructions, and products of
 *            bfloat16 */
#if defined __x86_64__
#include <immintrin.h>

#define NAME(x) x##_bf16
#define LANES 16
#define AVX2 1
#define AVX512 1
#define DOT 1
#define KERNEL __attribute__((target( \
	"avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,popcnt")))
#include "level.h"

#define NAME(x) x##_avx512
#define LANES 16
#define AVX2 1
#define AVX512 1
#define DOT 0
#define KERNEL __attribute__((target( \
	"avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,popcnt")))
#include "level.h"

#define NAME(x) x##_avx2
#define LANES 8
#define AVX2 1
#define AVX512 0
#define DOT 0
#define KERNEL __attribute__((target("avx2,fma,popcnt")))
#include "level.h"
#endif

#define NAME(x) x##_plain
#define LANES 8
#define AVX2 0
#define AVX512 0
#define DOT 0
#define KERNEL
#include "level.h"
