/* bits.h - ReLU and its gradient, in any layout: one pass over the stored numbers. The
 * loops use 16-byte vectors, which every x86-64 and aarch64 has, because gcc -O2 does
 * not vectorise them. Wider vectors gain little, since the cache is the limit. */
#ifndef ONEDNN_BITS_H
#define ONEDNN_BITS_H

#include <cnn/plugin.h>
#include <stdbool.h>
#include <string.h>

typedef float od_float __attribute__((vector_size(16), may_alias));
typedef int32_t od_bits32 __attribute__((vector_size(16), may_alias));
typedef int16_t od_bits16 __attribute__((vector_size(16), may_alias));

static inline size_t od_dtype_size(uint32_t dtype)
{
	return dtype == CNN_BF16 ? 2 : 4;
}

/* out[i] = 0 if y[i] <= 0, else x[i], for `count` vectors. If y[i] is NaN, x[i] is
 * kept, so that NaN is not lost. A bfloat16 has the sign of the integer with the same
 * bits; without the sign, above 0x7f80 (infinity) it is NaN. */
static inline void od_mask_vectors(uint32_t dtype, size_t count, const void *y,
    const void *x, void *out)
{
	if (dtype == CNN_BF16) {
		const od_bits16 *a = y, *b = x;
		od_bits16 *c = out;

		for (size_t i = 0; i < count; i++)
			c[i] = b[i] & ((a[i] > 0) | ((a[i] & 0x7fff) > 0x7f80));
	} else {
		const od_float *a = y;
		const od_bits32 *b = x;
		od_bits32 *c = out;

		for (size_t i = 0; i < count; i++)
			c[i] = b[i] & ~(a[i] <= 0);
	}
}

/* grad_in = grad_out if ReLU's output (or its input) y is above zero or NaN, else 0;
 * for count elements. grad_in may be grad_out or y. */
static inline void od_relu_mask(uint32_t dtype, size_t count, const void *y,
    const void *grad_out, void *grad_in)
{
	size_t bytes = count * od_dtype_size(dtype), rest = bytes % 16;
	size_t whole = bytes - rest;
	od_bits32 a = { 0 }, b = { 0 };

	od_mask_vectors(dtype, whole / 16, y, grad_out, grad_in);
	memcpy(&a, (const char *)y + whole, rest);
	memcpy(&b, (const char *)grad_out + whole, rest);
	od_mask_vectors(dtype, 1, &a, &b, &b);
	memcpy((char *)grad_in + whole, &b, rest);
}

/* out = max(in, 0), or NaN if in is NaN, for count elements; out may be in. */
static inline void od_relu(uint32_t dtype, size_t count, const void *in, void *out)
{
	od_relu_mask(dtype, count, in, in, out);
}

/* True if one of count elements is NaN. */
static inline bool od_has_nan(uint32_t dtype, size_t count, const void *x)
{
	size_t bytes = count * od_dtype_size(dtype), rest = bytes % 16;
	const od_bits32 *v = x;
	od_bits32 any = { 0 }, last = { 0 };

	memcpy(&last, (const char *)x + bytes - rest, rest);
	for (size_t i = 0; i <= bytes / 16; i++) {
		const od_bits32 bits = i < bytes / 16 ? v[i] : last;

		if (dtype == CNN_BF16)
			any |= (od_bits32)(((od_bits16)bits & 0x7fff) > 0x7f80);
		else
			any |= (od_bits32)((bits & 0x7fffffff) > 0x7f800000);
	}
	return (any[0] | any[1] | any[2] | any[3]) != 0;
}

#endif
