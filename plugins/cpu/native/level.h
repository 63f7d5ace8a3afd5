/* level.h - definitions for kernels of one level of the instruction set.
 *
 * A file of kernels is compiled once for each level, with the compiler flags of that
 * level (provider.mk). It includes this header, which defines
 *   AVX2, AVX512, DOT   1 if there are those instructions (DOT: products of bfloat16)
 *   LANES               floats in a vector
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

/* Vectors. If the name ends in _u, they may have any alignment of their elements. */
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
