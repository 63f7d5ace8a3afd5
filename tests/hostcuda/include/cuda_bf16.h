/* cuda_bf16.h - bfloat16 as a two-byte struct: the upper half of a float, rounded to
 * nearest even. Every NaN becomes 0x7fff. */
#ifndef HOSTCUDA_CUDA_BF16_H
#define HOSTCUDA_CUDA_BF16_H

#include "cuda_fp16.h"

#ifdef __cplusplus

struct __align__(2) __nv_bfloat16
{
	unsigned short bits_;

	__nv_bfloat16() = default;
	__nv_bfloat16(float x) : bits_(hostcuda_float_to_bfloat16(x))
	{
	}
	__nv_bfloat16(double x) : bits_(hostcuda_float_to_bfloat16((float)x))
	{
	}
	template <class Integer,
	    class = std::enable_if_t<std::is_integral<Integer>::value>>
	__nv_bfloat16(Integer x) : bits_(hostcuda_float_to_bfloat16((float)x))
	{
	}
	operator float() const
	{
		return hostcuda_bfloat16_to_float(bits_);
	}
};
typedef __nv_bfloat16 nv_bfloat16;

struct __align__(4) __nv_bfloat162
{
	__nv_bfloat16 x, y;

	__nv_bfloat162() = default;
	__nv_bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) : x(a), y(b)
	{
	}
};
typedef __nv_bfloat162 nv_bfloat162;

HOSTCUDA_FUNCTION(__nv_bfloat16, __float2bfloat16_rn, (float x), __nv_bfloat16(x))
HOSTCUDA_FUNCTION(__nv_bfloat16, __float2bfloat16, (float x), __nv_bfloat16(x))
HOSTCUDA_FUNCTION(float, __bfloat162float, (__nv_bfloat16 x), (float)x)
HOSTCUDA_FUNCTION(unsigned short, __bfloat16_as_ushort, (__nv_bfloat16 x), x.bits_)
HOSTCUDA_FUNCTION(short, __bfloat16_as_short, (__nv_bfloat16 x), (short)x.bits_)
HOSTCUDA_FUNCTION(__nv_bfloat16, __ushort_as_bfloat16, (unsigned short x),
    hostcuda::bits<__nv_bfloat16>(x))
HOSTCUDA_FUNCTION(__nv_bfloat16, __short_as_bfloat16, (short x),
    hostcuda::bits<__nv_bfloat16>(x))

HOSTCUDA_FUNCTION(__nv_bfloat162, __halves2bfloat162,
    (__nv_bfloat16 x, __nv_bfloat16 y), __nv_bfloat162(x, y))
HOSTCUDA_FUNCTION(__nv_bfloat162, make_bfloat162, (__nv_bfloat16 x, __nv_bfloat16 y),
    __nv_bfloat162(x, y))
HOSTCUDA_FUNCTION(__nv_bfloat162, __bfloat162bfloat162, (__nv_bfloat16 x),
    __nv_bfloat162(x, x))
HOSTCUDA_FUNCTION(__nv_bfloat162, __floats2bfloat162_rn, (float x, float y),
    __nv_bfloat162(__nv_bfloat16(x), __nv_bfloat16(y)))
HOSTCUDA_FUNCTION(__nv_bfloat162, __float22bfloat162_rn, (float2 v),
    __nv_bfloat162(__nv_bfloat16(v.x), __nv_bfloat16(v.y)))
HOSTCUDA_FUNCTION(__nv_bfloat162, __float2bfloat162_rn, (float x),
    __nv_bfloat162(__nv_bfloat16(x), __nv_bfloat16(x)))
HOSTCUDA_FUNCTION(float2, __bfloat1622float2, (__nv_bfloat162 v),
    make_float2((float)v.x, (float)v.y))
HOSTCUDA_FUNCTION(__nv_bfloat16, __low2bfloat16, (__nv_bfloat162 v), v.x)
HOSTCUDA_FUNCTION(__nv_bfloat16, __high2bfloat16, (__nv_bfloat162 v), v.y)
HOSTCUDA_FUNCTION(float, __low2float, (__nv_bfloat162 v), (float)v.x)
HOSTCUDA_FUNCTION(float, __high2float, (__nv_bfloat162 v), (float)v.y)

HOSTCUDA_ARITHMETIC(__nv_bfloat16, __nv_bfloat162)

#endif /* __cplusplus */
#endif
