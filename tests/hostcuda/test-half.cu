/* test-half.cu - the conversions of half and bfloat16, against arithmetic in double
 * that does not use their bits. */
#include "../unit/tap.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <math.h>
#include <stdint.h>

static_assert(sizeof(__half) == 2 && alignof(__half) == 2 &&
	__is_trivially_copyable(__half),
    "");
static_assert(sizeof(__half2) == 4 && alignof(__half2) == 4 &&
	__is_trivially_copyable(__half2),
    "");
static_assert(sizeof(__nv_bfloat16) == 2 && alignof(__nv_bfloat16) == 2, "");
static_assert(sizeof(__nv_bfloat162) == 4 && alignof(__nv_bfloat162) == 4, "");
static_assert(__is_trivially_copyable(__nv_bfloat16) &&
	__is_trivially_copyable(__nv_bfloat162),
    "");
static_assert(sizeof(float4) == 16 && alignof(float4) == 16 && alignof(float2) == 8,
    "");
static_assert(sizeof(float3) == 12 && alignof(float3) == 4 && alignof(uchar4) == 4, "");

/* A format with `bits` fraction bits, whose normal numbers begin at 2^low and whose
 * finite ones end below 2^high. */
struct format {
	int bits, low, high;
};
static const format half_format = { 10, -14, 16 }, bfloat16_format = { 7, -126, 128 };

/* x rounded to the nearest of the format, ties to even, as a double. */
static double nearest(double x, format f)
{
	int exponent;
	double unit, r;

	if (isnan(x) || isinf(x) || x == 0)
		return x;
	frexp(x, &exponent);
	exponent = exponent - 1 < f.low ? f.low : exponent - 1;
	unit = ldexp(1, exponent - f.bits);
	r = rint(x / unit) * unit;
	return fabs(r) >= ldexp(1, f.high) ? copysign(INFINITY, x) : r;
}

/* The value of a number's 16 bits. */
static double value(unsigned bits, format f)
{
	unsigned fraction = bits & ((1u << f.bits) - 1);
	int exponent = (int)(bits & 0x7fff) >> f.bits, top = 0x7fff >> f.bits;
	double sign = bits & 0x8000 ? -1 : 1;

	if (exponent == top)
		return fraction ? NAN : sign * INFINITY;
	if (exponent == 0)
		return sign * ldexp(fraction, f.low - f.bits);
	return sign * ldexp((1u << f.bits) + fraction, f.low + exponent - 1 - f.bits);
}

static bool same(double a, double b)
{
	return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

static uint64_t state = 1;

static uint32_t random_bits()
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 32);
}

static void test_all()
{
	int bad_half = 0, bad_bfloat16 = 0, bad_trip = 0;

	for (unsigned i = 0; i < 65536; i++) {
		float h = __half2float(__ushort_as_half((unsigned short)i));
		float b = __bfloat162float(__ushort_as_bfloat16((unsigned short)i));
		unsigned short back_h = __half_as_ushort(__float2half_rn(h));
		unsigned short back_b = __bfloat16_as_ushort(__float2bfloat16_rn(b));

		bad_half += !same(h, value(i, half_format));
		bad_bfloat16 += !same(b, value(i, bfloat16_format));
		bad_trip += isnan(h) ? back_h != 0x7fff : back_h != i;
		bad_trip += isnan(b) ? back_b != 0x7fff : back_b != i;
	}
	ok(bad_half == 0, "all 65536 halves have their value");
	ok(bad_bfloat16 == 0, "all 65536 bfloat16 have theirs");
	ok(bad_trip == 0, "all come back from float as they were, NaN as 0x7fff");
}

static int wrong(float x)
{
	return !same(__half2float(__float2half_rn(x)), nearest(x, half_format)) +
	    !same(__bfloat162float(__float2bfloat16_rn(x)),
		nearest(x, bfloat16_format));
}

static void test_rounding()
{
	int bad = 0, bad_ties = 0;

	for (int i = 0; i < 1000000; i++) {
		uint32_t bits = random_bits();

		/* Every other number is in the range of half, including its
		 * subnormals. */
		if (i & 1)
			bits = (bits & 0x807fffff) | (0x66 + bits / 7 % 0x2a) << 23;
		bad += wrong(__uint_as_float(bits));
	}
	ok(bad == 0, "a million random floats are rounded to nearest");
	for (unsigned i = 0; i < 0x7c00; i++) {
		double low = value(i, half_format), high = value(i + 1, half_format);
		float middle = (float)((low + (isinf(high) ? 65536 : high)) / 2);

		bad_ties += wrong(middle) + wrong(-middle) +
		    wrong(nextafterf(middle, 0)) + wrong(nextafterf(middle, INFINITY));
	}
	ok(bad_ties == 0, "halfway between any two halves goes to the even one");
	ok(__half_as_ushort(__float2half(65519.996f)) == 0x7bff &&
		__half_as_ushort(__float2half(65520)) == 0x7c00,
	    "where infinity begins");
}

static void test_pairs()
{
	float2 f = __half22float2(__floats2half2_rn(1.5f, -2));
	float2 b = __bfloat1622float2(__float22bfloat162_rn(make_float2(3, -0.5f)));
	__half2 h = __float22half2_rn(make_float2(1, 2));

	ok(f.x == 1.5f && f.y == -2 && b.x == 3 && b.y == -0.5f,
	    "pairs keep their order");
	ok(*(uint32_t *)&h == 0x40003c00, "the first of a pair lies first in memory");
	ok((float)(__half(1) / __half(3)) == (float)nearest(1.0 / 3, half_format) &&
		__hmax(__half(2), __half(3)) == __half(3) && __hisnan(__half(NAN)),
	    "arithmetic");
}

int main()
{
	test_all();
	test_rounding();
	test_pairs();
	return done();
}
