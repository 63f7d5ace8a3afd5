/* idx.c - IDX, the format of MNIST.
 *
 *     byte 0, 1   zero
 *     byte 2      element type: 08 u8, 09 i8, 0B i16, 0C i32, 0D f32, 0E f64
 *     byte 3      number of axes n
 *     4 x n       lengths of the axes, 32 bits each
 *     rest        the elements in C order
 *
 * All numbers are big-endian.
 */
#include "rows.h"

#include <string.h>

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

static bool idx_probe(const unsigned char *p, size_t have)
{
	return have >= 4 && p[0] == 0 && p[1] == 0 &&
	    idx_dtype(p[2]) != CNN_DTYPE_NONE && p[3] >= 1;
}

static int idx_open(struct cnn_array **array, struct cnn_input *in, struct cnn_error *e)
{
	const char *name = cnn_input_name(in);
	unsigned char head[4], dims[4 * CNN_MAX_RANK];
	struct cnn_tensor shape = { 0 };
	int r = cnn_input_read(in, head, sizeof head, e);

	if (r < 0)
		goto fail;
	if (!idx_probe(head, sizeof head)) {
		r = cnn_fail(e, CNN_EDATA, "%s: not an IDX file", name);
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
	.probe_bytes = 4,
	.probe = idx_probe,
	.open = idx_open,
	.write = idx_write,
};
