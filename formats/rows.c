/* rows.c - arrays stored as plain elements, one after another. */
#include "rows.h"

#include "stream/stream.h"
#include <stdlib.h>
#include <string.h>

struct rows {
	struct cnn_array base;
	struct cnn_input *in;
	size_t row;  /* bytes per row */
	size_t left; /* rows not yet read */
	bool swap;
};

/* Reverses the bytes of each element, on every machine: tensors are little-endian by
 * definition, whatever the CPU's byte order is. */
static void turn(unsigned char *p, size_t bytes, size_t size)
{
	unsigned char *end = p + bytes;

	switch (size) {
	case 2:
		for (uint16_t v; p < end; p += size) {
			memcpy(&v, p, size);
			v = __builtin_bswap16(v);
			memcpy(p, &v, size);
		}
		break;
	case 4:
		for (uint32_t v; p < end; p += size) {
			memcpy(&v, p, size);
			v = __builtin_bswap32(v);
			memcpy(p, &v, size);
		}
		break;
	case 8:
		for (uint64_t v; p < end; p += size) {
			memcpy(&v, p, size);
			v = __builtin_bswap64(v);
			memcpy(p, &v, size);
		}
		break;
	}
}

int cnn_rows_check(const struct cnn_tensor *shape, const char *name, size_t *row,
    struct cnn_error *e)
{
	char text[CNN_SHAPE_TEXT];
	struct cnn_tensor one = *shape;
	size_t all;

	for (int i = 1; i < shape->rank; i++)
		if (shape->shape[i] == 0)
			return cnn_fail(e, CNN_EDATA,
			    "%s: an array of %s has no elements", name,
			    cnn_shape_text(shape->rank, shape->shape, text,
				sizeof text));
	one.shape[0] = 1;
	if (!cnn_tensor_bytes(&one, row) || *row > CNN_MAX_TENSOR)
		return cnn_fail(e, CNN_EDATA,
		    "%s: one sample of %s %s is larger than %zu MiB", name,
		    cnn_shape_text(one.rank - 1, one.shape + 1, text, sizeof text),
		    cnn_dtype_name(one.dtype), CNN_MAX_TENSOR >> 20);
	if (!cnn_tensor_bytes(shape, &all))
		return cnn_fail(e, CNN_EDATA, "%s: %s is too large", name,
		    cnn_shape_text(shape->rank, shape->shape, text, sizeof text));
	return CNN_OK;
}

int cnn_rows_at_end(struct cnn_input *in, struct cnn_error *e)
{
	const unsigned char *p;
	size_t have;
	int r = cnn_input_peek(in, 1, &p, &have, e);

	if (r < 0)
		return r;
	if (have)
		return cnn_fail(e, CNN_EDATA, "%s: unexpected bytes after the array",
		    cnn_input_name(in));
	return CNN_OK;
}

static int rows_read(struct cnn_array *array, size_t rows, void *buf,
    struct cnn_error *e)
{
	struct rows *source = (struct rows *)array;
	size_t bytes;
	int r;

	if (rows > source->left)
		return cnn_fail(e, CNN_EUSAGE, "%s: %zu rows requested, %zu left",
		    cnn_input_name(source->in), rows, source->left);
	bytes = rows * source->row;
	r = cnn_input_read(source->in, buf, bytes, e);
	if (r < 0)
		return r;
	if (source->swap)
		turn(buf, bytes, cnn_dtype_size(array->shape.dtype));
	source->left -= rows;
	return source->left ? CNN_OK : cnn_rows_at_end(source->in, e);
}

static void rows_close(struct cnn_array *array)
{
	struct rows *source = (struct rows *)array;

	cnn_input_close(source->in);
	free(source);
}

int cnn_rows_open(struct cnn_array **array, struct cnn_input *in,
    const struct cnn_tensor *shape, bool swap, struct cnn_error *e)
{
	struct rows *source = NULL;
	size_t row;
	int r = cnn_rows_check(shape, cnn_input_name(in), &row, e);

	if (r == CNN_OK && !(source = malloc(sizeof *source)))
		r = cnn_fail(e, CNN_ENOMEM, "%s: out of memory", cnn_input_name(in));
	if (r != CNN_OK) {
		cnn_input_close(in);
		return r;
	}
	*source = (struct rows){
		.base = { *shape, rows_read, rows_close },
		.in = in,
		.row = row,
		.left = shape->shape[0],
		.swap = swap,
	};
	source->base.shape.data = NULL;
	*array = &source->base;
	return CNN_OK;
}

int cnn_rows_write(const struct cnn_tensor *t, struct cnn_output *out, bool swap,
    struct cnn_error *e)
{
	unsigned char chunk[16384];
	const unsigned char *p = t->data;
	size_t left;
	int r = CNN_OK;

	if (!cnn_tensor_bytes(t, &left))
		return cnn_fail(e, CNN_EDATA, "%s: the array is too large",
		    cnn_output_name(out));
	if (!swap)
		return cnn_output_write(out, p, left, e);
	while (left && r == CNN_OK) {
		size_t n = left < sizeof chunk ? left : sizeof chunk;

		memcpy(chunk, p, n);
		turn(chunk, n, cnn_dtype_size(t->dtype));
		r = cnn_output_write(out, chunk, n, e);
		p += n;
		left -= n;
	}
	return r;
}
