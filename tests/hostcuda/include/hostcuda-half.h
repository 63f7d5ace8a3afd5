/* hostcuda-half.h - binary16 and bfloat16 as bits, to and from float. For the headers
 * and the library; valid C and C++. */
#ifndef HOSTCUDA_HALF_H
#define HOSTCUDA_HALF_H

#include <stdint.h>
#include <string.h>

static inline float hostcuda_float(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof f);
	return f;
}

static inline uint32_t hostcuda_bits(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof bits);
	return bits;
}

static inline float hostcuda_half_to_float(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;

	if (rest > 0x7c00)
		return hostcuda_float(0x7fffffff);
	if (rest == 0x7c00)
		return hostcuda_float(sign | 0x7f800000);
	if (rest < 0x0400) /* subnormals are multiples of 2^-24 */
		return hostcuda_float(
		    sign | hostcuda_bits((float)rest * 5.9604644775390625e-8f));
	return hostcuda_float(sign | ((rest << 13) + ((127u - 15u) << 23)));
}

/* To nearest, ties to even; every NaN becomes 0x7fff. */
static inline uint16_t hostcuda_float_to_half(float f)
{
	uint32_t bits = hostcuda_bits(f), rest = bits & 0x7fffffff;
	uint32_t sign = bits >> 16 & 0x8000;

	if (rest > 0x7f800000)
		return 0x7fff;
	if (rest >= 0x477ff000) /* 65520: halfway from the largest to 2^16 */
		return (uint16_t)(sign | 0x7c00);
	if (rest < 0x38800000) /* 2^-14; adding 0.5 leaves 2^-24 as the last place */
		return (uint16_t)(sign |
		    (hostcuda_bits(hostcuda_float(rest) + 0.5f) - 0x3f000000));
	rest -= (127u - 15u) << 23;
	rest += 0xfff + (rest >> 13 & 1);
	return (uint16_t)(sign | rest >> 13);
}

static inline float hostcuda_bfloat16_to_float(uint16_t b)
{
	return hostcuda_float((uint32_t)b << 16);
}

/* To nearest, ties to even; every NaN becomes 0x7fff. */
static inline uint16_t hostcuda_float_to_bfloat16(float f)
{
	uint32_t bits = hostcuda_bits(f);

	if ((bits & 0x7fffffff) > 0x7f800000)
		return 0x7fff;
	return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
