/* rows.c - arrays stored as plain elements, one after another. */
#include "rows.h"

#include "base/memory.h"
#include "stream/stream.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_FETCH ((size_t)64 << 10)

struct rows {
	struct cnn_array base;
	struct cnn_input *in;
	struct cnn_rows_form form;
	size_t row;    /* bytes per row of the tensor */
	size_t stored; /* bytes per row in the input */
	size_t left;   /* rows not yet read */
	/* In Fortran order: the elements as stored, and their bytes */
	unsigned char *all;
	size_t have, bytes;
	size_t taken; /* counted for --max-memory */
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

/* --- Fortran order ---------------------------------------------------------------- */

static int no_memory(const struct rows *s, struct cnn_error *e)
{
	return cnn_fail(e, CNN_ENOMEM,
	    "%s: out of memory: an array in Fortran order must fit in memory (%zu MiB); "
	    "save it with numpy.ascontiguousarray()",
	    cnn_input_name(s->in), s->bytes >> 20);
}

/* Fetches as many bytes as there are already, so that the block doubles, whatever the
 * shape claims. */
static int rows_fetch(struct cnn_array *array, size_t *got, struct cnn_error *e)
{
	struct rows *s = (struct rows *)array;
	size_t left = s->bytes - s->have, n = s->have ? s->have : FIRST_FETCH;
	unsigned char *grown;
	int r;

	*got = 0;
	n = n < left ? n : left;
	if (n == 0)
		return CNN_OK;
	if ((r = cnn_memory_take(cnn_input_name(s->in), n, e)) < 0)
		return r;
	s->taken += n;
	if (!(grown = realloc(s->all, s->have + n)))
		return no_memory(s, e);
	s->all = grown;
	if ((r = cnn_input_read(s->in, s->all + s->have, n, e)) < 0)
		return r;
	s->have += n;
	*got = n;
	return CNN_OK;
}

/* Copies n elements of `size` bytes that are side by side to places `step` bytes
 * apart. */
static void spread(unsigned char *to, size_t step, const unsigned char *from,
    size_t size, size_t n)
{
	switch (size) {
	case 1:
		for (; n; n--, to += step)
			*to = *from++;
		break;
	case 2:
		for (; n; n--, to += step, from += 2)
			memcpy(to, from, 2);
		break;
	case 4:
		for (; n; n--, to += step, from += 4)
			memcpy(to, from, 4);
		break;
	case 8:
		for (; n; n--, to += step, from += 8)
			memcpy(to, from, 8);
		break;
	}
}

/* Gets the next rows in C order: for each place in a row, the elements of all rows, which
 * are side by side. */
static void gather(const struct rows *s, size_t rows, unsigned char *to)
{
	const struct cnn_tensor *t = &s->base.shape;
	size_t per = cnn_tensor_sample_count(t), size = s->stored / per;
	size_t first = t->shape[0] - s->left, index[CNN_MAX_RANK] = { 0 };

	for (size_t i = 0; i < per; i++) {
		size_t at = 0;

		for (int k = t->rank - 1; k > 0; k--)
			at = (at + index[k]) * t->shape[k - 1];
		spread(to + i * size, s->stored, s->all + (at + first) * size, size,
		    rows);
		for (int k = t->rank - 1; k > 0 && ++index[k] == t->shape[k]; k--)
			index[k] = 0;
	}
}

/* --- reading ---------------------------------------------------------------------- */

/* Widens the unsigned integers at the end of buf, in place. All are little-endian. */
static int widen(const struct rows *s, unsigned char *buf, size_t rows,
    struct cnn_error *e)
{
	size_t size = s->form.unsigned_size, wide = cnn_dtype_size(s->base.shape.dtype);
	size_t n = rows * (s->row / wide);
	const unsigned char *from = buf + n * (wide - size);

	for (size_t i = 0; i < n; i++, from += size, buf += wide) {
		if (size == wide && from[size - 1] & 0x80)
			return cnn_fail(e, CNN_EDATA,
			    "%s: sample %zu: a value is above the highest of int64",
			    cnn_input_name(s->in),
			    s->base.shape.shape[0] - s->left + i / (s->row / wide));
		memmove(buf, from, size);
		memset(buf + size, 0, wide - size);
	}
	return CNN_OK;
}

static int read_stored(struct rows *s, size_t rows, unsigned char *buf,
    struct cnn_error *e)
{
	size_t got = 1;
	int r;

	if (!s->form.fortran)
		return cnn_input_read(s->in, buf, rows * s->stored, e);
	while (got)
		if ((r = rows_fetch(&s->base, &got, e)) < 0)
			return r;
	if (rows)
		gather(s, rows, buf);
	return CNN_OK;
}

static int rows_read(struct cnn_array *array, size_t rows, void *buf,
    struct cnn_error *e)
{
	struct rows *s = (struct rows *)array;
	unsigned char *stored;
	int r;

	if (rows > s->left)
		return cnn_fail(e, CNN_EUSAGE, "%s: %zu rows requested, %zu left",
		    cnn_input_name(s->in), rows, s->left);
	stored = (unsigned char *)buf + rows * (s->row - s->stored);
	if ((r = read_stored(s, rows, stored, e)) < 0)
		return r;
	if (s->form.big_endian)
		turn(stored, rows * s->stored,
		    s->stored / cnn_tensor_sample_count(&array->shape));
	if (s->form.unsigned_size && (r = widen(s, buf, rows, e)) < 0)
		return r;
	s->left -= rows;
	return s->left ? CNN_OK : cnn_rows_at_end(s->in, e);
}

static void rows_close(struct cnn_array *array)
{
	struct rows *s = (struct rows *)array;

	cnn_input_close(s->in);
	free(s->all);
	cnn_memory_give_back(s->taken);
	free(s);
}

int cnn_rows_open(struct cnn_array **array, struct cnn_input *in,
    const struct cnn_tensor *shape, const struct cnn_rows_form *form,
    struct cnn_error *e)
{
	struct rows *s = NULL;
	size_t row;
	int r = cnn_rows_check(shape, cnn_input_name(in), &row, e);

	if (r == CNN_OK && !(s = malloc(sizeof *s)))
		r = cnn_fail(e, CNN_ENOMEM, "%s: out of memory", cnn_input_name(in));
	if (r != CNN_OK) {
		cnn_input_close(in);
		return r;
	}
	*s = (struct rows){
		.base = { *shape, rows_read, rows_close },
		.in = in,
		.form = *form,
		.row = row,
		.stored = row,
		.left = shape->shape[0],
	};
	s->base.shape.data = NULL;
	if (form->unsigned_size)
		s->stored = row / cnn_dtype_size(shape->dtype) * form->unsigned_size;
	if (form->fortran) {
		s->base.fetch = rows_fetch;
		s->bytes = shape->shape[0] * s->stored;
	}
	*array = &s->base;
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
