/* level.h - one inclusion of levels.h: the level's vectors, then TEMPLATE. */
#if LANES == 16
#define vec floats16
#define vec_u floats16_u
#define ivec ints16
#define hvec halves16
#define bvec bytes16
#else
#define vec floats8
#define vec_u floats8_u
#define ivec ints8
#define hvec halves8
#define bvec bytes8
#endif

#include "simd.h"
#include TEMPLATE

#undef vec
#undef vec_u
#undef ivec
#undef hvec
#undef bvec
#undef NAME
#undef LANES
#undef AVX2
#undef AVX512
#undef DOT
#undef KERNEL
