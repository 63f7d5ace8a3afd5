/* Element types, shapes, and conversion between types. */
#include "tap.h"

#include "base/error.h"
#include "base/tensor.h"

#include <math.h>
#include <string.h>

static void test_types(void)
{
	bool good = true;

	for (enum cnn_dtype t = 1; t < CNN_DTYPE_COUNT; t++)
		good &= cnn_dtype_size(t) > 0 &&
		    cnn_dtype_parse(cnn_dtype_name(t)) == t &&
		    cnn_dtype_parse(cnn_dtype_typestr(t)) == t;
	ok(good, "each type is found by its name and by its type string");
	ok(cnn_dtype_size(CNN_DTYPE_NONE) == 0 && cnn_dtype_size(CNN_DTYPE_COUNT) == 0,
	    "no type has no size");
	ok(!cnn_dtype_parse("|O") && !cnn_dtype_parse("") && !cnn_dtype_parse(">f4") &&
		!cnn_dtype_parse("none"),
	    "other types are not known");
	ok(cnn_dtype_parse("|V2") == CNN_BF16,
	    "numpy's own spelling of two void bytes");
	ok(cnn_dtype_is_integer(CNN_BOOL) && cnn_dtype_is_integer(CNN_I64) &&
		!cnn_dtype_is_integer(CNN_F16) && !cnn_dtype_is_integer(CNN_BF16),
	    "which types are integers");
}

static void test_shapes(void)
{
	size_t n = 7, big = (size_t)1 << 40;
	char buf[CNN_SHAPE_TEXT], small[5];
	struct cnn_tensor t = {
		CNN_F32,
		4,
		{ 128, 1, 28, 28 },
		NULL,
	};

	ok(cnn_shape_count(0, NULL, &n) && n == 1, "a scalar has one element");
	ok(cnn_tensor_bytes(&t, &n) && n == 128 * 28 * 28 * 4, "bytes of a tensor");
	ok(cnn_tensor_sample_count(&t) == 28 * 28, "elements of a sample");
	n = 7;
	ok(!cnn_shape_count(2, (size_t[]){ big, big }, &n) && n == 7,
	    "overflow is refused and leaves the result alone");
	ok(!cnn_shape_count(3, (size_t[]){ 0, big, big }, &n) &&
		!cnn_shape_count(3, (size_t[]){ big, big, 0 }, &n),
	    "an empty axis doesn't hide an overflow");
	ok(cnn_shape_count(2, (size_t[]){ 0, 5 }, &n) && n == 0, "an empty tensor");
	ok(!cnn_shape_count(CNN_MAX_RANK + 1, t.shape, &n) &&
		!cnn_shape_count(-1, t.shape, &n),
	    "ranks out of range are refused");
	t = (struct cnn_tensor){ CNN_F64, 1, { SIZE_MAX / 4 }, NULL };
	ok(!cnn_tensor_bytes(&t, &n), "bytes overflow where elements don't");

	ok(!strcmp(cnn_shape_text(3, (size_t[]){ 1, 28, 28 }, buf, sizeof buf),
	       "1x28x28"),
	    "a shape's text");
	ok(!strcmp(cnn_shape_text(0, NULL, buf, sizeof buf), "scalar"),
	    "a scalar's text");
	for (int i = 0; i < CNN_MAX_RANK; i++)
		t.shape[i] = SIZE_MAX;
	cnn_shape_text(CNN_MAX_RANK, t.shape, buf, sizeof buf);
	ok(strlen(buf) == 8 * 20 + 7, "the longest shape fits");
	cnn_shape_text(3, (size_t[]){ 100, 200, 300 }, small, sizeof small);
	ok(!strcmp(small, "100x"), "a small buffer is cut, not overrun");
}

/* Checks the rounding between two neighbours lo and hi; `even` is the one that ends in
 * a 0 bit. Below the middle rounds to lo, above it to hi, the middle itself to even. */
static bool rounds(float lo, float hi, uint16_t l, uint16_t h,
    uint16_t (*convert)(float))
{
	float middle = (float)(((double)lo + (double)hi) / 2);
	uint16_t even = l & 1 ? h : l;

	return convert(middle) == even && convert(-middle) == (even | 0x8000) &&
	    convert(nextafterf(middle, lo)) == l &&
	    convert(nextafterf(middle, hi)) == h;
}

static void test_half(void)
{
	bool whole = true, rounding = true;

	for (uint32_t h = 0; h < 0x10000; h++)
		if ((h & 0x7fff) <= 0x7c00)
			whole &= cnn_f32_to_f16(cnn_f16_to_f32((uint16_t)h)) == h;
	ok(whole, "each half goes to float and back");
	for (uint16_t h = 0; h < 0x7bff; h++)
		rounding &= rounds(cnn_f16_to_f32(h), cnn_f16_to_f32((uint16_t)(h + 1)),
		    h, (uint16_t)(h + 1), cnn_f32_to_f16);
	ok(rounding, "halves round to nearest even, subnormal ones too");
	ok(cnn_f16_to_f32(1) == 0x1p-24f && cnn_f16_to_f32(0x7bff) == 65504 &&
		cnn_f16_to_f32(0x3c00) == 1 && cnn_f16_to_f32(0xc000) == -2,
	    "known halves");
	ok(cnn_f32_to_f16(65519.996f) == 0x7bff && cnn_f32_to_f16(65520) == 0x7c00 &&
		cnn_f32_to_f16(-INFINITY) == 0xfc00,
	    "where halves become infinite");
	ok(isnan(cnn_f16_to_f32(cnn_f32_to_f16(NAN))) && isnan(cnn_f16_to_f32(0x7c01)),
	    "a NaN stays one");

	whole = rounding = true;
	for (uint32_t h = 0; h < 0x10000; h++)
		if ((h & 0x7fff) <= 0x7f80)
			whole &= cnn_f32_to_bf16(cnn_bf16_to_f32((uint16_t)h)) == h;
	ok(whole, "each bfloat16 goes to float and back");
	for (uint16_t h = 0; h < 0x7f7f; h++)
		rounding &= rounds(cnn_bf16_to_f32(h),
		    cnn_bf16_to_f32((uint16_t)(h + 1)), h, (uint16_t)(h + 1),
		    cnn_f32_to_bf16);
	ok(rounding, "bfloat16 rounds to nearest even");
	ok(cnn_f32_to_bf16(0x1.fffffep127f) == 0x7f80 && cnn_f32_to_bf16(1) == 0x3f80,
	    "known bfloat16");
	ok(isnan(cnn_bf16_to_f32(cnn_f32_to_bf16(NAN))), "a NaN stays one");
}

static void test_arrays(void)
{
	unsigned char bytes[1 + 3 * 8];
	const int64_t large[3] = { INT64_MIN, -1, INT64_MAX };
	const double odd[3] = { 1e300, NAN, -2.9 };
	const uint16_t halves[2] = { 0x3c00, 0x4000 };
	int64_t i[3];
	float f[3];
	double d[3];

	memcpy(bytes + 1, large, sizeof large); /* not aligned */
	cnn_to_i64(CNN_I64, bytes + 1, 3, i);
	ok(!memcmp(i, large, sizeof i), "64-bit integers, unaligned");
	cnn_to_f32(CNN_U8, "\0\x7f\xff", 3, f);
	ok(f[0] == 0 && f[1] == 127 && f[2] == 255, "bytes to floats");
	cnn_to_f32(CNN_I8, "\0\x7f\xff", 3, f);
	ok(f[0] == 0 && f[1] == 127 && f[2] == -1, "signed bytes to floats");
	cnn_to_f64(CNN_BOOL, "\0\1\2", 3, d);
	ok(d[0] == 0 && d[1] == 1 && d[2] == 1, "bool is 0 or 1");
	cnn_to_f64(CNN_F16, halves, 2, d);
	ok(d[0] == 1 && d[1] == 2, "halves to doubles");
	cnn_to_f32(CNN_BF16, (uint16_t[]){ 0x3f80, 0xc000 }, 2, f);
	ok(f[0] == 1 && f[1] == -2, "bfloat16 to floats");
	memcpy(bytes + 1, odd, sizeof odd);
	cnn_to_i64(CNN_F64, bytes + 1, 3, i);
	ok(i[0] == INT64_MAX && i[1] == 0 && i[2] == -2,
	    "doubles truncate to integers, within their range");
}

/* Lists for messages. */
static void test_known(void)
{
	struct cnn_known list = { 0 };

	ok(!strcmp(cnn_known_text(&list), "none"), "nothing is known");
	cnn_known_add(&list, "%s", "a");
	cnn_known_add(&list, "%s/%d", "b", 2);
	ok(!strcmp(cnn_known_text(&list), "a, b/2"), "two names");
	for (int i = 0; i < 2000; i++)
		cnn_known_add(&list, "%d", 100 + i % 900);
	ok(strlen(cnn_known_text(&list)) == sizeof list.text - 1 &&
		!strncmp(cnn_known_text(&list), "a, b/2, 100, 101, ", 18),
	    "too many names are cut");
}

int main(void)
{
	test_known();
	test_types();
	test_shapes();
	test_half();
	test_arrays();
	return done();
}
