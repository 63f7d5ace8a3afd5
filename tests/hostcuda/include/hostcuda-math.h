/* hostcuda-math.h - CUDA's arithmetic functions that <math.h> lacks, and bit casts. The
 * fast functions (__expf) are as exact here as the slow ones. */
#ifndef HOSTCUDA_MATH_H
#define HOSTCUDA_MATH_H

#include <cmath>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace hostcuda
{

template <class To, class From> inline To bits(From from)
{
	static_assert(sizeof(To) == sizeof(From), "not of one size");
	To to;

	memcpy((void *)&to, (const void *)&from, sizeof to);
	return to;
}

} // namespace hostcuda

/* name, result, parameters, value */
#define HOSTCUDA_FUNCTION(result, name, parameters, value) \
	__attribute__((unused)) static inline result name parameters \
	{ \
		return value; \
	}

#define HOSTCUDA_MIN_MAX(type, a, b) \
	HOSTCUDA_FUNCTION(type, min, (a x, b y), \
	    (type)y < (type)x ? (type)y : (type)x) \
	HOSTCUDA_FUNCTION(type, max, (a x, b y), (type)x < (type)y ? (type)y : (type)x)

HOSTCUDA_MIN_MAX(int, int, int)
HOSTCUDA_MIN_MAX(unsigned int, unsigned int, unsigned int)
HOSTCUDA_MIN_MAX(unsigned int, int, unsigned int)
HOSTCUDA_MIN_MAX(unsigned int, unsigned int, int)
HOSTCUDA_MIN_MAX(long, long, long)
HOSTCUDA_MIN_MAX(unsigned long, unsigned long, unsigned long)
HOSTCUDA_MIN_MAX(long long, long long, long long)
HOSTCUDA_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
/* If one operand is NaN, the result is the other, like fmin and fmax. */
HOSTCUDA_FUNCTION(float, min, (float x, float y), fminf(x, y))
HOSTCUDA_FUNCTION(float, max, (float x, float y), fmaxf(x, y))
HOSTCUDA_FUNCTION(double, min, (double x, double y), fmin(x, y))
HOSTCUDA_FUNCTION(double, max, (double x, double y), fmax(x, y))
HOSTCUDA_FUNCTION(double, min, (float x, double y), fmin(x, y))
HOSTCUDA_FUNCTION(double, max, (float x, double y), fmax(x, y))
HOSTCUDA_FUNCTION(double, min, (double x, float y), fmin(x, y))
HOSTCUDA_FUNCTION(double, max, (double x, float y), fmax(x, y))

HOSTCUDA_FUNCTION(float, __fadd_rn, (float x, float y), x + y)
HOSTCUDA_FUNCTION(float, __fsub_rn, (float x, float y), x - y)
HOSTCUDA_FUNCTION(float, __fmul_rn, (float x, float y), x *y)
HOSTCUDA_FUNCTION(float, __fmaf_rn, (float x, float y, float z), fmaf(x, y, z))
HOSTCUDA_FUNCTION(float, __fdiv_rn, (float x, float y), x / y)
HOSTCUDA_FUNCTION(float, __fdividef, (float x, float y), x / y)
HOSTCUDA_FUNCTION(float, __frcp_rn, (float x), 1.0f / x)
HOSTCUDA_FUNCTION(float, __fsqrt_rn, (float x), sqrtf(x))
HOSTCUDA_FUNCTION(double, __dadd_rn, (double x, double y), x + y)
HOSTCUDA_FUNCTION(double, __dmul_rn, (double x, double y), x *y)
HOSTCUDA_FUNCTION(double, __fma_rn, (double x, double y, double z), fma(x, y, z))
HOSTCUDA_FUNCTION(double, rsqrt, (double x), 1.0 / sqrt(x))
HOSTCUDA_FUNCTION(float, rsqrtf, (float x), (float)(1.0 / sqrt((double)x)))
HOSTCUDA_FUNCTION(float, __frsqrt_rn, (float x), rsqrtf(x))
HOSTCUDA_FUNCTION(float, __saturatef, (float x), x > 0 ? x < 1 ? x : 1.0f : 0.0f)

/* The C library itself declares functions with these names. */
#define __expf(x) expf(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __powf(x, y) powf(x, y)

HOSTCUDA_FUNCTION(unsigned int, __float_as_uint, (float x),
    hostcuda::bits<unsigned int>(x))
HOSTCUDA_FUNCTION(int, __float_as_int, (float x), hostcuda::bits<int>(x))
HOSTCUDA_FUNCTION(float, __uint_as_float, (unsigned int x), hostcuda::bits<float>(x))
HOSTCUDA_FUNCTION(float, __int_as_float, (int x), hostcuda::bits<float>(x))
HOSTCUDA_FUNCTION(long long, __double_as_longlong, (double x),
    hostcuda::bits<long long>(x))
HOSTCUDA_FUNCTION(double, __longlong_as_double, (long long x),
    hostcuda::bits<double>(x))

namespace hostcuda
{

/* Converts like the hardware: NaN becomes 0, values out of range saturate. */
template <class T>
inline T saturate(double x, double low, double high, T lowest, T highest)
{
	if (x != x)
		return 0;
	return x <= low ? lowest : x >= high ? highest : (T)x;
}

inline int to_int(double x)
{
	return saturate<int>(x, INT_MIN, INT_MAX, INT_MIN, INT_MAX);
}

inline unsigned int to_uint(double x)
{
	return saturate<unsigned int>(x, 0, UINT_MAX, 0, UINT_MAX);
}

} // namespace hostcuda

HOSTCUDA_FUNCTION(int, __float2int_rn, (float x), hostcuda::to_int(rint((double)x)))
HOSTCUDA_FUNCTION(int, __float2int_rz, (float x), hostcuda::to_int(trunc((double)x)))
HOSTCUDA_FUNCTION(int, __float2int_rd, (float x), hostcuda::to_int(floor((double)x)))
HOSTCUDA_FUNCTION(int, __float2int_ru, (float x), hostcuda::to_int(ceil((double)x)))
HOSTCUDA_FUNCTION(unsigned int, __float2uint_rn, (float x),
    hostcuda::to_uint(rint((double)x)))
HOSTCUDA_FUNCTION(unsigned int, __float2uint_rz, (float x),
    hostcuda::to_uint(trunc((double)x)))
HOSTCUDA_FUNCTION(float, __int2float_rn, (int x), (float)x)
HOSTCUDA_FUNCTION(float, __uint2float_rn, (unsigned int x), (float)x)
HOSTCUDA_FUNCTION(float, __double2float_rn, (double x), (float)x)

HOSTCUDA_FUNCTION(int, __mulhi, (int x, int y), (int)(((int64_t)x * y) >> 32))
HOSTCUDA_FUNCTION(unsigned int, __umulhi, (unsigned int x, unsigned int y),
    (unsigned int)(((uint64_t)x * y) >> 32))
HOSTCUDA_FUNCTION(unsigned long long, __umul64hi,
    (unsigned long long x, unsigned long long y),
    (unsigned long long)(((unsigned __int128)x * y) >> 64))
HOSTCUDA_FUNCTION(int, __popc, (unsigned int x), __builtin_popcount(x))
HOSTCUDA_FUNCTION(int, __popcll, (unsigned long long x), __builtin_popcountll(x))
HOSTCUDA_FUNCTION(int, __clz, (int x), x ? __builtin_clz((unsigned int)x) : 32)
HOSTCUDA_FUNCTION(int, __clzll, (long long x),
    x ? __builtin_clzll((unsigned long long)x) : 64)
HOSTCUDA_FUNCTION(int, __ffs, (int x), __builtin_ffs(x))
HOSTCUDA_FUNCTION(int, __ffsll, (long long x), __builtin_ffsll(x))

#endif
