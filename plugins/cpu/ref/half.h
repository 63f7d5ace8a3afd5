/* half.h - bfloat16 and IEEE half to and from float, rounding to nearest even. */
#ifndef REF_HALF_H
#define REF_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t float_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static inline float bits_float(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static inline float bf16_to_float(uint16_t h)
{
	return bits_float((uint32_t)h << 16);
}

static inline uint16_t float_to_bf16(float f)
{
	uint32_t u = float_bits(f);

	if ((u & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(u >> 16 | 0x40); /* stays a NaN, made quiet */
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float f16_to_float(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16;
	uint32_t rest = (uint32_t)(h & 0x7fff);

	if (rest >= 0x7c00) /* infinity, NaN */
		return bits_float(sign | 0x7f800000 | (rest & 0x3ff) << 13);
	if (rest >= 0x400) /* rebias 15 -> 127 */
		return bits_float(sign | ((rest << 13) + (112u << 23)));
	return bits_float(sign | float_bits((float)rest * 0x1p-24f));
}

static inline uint16_t float_to_f16(float f)
{
	uint32_t u = float_bits(f), sign = u >> 16 & 0x8000;

	u &= 0x7fffffff;
	if (u > 0x7f800000)
		return (uint16_t)(sign | 0x7e00 | (u >> 13 & 0x3ff));
	if (u >= 0x47800000) /* 65536 or more */
		return (uint16_t)(sign | 0x7c00);
	/* Below 2^-14: a subnormal, whose unit is 0.5f's ulp */
	if (u < 0x38800000)
		return (
		    uint16_t)(sign | (float_bits(bits_float(u) + 0.5f) - 0x3f000000));
	u -= 112u << 23;
	return (uint16_t)(sign | (u + 0xfff + (u >> 13 & 1)) >> 13);
}

#endif
