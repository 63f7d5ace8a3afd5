/* tensor.c - element types, shapes, and conversion between types. */
#include "tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
    "tensors are little-endian and read in place");

static const struct {
	const char *typestr, *name;
	size_t size;
} dtypes[CNN_DTYPE_COUNT] = {
	[CNN_U8] = { "|u1", "uint8", 1 },
	[CNN_I8] = { "|i1", "int8", 1 },
	[CNN_I16] = { "<i2", "int16", 2 },
	[CNN_I32] = { "<i4", "int32", 4 },
	[CNN_I64] = { "<i8", "int64", 8 },
	[CNN_F16] = { "<f2", "float16", 2 },
	[CNN_F32] = { "<f4", "float32", 4 },
	[CNN_F64] = { "<f8", "float64", 8 },
	[CNN_BOOL] = { "|b1", "bool", 1 },
	[CNN_BF16] = { "<V2", "bfloat16", 2 },
};

static bool known(enum cnn_dtype type)
{
	return type > CNN_DTYPE_NONE && type < CNN_DTYPE_COUNT;
}

size_t cnn_dtype_size(enum cnn_dtype type)
{
	return known(type) ? dtypes[type].size : 0;
}

const char *cnn_dtype_typestr(enum cnn_dtype type)
{
	return known(type) ? dtypes[type].typestr : "none";
}

const char *cnn_dtype_name(enum cnn_dtype type)
{
	return known(type) ? dtypes[type].name : "none";
}

enum cnn_dtype cnn_dtype_parse(const char *name)
{
	for (enum cnn_dtype t = CNN_DTYPE_NONE + 1; t < CNN_DTYPE_COUNT; t++)
		if (!strcmp(name, dtypes[t].typestr) || !strcmp(name, dtypes[t].name))
			return t;
	/* numpy writes "|V2" for a "<V2" that it has read. */
	return strcmp(name, "|V2") ? CNN_DTYPE_NONE : CNN_BF16;
}

bool cnn_dtype_is_integer(enum cnn_dtype type)
{
	switch (type) {
	case CNN_U8:
	case CNN_I8:
	case CNN_I16:
	case CNN_I32:
	case CNN_I64:
	case CNN_BOOL: return true;
	default: return false;
	}
}

bool cnn_mul(size_t a, size_t b, size_t *product)
{
	size_t p;

	if (__builtin_mul_overflow(a, b, &p))
		return false;
	*product = p;
	return true;
}

bool cnn_shape_count(int rank, const size_t *shape, size_t *count)
{
	size_t n = 1;
	bool empty = false;

	if (rank < 0 || rank > CNN_MAX_RANK)
		return false;
	/* An axis of length 0 does not exempt the others from the check, so the product
	 * of any subset of the axes of an accepted shape does not overflow either. */
	for (int i = 0; i < rank; i++) {
		empty |= shape[i] == 0;
		if (shape[i] != 0 && !cnn_mul(n, shape[i], &n))
			return false;
	}
	*count = empty ? 0 : n;
	return true;
}

bool cnn_tensor_bytes(const struct cnn_tensor *t, size_t *bytes)
{
	size_t count;

	return cnn_shape_count(t->rank, t->shape, &count) &&
	    cnn_mul(count, cnn_dtype_size(t->dtype), bytes);
}

size_t cnn_tensor_sample_count(const struct cnn_tensor *t)
{
	size_t count = 0;

	if (t->rank < 1 || !cnn_shape_count(t->rank - 1, t->shape + 1, &count))
		return 0;
	return count;
}

char *cnn_shape_text(int rank, const size_t *shape, char *buf, size_t size)
{
	size_t used = 0;

	if (rank == 0)
		snprintf(buf, size, "scalar");
	else if (size > 0)
		*buf = '\0';
	for (int i = 0; i < rank && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%zu", i ? "x" : "",
		    shape[i]);
	return buf;
}

/* --- half types ------------------------------------------------------------------- */

static uint32_t bits_of(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof u);
	return u;
}

static float float_of(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof f);
	return f;
}

uint16_t cnn_f32_to_bf16(float f)
{
	uint32_t x = bits_of(f);

	if ((x & 0x7fffffff) > 0x7f800000) /* rounding could destroy the NaN */
		return (uint16_t)(x >> 16 | 0x40);
	return (uint16_t)((x + 0x7fff + (x >> 16 & 1)) >> 16);
}

float cnn_bf16_to_f32(uint16_t h)
{
	return float_of((uint32_t)h << 16);
}

uint16_t cnn_f32_to_f16(float f)
{
	uint32_t x = bits_of(f), sign = x >> 16 & 0x8000, a = x & 0x7fffffff;

	if (a > 0x7f800000)
		a = 0x7e00;
	else if (a >= 0x477ff000) /* 65520 rounds up to infinity */
		a = 0x7c00;
	else if (a < 0x38800000)
		/* Below 2^-14 the half is subnormal and its last bit is worth 2^-24. So
		 * is the last bit of a float in [0.5, 1): the addition rounds at the
		 * right place. */
		a = bits_of(float_of(a) + 0.5f) - bits_of(0.5f);
	else /* change bias 127 to bias 15 */
		a = (a - (112u << 23) + 0xfff + (a >> 13 & 1)) >> 13;
	return (uint16_t)(sign | a);
}

float cnn_f16_to_f32(uint16_t h)
{
	uint32_t sign = (h & 0x8000u) << 16, a = h & 0x7fff;

	if (a >= 0x7c00)
		a = 0x7f800000 | (a & 0x3ff) << 13;
	else if (a >= 0x400)
		a = (a << 13) + (112u << 23);
	else
		a = bits_of((float)a * 0x1p-24f);
	return float_of(sign | a);
}

/* --- whole arrays ----------------------------------------------------------------- */

/* Casting a float that the integer type cannot hold is undefined in C. */
static int64_t truncated(double x)
{
	if (isnan(x))
		return 0;
	if (x >= 0x1p63)
		return INT64_MAX;
	return x < -0x1p63 ? INT64_MIN : (int64_t)x;
}

/* dst[i] = expr for each x of type `from` at src, which may be unaligned. */
#define EACH(from, expr) \
	for (size_t i = 0; i < n; i++) { \
		from x; \
		memcpy(&x, (const char *)src + i * sizeof x, sizeof x); \
		dst[i] = (expr); \
	} \
	break

#define CONVERT(to, cast) \
	switch (type) { \
	case CNN_U8: EACH(uint8_t, (to)x); \
	case CNN_I8: EACH(int8_t, (to)x); \
	case CNN_I16: EACH(int16_t, (to)x); \
	case CNN_I32: EACH(int32_t, (to)x); \
	case CNN_I64: EACH(int64_t, (to)x); \
	case CNN_BOOL: EACH(uint8_t, (to)(x != 0)); \
	case CNN_F16: EACH(uint16_t, cast(cnn_f16_to_f32(x))); \
	case CNN_BF16: EACH(uint16_t, cast(cnn_bf16_to_f32(x))); \
	case CNN_F32: EACH(float, cast(x)); \
	case CNN_F64: EACH(double, cast(x)); \
	default: memset(dst, 0, n * sizeof *dst); \
	}

void cnn_to_f32(enum cnn_dtype type, const void *src, size_t n, float *dst)
{
	CONVERT(float, (float))
}

void cnn_to_f64(enum cnn_dtype type, const void *src, size_t n, double *dst)
{
	CONVERT(double, (double))
}

void cnn_to_i64(enum cnn_dtype type, const void *src, size_t n, int64_t *dst)
{
	CONVERT(int64_t, truncated)
}
