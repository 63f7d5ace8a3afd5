/* simd.h - operations on the vectors of one level. */
#ifndef NATIVE_SIMD_H
#define NATIVE_SIMD_H

#include "level.h"

INLINE vec splat(float x)
{
	return x - (vec){ 0 };
}

INLINE vec load_half(const uint16_t *x)
{
#if AVX512
	return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(
					  _mm256_loadu_si256((const __m256i *)x)),
	    16);
#elif AVX2
	return (vec)_mm256_slli_epi32(_mm256_cvtepu16_epi32(
					  _mm_loadu_si128((const __m128i *)x)),
	    16);
#else
	return (vec)(__builtin_convertvector(*(const hvec *)x, ivec) << 16);
#endif
}

/* Rounds to the nearest bfloat16, ties to even. */
INLINE void store_half(vec x, uint16_t *out)
{
#if DOT
	_mm256_storeu_si256((__m256i *)out, (__m256i)_mm512_cvtneps_pbh((__m512)x));
#else
	ivec u = (ivec)x, is_nan = (u & 0x7fffffff) > 0x7f800000;
	ivec rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16 & 0xffff;
	ivec half = (rounded & ~is_nan) | (((u >> 16 & 0xffff) | 0x40) & is_nan);

#if AVX512
	_mm256_storeu_si256((__m256i *)out, _mm512_cvtepi32_epi16((__m512i)half));
#elif AVX2
	_mm_storeu_si128((__m128i *)out,
	    _mm_packus_epi32(_mm256_castsi256_si128((__m256i)half),
		_mm256_extracti128_si256((__m256i)half, 1)));
#else
	*(hvec *)out = __builtin_convertvector(half, hvec);
#endif
#endif
}

INLINE float from_half(uint16_t x)
{
	union {
		uint32_t u;
		float f;
	} bits = { .u = (uint32_t)x << 16 };

	return bits.f;
}

INLINE uint16_t to_half(float x)
{
	uint16_t out[LANES];

	store_half(splat(x), out);
	return out[0];
}

INLINE vec choose(ivec which, vec yes, vec no)
{
	return (vec)(((ivec)yes & which) | ((ivec)no & ~which));
}

/* Sets all bits of each lane in which v is NaN. */
INLINE ivec is_nan(vec v)
{
	return ((ivec)v & 0x7fffffff) > 0x7f800000;
}

INLINE bool any_nan(vec v)
{
#if AVX512
	return _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q) != 0;
#elif AVX2
	return _mm256_movemask_ps(_mm256_cmp_ps((__m256)v, (__m256)v, _CMP_UNORD_Q)) !=
	    0;
#else
	const ivec odd = is_nan(v);
	int32_t any = 0;

	UNROLL
	for (size_t i = 0; i < LANES; i++)
		any |= odd[i];
	return any != 0;
#endif
}

/* Returns x, or 0 where it is 0 or less; NaN stays. */
INLINE vec above_zero(vec x)
{
#if AVX512
	return (vec)_mm512_max_ps(_mm512_setzero_ps(), (__m512)x);
#else
	return (vec)((ivec)x & ~(x <= (vec){ 0 }));
#endif
}

/* Returns g, or 0 where y is 0 or less. */
INLINE vec where_above(vec y, vec g)
{
#if AVX512
	return (vec)_mm512_maskz_mov_ps(_mm512_cmp_ps_mask((__m512)y,
					    _mm512_setzero_ps(), _CMP_NLE_UQ),
	    (__m512)g);
#else
	return (vec)((ivec)g & ~(y <= (vec){ 0 }));
#endif
}

/* Loads vector i of x, which holds floats or (half) bfloat16. */
INLINE vec load(const void *x, size_t i, bool half)
{
	return half ? load_half((const uint16_t *)x + i * LANES) :
		      *(const vec *)((const float *)x + i * LANES);
}

INLINE void store(void *x, size_t i, bool half, vec value)
{
	if (half)
		store_half(value, (uint16_t *)x + i * LANES);
	else
		*(vec *)((float *)x + i * LANES) = value;
}

/* Loads or stores the vector that begins at element `at` of x. Only `left` elements
 * remain there: further lanes are read as zeros and not stored. */
INLINE vec load_some(const void *x, size_t at, size_t left, bool half)
{
	float some[LANES] = { 0 };

	if (left >= LANES)
		return half ? load_half((const uint16_t *)x + at) :
			      (vec) * (const vec_u *)((const float *)x + at);
	for (size_t i = 0; i < left; i++)
		some[i] = half ? from_half(((const uint16_t *)x)[at + i]) :
				 ((const float *)x)[at + i];
	return *(const vec_u *)some;
}

INLINE void store_some(void *x, size_t at, size_t left, bool half, vec value)
{
	uint16_t some[LANES];
	size_t bytes = (left < LANES ? left : LANES) * sizeof *some;

	if (half) {
		store_half(value, some);
		memcpy((uint16_t *)x + at, some, bytes);
	} else {
		memcpy((float *)x + at, &value, 2 * bytes);
	}
}

/* Small integers from and to bytes. */
INLINE ivec load_codes(const int8_t *codes)
{
#if AVX512
	return (ivec)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)codes));
#elif AVX2
	return (ivec)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)codes));
#else
	return __builtin_convertvector(*(const bvec *)codes, ivec);
#endif
}

INLINE void store_codes(int8_t *codes, ivec x)
{
#if AVX512
	_mm_storeu_si128((__m128i *)codes, _mm512_cvtepi32_epi8((__m512i)x));
#elif AVX2
	__m128i halves = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)x),
	    _mm256_extracti128_si256((__m256i)x, 1));

	_mm_storel_epi64((__m128i *)codes, _mm_packs_epi16(halves, halves));
#else
	*(bvec *)codes = __builtin_convertvector(x, bvec);
#endif
}

#if DOT
/* Rounds two vectors to bfloat16 and interleaves them in pairs. */
INLINE __m512i pairs(vec first, vec second)
{
	__m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)first));
	__m512i high = _mm512_cvtepu16_epi32(
	    (__m256i)_mm512_cvtneps_pbh((__m512)second));

	return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

/* sum + both products of a pair. */
INLINE vec dot(vec sum, int32_t two, __m512i weights)
{
	return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(two),
	    (__m512bh)weights);
}
#endif

/* Transposes a square of LANES vectors. Each step swaps blocks of half the size. */
#if AVX512
#define LANE_LIST(F, a, s) \
	F(a, 0, s), F(a, 1, s), F(a, 2, s), F(a, 3, s), F(a, 4, s), F(a, 5, s), \
	    F(a, 6, s), F(a, 7, s), F(a, 8, s), F(a, 9, s), F(a, 10, s), F(a, 11, s), \
	    F(a, 12, s), F(a, 13, s), F(a, 14, s), F(a, 15, s)
#else
#define LANE_LIST(F, a, s) \
	F(a, 0, s), F(a, 1, s), F(a, 2, s), F(a, 3, s), F(a, 4, s), F(a, 5, s), \
	    F(a, 6, s), F(a, 7, s)
#endif
#define SWAP_LANE(upper, lane, s) \
	((upper) ? ((lane) & (s) ? LANES + (lane) : (lane) + (s)) : \
		   ((lane) & (s) ? LANES + (lane) - (s) : (lane)))
#define SWAP_SQUARES(s) \
	UNROLL \
	for (int i = 0; i < LANES; i++) \
		if (!(i & (s))) { \
			vec low = __builtin_shufflevector(x[i], x[i + (s)], \
			    LANE_LIST(SWAP_LANE, 0, s)); \
			x[i + (s)] = __builtin_shufflevector(x[i], x[i + (s)], \
			    LANE_LIST(SWAP_LANE, 1, s)); \
			x[i] = low; \
		}

INLINE void transpose(vec *x)
{
#if AVX512
	SWAP_SQUARES(8)
#endif
	SWAP_SQUARES(4)
	SWAP_SQUARES(2)
	SWAP_SQUARES(1)
}

/* m [count][blocks] = x [count][channels] u [channels][blocks]; rows of x are `apart`
 * floats apart */
INLINE void multiply(size_t count, size_t blocks, const float *x, size_t apart,
    const float *u, size_t channels, float *m)
{
	vec sums[24];

	UNROLL
	for (size_t i = 0; i < count * blocks; i++)
		sums[i] = (vec){ 0 };
	for (size_t k = 0; k < channels; k++) {
		vec w[2];

		UNROLL
		for (size_t b = 0; b < blocks; b++)
			w[b] = *(const vec *)(u + (k * blocks + b) * LANES);
		UNROLL
		for (size_t t = 0; t < count; t++) {
			const vec one = splat(x[t * apart + k]);

			UNROLL
			for (size_t b = 0; b < blocks; b++)
				sums[t * blocks + b] += one * w[b];
		}
	}
	UNROLL
	for (size_t i = 0; i < count * blocks; i++)
		*(vec *)(m + i * LANES) = sums[i];
}

#endif
