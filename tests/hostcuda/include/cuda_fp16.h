/* cuda_fp16.h - binary16 as a two-byte struct. Conversions round to nearest even,
 * including subnormals and infinity. Every NaN becomes 0x7fff. Arithmetic is done in
 * float and rounded again; for + - * / that gives the correctly rounded half (24 bits
 * are at least 2 * 11 + 2). */
#ifndef HOSTCUDA_CUDA_FP16_H
#define HOSTCUDA_CUDA_FP16_H

#include "cuda_runtime.h"
#include "hostcuda-half.h"

#ifdef __cplusplus

struct __align__(2) __half
{
	unsigned short bits_;

	__half() = default;
	__half(float x) : bits_(hostcuda_float_to_half(x))
	{
	}
	__half(double x) : bits_(hostcuda_float_to_half((float)x))
	{
	}
	template <class Integer,
	    class = std::enable_if_t<std::is_integral<Integer>::value>>
	__half(Integer x) : bits_(hostcuda_float_to_half((float)x))
	{
	}
	operator float() const
	{
		return hostcuda_half_to_float(bits_);
	}
};
typedef __half half;

struct __align__(4) __half2
{
	__half x, y;

	__half2() = default;
	__half2(__half a, __half b) : x(a), y(b)
	{
	}
};
typedef __half2 half2;

HOSTCUDA_FUNCTION(__half, __float2half_rn, (float x), __half(x))
HOSTCUDA_FUNCTION(__half, __float2half, (float x), __half(x))
HOSTCUDA_FUNCTION(float, __half2float, (__half x), (float)x)
HOSTCUDA_FUNCTION(__half, __int2half_rn, (int x), __half((float)x))
HOSTCUDA_FUNCTION(unsigned short, __half_as_ushort, (__half x), x.bits_)
HOSTCUDA_FUNCTION(short, __half_as_short, (__half x), (short)x.bits_)
HOSTCUDA_FUNCTION(__half, __ushort_as_half, (unsigned short x),
    hostcuda::bits<__half>(x))
HOSTCUDA_FUNCTION(__half, __short_as_half, (short x), hostcuda::bits<__half>(x))

HOSTCUDA_FUNCTION(__half2, __halves2half2, (__half x, __half y), __half2(x, y))
HOSTCUDA_FUNCTION(__half2, make_half2, (__half x, __half y), __half2(x, y))
HOSTCUDA_FUNCTION(__half2, __half2half2, (__half x), __half2(x, x))
HOSTCUDA_FUNCTION(__half2, __floats2half2_rn, (float x, float y),
    __half2(__half(x), __half(y)))
HOSTCUDA_FUNCTION(__half2, __float22half2_rn, (float2 v),
    __half2(__half(v.x), __half(v.y)))
HOSTCUDA_FUNCTION(__half2, __float2half2_rn, (float x), __half2(__half(x), __half(x)))
HOSTCUDA_FUNCTION(float2, __half22float2, (__half2 v),
    make_float2((float)v.x, (float)v.y))
HOSTCUDA_FUNCTION(__half, __low2half, (__half2 v), v.x)
HOSTCUDA_FUNCTION(__half, __high2half, (__half2 v), v.y)
HOSTCUDA_FUNCTION(float, __low2float, (__half2 v), (float)v.x)
HOSTCUDA_FUNCTION(float, __high2float, (__half2 v), (float)v.y)

/* The operators and intrinsics of a 16-bit type and of its pair. fma is rounded from a
 * sum in double. */
#define HOSTCUDA_ARITHMETIC(type, pair) \
	HOSTCUDA_FUNCTION(type, operator+, (type x, type y), \
	    type((float)x + (float)y)) \
	HOSTCUDA_FUNCTION(type, operator-, (type x, type y), \
	    type((float)x - (float)y)) \
	HOSTCUDA_FUNCTION(type, operator*, (type x, type y), type((float)x *(float)y)) \
	HOSTCUDA_FUNCTION(type, operator/, (type x, type y), \
	    type((float)x / (float)y)) \
	HOSTCUDA_FUNCTION(type, operator-, (type x), type(-(float)x)) \
	HOSTCUDA_FUNCTION(bool, operator==, (type x, type y), (float)x == (float)y) \
	HOSTCUDA_FUNCTION(bool, operator!=, (type x, type y), (float)x != (float)y) \
	HOSTCUDA_FUNCTION(bool, operator<, (type x, type y), (float)x < (float)y) \
	HOSTCUDA_FUNCTION(bool, operator>, (type x, type y), (float)x > (float)y) \
	HOSTCUDA_FUNCTION(bool, operator<=, (type x, type y), (float)x <= (float)y) \
	HOSTCUDA_FUNCTION(bool, operator>=, (type x, type y), (float)x >= (float)y) \
	HOSTCUDA_FUNCTION(type, __hadd, (type x, type y), x + y) \
	HOSTCUDA_FUNCTION(type, __hsub, (type x, type y), x - y) \
	HOSTCUDA_FUNCTION(type, __hmul, (type x, type y), x *y) \
	HOSTCUDA_FUNCTION(type, __hdiv, (type x, type y), x / y) \
	HOSTCUDA_FUNCTION(type, __hneg, (type x), -x) \
	HOSTCUDA_FUNCTION(type, __habs, (type x), type(fabsf((float)x))) \
	HOSTCUDA_FUNCTION(type, __hmax, (type x, type y), \
	    type(fmaxf((float)x, (float)y))) \
	HOSTCUDA_FUNCTION(type, __hmin, (type x, type y), \
	    type(fminf((float)x, (float)y))) \
	HOSTCUDA_FUNCTION(bool, __hisnan, (type x), (float)x != (float)x) \
	HOSTCUDA_FUNCTION(int, __hisinf, (type x), \
	    isinf((float)x) ? (float)x > 0 ? 1 : -1 : 0) \
	HOSTCUDA_FUNCTION(bool, __hgt, (type x, type y), x > y) \
	HOSTCUDA_FUNCTION(bool, __hlt, (type x, type y), x < y) \
	HOSTCUDA_FUNCTION(bool, __heq, (type x, type y), x == y) \
	HOSTCUDA_FUNCTION(pair, __hadd2, (pair v, pair w), pair(v.x + w.x, v.y + w.y)) \
	HOSTCUDA_FUNCTION(pair, __hsub2, (pair v, pair w), pair(v.x - w.x, v.y - w.y)) \
	HOSTCUDA_FUNCTION(pair, __hmul2, (pair v, pair w), pair(v.x *w.x, v.y *w.y)) \
	HOSTCUDA_FUNCTION(pair, __hmax2, (pair v, pair w), \
	    pair(__hmax(v.x, w.x), __hmax(v.y, w.y))) \
	HOSTCUDA_FUNCTION(pair, __hmin2, (pair v, pair w), \
	    pair(__hmin(v.x, w.x), __hmin(v.y, w.y)))

HOSTCUDA_ARITHMETIC(__half, __half2)

#endif /* __cplusplus */
#endif
