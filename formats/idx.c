/* idx.c - IDX, the format of MNIST.
 *
 *     byte 0, 1   zero
 *     byte 2      element type: 08 u8, 09 i8, 0B i16, 0C i32, 0D f32, 0E f64
 *     byte 3      number of axes n
 *     4 x n       lengths of the axes, 32 bits each
 *     rest        the elements in C order
 *
 * All numbers are big-endian. A file whose header was written little-endian is not read,
 * but recognised, so that the message can say what is wrong.
 */
#include "rows.h"

#include <string.h>

#define MAX_PEEK ((size_t)64 << 20) /* bytes read ahead to judge the axes */

static enum cnn_dtype idx_dtype(unsigned char code)
{
	switch (code) {
	case 0x08: return CNN_U8;
	case 0x09: return CNN_I8;
	case 0x0B: return CNN_I16;
	case 0x0C: return CNN_I32;
	case 0x0D: return CNN_F32;
	case 0x0E: return CNN_F64;
	default: return CNN_DTYPE_NONE;
	}
}

static unsigned char idx_code(enum cnn_dtype dtype)
{
	for (unsigned char code = 0x08; code <= 0x0E; code++)
		if (idx_dtype(code) == dtype)
			return code;
	return 0;
}

static bool is_big_endian(const unsigned char *p, size_t have)
{
	return have >= 4 && p[0] == 0 && p[1] == 0 &&
	    idx_dtype(p[2]) != CNN_DTYPE_NONE && p[3] >= 1;
}

/* Whether it is a header of 32-bit numbers that begin with the low byte. Short axes are
 * required too: four bytes alone occur in other files. */
static bool is_little_endian(const unsigned char *p, size_t have)
{
	if (have < 4 || p[0] < 1 || p[0] > CNN_MAX_RANK || p[2] || p[3] ||
	    idx_dtype(p[1]) == CNN_DTYPE_NONE || have < 4 + 4 * (size_t)p[0])
		return false;
	for (int i = 1; i <= p[0]; i++)
		if (p[4 * i + 3])
			return false;
	return true;
}

static bool idx_probe(const unsigned char *p, size_t have)
{
	return is_big_endian(p, have) || is_little_endian(p, have);
}

static int refuse_little_endian(const char *name, struct cnn_error *e)
{
	return cnn_fail(e, CNN_EDATA,
	    "%s: an IDX file with a little-endian header: the numbers of IDX files are "
	    "big-endian (numpy: '>i4')",
	    name);
}

/* Fails if the axes make sense only as little-endian numbers: then all of them are
 * smaller, and the file has exactly the bytes for them. */
static int check_axes(struct cnn_input *in, const struct cnn_tensor *shape,
    struct cnn_error *e)
{
	struct cnn_tensor turned = *shape;
	const unsigned char *p;
	size_t bytes, have;
	int r;

	for (int i = 0; i < shape->rank; i++) {
		turned.shape[i] = __builtin_bswap32((uint32_t)shape->shape[i]);
		if (turned.shape[i] >= shape->shape[i])
			return CNN_OK;
	}
	if (!cnn_tensor_bytes(&turned, &bytes) || bytes > MAX_PEEK)
		return CNN_OK;
	if ((r = cnn_input_peek(in, bytes + 1, &p, &have, e)) < 0)
		return r;
	return have == bytes ? refuse_little_endian(cnn_input_name(in), e) : CNN_OK;
}

static int idx_open(struct cnn_array **array, struct cnn_input *in, struct cnn_error *e)
{
	const char *name = cnn_input_name(in);
	unsigned char head[4], dims[4 * CNN_MAX_RANK];
	struct cnn_tensor shape = { 0 };
	int r = cnn_input_read(in, head, sizeof head, e);

	if (r < 0)
		goto fail;
	if (!is_big_endian(head, sizeof head)) {
		r = head[1] ? refuse_little_endian(name, e) :
			      cnn_fail(e, CNN_EDATA, "%s: not an IDX file", name);
		goto fail;
	}
	if (head[3] > CNN_MAX_RANK) {
		r = cnn_fail(e, CNN_EDATA, "%s: %d axes (at most %d)", name, head[3],
		    CNN_MAX_RANK);
		goto fail;
	}
	shape.dtype = idx_dtype(head[2]);
	shape.rank = head[3];
	r = cnn_input_read(in, dims, 4 * (size_t)shape.rank, e);
	if (r < 0)
		goto fail;
	for (int i = 0; i < shape.rank; i++) {
		const unsigned char *d = dims + 4 * i;

		shape.shape[i] = (size_t)d[0] << 24 | (size_t)d[1] << 16 |
		    (size_t)d[2] << 8 | d[3];
	}
	if ((r = check_axes(in, &shape, e)) < 0)
		goto fail;
	return cnn_rows_open(array, in, &shape,
	    &(struct cnn_rows_form){ .big_endian = true }, e);
fail:
	cnn_input_close(in);
	return r;
}

static int idx_write(const struct cnn_tensor *t, struct cnn_output *out,
    struct cnn_error *e)
{
	unsigned char head[4 + 4 * CNN_MAX_RANK] = { 0, 0, idx_code(t->dtype) };
	int r;

	if (!head[2])
		return cnn_fail(e, CNN_EDATA,
		    "IDX has no type for %s (it has uint8, int8, int16, int32, "
		    "float32, float64)",
		    cnn_dtype_name(t->dtype));
	if (t->rank < 1)
		return cnn_fail(e, CNN_EDATA, "IDX can't store a scalar");
	head[3] = (unsigned char)t->rank;
	for (int i = 0; i < t->rank; i++) {
		if (t->shape[i] > UINT32_MAX)
			return cnn_fail(e, CNN_EDATA, "IDX can't store an axis of %zu",
			    t->shape[i]);
		for (int k = 0; k < 4; k++)
			head[4 + 4 * i + k] =
			    (unsigned char)(t->shape[i] >> (24 - 8 * k));
	}
	r = cnn_output_write(out, head, 4 + 4 * (size_t)t->rank, e);
	return r < 0 ? r : cnn_rows_write(t, out, true, e);
}

const struct cnn_codec cnn_codec_idx = {
	.name = "idx",
	.suffix = ".idx",
	.probe_bytes = 4 + 4 * CNN_MAX_RANK,
	.probe = idx_probe,
	.open = idx_open,
	.write = idx_write,
};
