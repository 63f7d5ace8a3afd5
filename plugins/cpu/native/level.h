/* level.h - what the kernels of one level of the instruction set are written with.
 *
 * A file of kernels is compiled once for each level, with the compiler's flags for it
 * (provider.mk), and includes this header, which says
 *   AVX2, AVX512, DOT   1 if there are those instructions, and products of bfloat16
 *   LANES               floats of a vector
 *   vec, ivec, ...      vectors of LANES elements
 *   LEVEL_NAME(x)       x_LEVEL, the name of what the file exports
 */
#ifndef NATIVE_LEVEL_H
#define NATIVE_LEVEL_H

#include "native.h"

#if defined __AVX2__
#include <immintrin.h>
#define AVX2 1
#else
#define AVX2 0
#endif
#if defined __AVX512F__
#define AVX512 1
#else
#define AVX512 0
#endif
#if defined __AVX512BF16__
#define DOT 1
#else
#define DOT 0
#endif

/* Vectors, of any alignment of their elements where the name ends in _u. */
#define LANES (AVX512 ? 16 : 8)
typedef float vec __attribute__((vector_size(4 * LANES), may_alias));
typedef float vec_u __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES), may_alias));
typedef uint16_t hvec __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef int8_t bvec __attribute__((vector_size(LANES), aligned(1), may_alias));

#define LEVEL_PASTE(x, level) x##_##level
#define LEVEL_EXPAND(x, level) LEVEL_PASTE(x, level)
#define LEVEL_NAME(x) LEVEL_EXPAND(x, LEVEL)

#endif
