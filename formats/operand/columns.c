/* columns.c - growing columns of samples. */
#include "columns.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

int cnn_columns_init(struct cnn_columns *columns, const struct cnn_header *header,
    struct cnn_error *e)
{
	*columns = (struct cnn_columns){ .header = header };
	for (size_t i = 0; i < header->field_count; i++) {
		const struct cnn_field *f = &header->fields[i];
		size_t count;

		if (!cnn_shape_count(f->rank, f->shape, &count) ||
		    !cnn_mul(count, cnn_dtype_size(f->dtype), &columns->row[i]))
			return cnn_fail(e, CNN_EDATA, "field %s: too large", f->name);
	}
	return CNN_OK;
}

void cnn_columns_free(struct cnn_columns *columns)
{
	for (size_t i = 0; i < CNN_MAX_FIELDS; i++)
		free(columns->data[i]);
	cnn_memory_give_back(columns->bytes);
	*columns = (struct cnn_columns){ 0 };
}

static int make_room(struct cnn_columns *columns, size_t n, struct cnn_error *e)
{
	const size_t row = cnn_columns_row(columns);
	size_t room, bytes;
	unsigned char *grown;
	int r;

	if (n <= columns->room - columns->samples)
		return CNN_OK;
	if (__builtin_add_overflow(columns->samples, n, &n))
		return cnn_fail(e, CNN_ENOMEM, "too many samples to hold in memory");
	room = cnn_memory_room(columns->room, n, columns->expected, row);
	if (!cnn_mul(room, row, &bytes))
		return cnn_fail(e, CNN_ENOMEM, "too many samples to hold in memory");
	if ((r = cnn_memory_take("samples", bytes - columns->bytes, e)) < 0)
		return r;
	columns->bytes = bytes;
	for (size_t i = 0; i < columns->header->field_count; i++) {
		if (!cnn_mul(room, columns->row[i], &bytes) ||
		    !(grown = realloc(columns->data[i], bytes + !bytes)))
			return cnn_fail(e, CNN_ENOMEM, "out of memory for %zu samples",
			    room);
		columns->data[i] = grown;
	}
	columns->room = room;
	return CNN_OK;
}

int cnn_columns_append(struct cnn_columns *columns, const struct cnn_record *record,
    size_t first, size_t n, struct cnn_error *e)
{
	int r = make_room(columns, n, e);

	for (size_t i = 0; r == CNN_OK && i < columns->header->field_count; i++) {
		const struct cnn_field *f = &columns->header->fields[i];
		const struct cnn_tensor *t =
		    cnn_record_find((struct cnn_record *)record, f->name);
		size_t row = columns->row[i];

		if (!t)
			return cnn_fail(e, CNN_EDATA, "a record has no field %s",
			    f->name);
		if (n && row)
			memcpy(columns->data[i] + columns->samples * row,
			    (const unsigned char *)t->data + first * row, n * row);
	}
	if (r == CNN_OK)
		columns->samples += n;
	return r;
}

int cnn_columns_pick(struct cnn_columns *columns, const struct cnn_columns *from,
    const uint32_t *places, size_t n, struct cnn_error *e)
{
	int r = make_room(columns, n, e);

	for (size_t i = 0; r == CNN_OK && i < columns->header->field_count; i++) {
		size_t row = columns->row[i];
		unsigned char *to = columns->data[i] + columns->samples * row;

		for (size_t k = 0; k < n; k++)
			memcpy(to + k * row, from->data[i] + places[k] * row, row);
	}
	if (r == CNN_OK)
		columns->samples += n;
	return r;
}

void cnn_columns_drop(struct cnn_columns *columns, size_t n)
{
	columns->samples -= n;
	for (size_t i = 0; n && i < columns->header->field_count; i++) {
		size_t row = columns->row[i];

		memmove(columns->data[i], columns->data[i] + n * row,
		    columns->samples * row);
	}
}

void cnn_columns_view(const struct cnn_columns *columns, size_t first, size_t n,
    struct cnn_record *record)
{
	record->count = columns->header->field_count;
	record->samples = n;
	for (size_t i = 0; i < record->count; i++) {
		const struct cnn_field *f = &columns->header->fields[i];
		struct cnn_tensor *t = &record->tensors[i];

		*t = (struct cnn_tensor){
			.dtype = f->dtype,
			.rank = f->rank + 1,
			.shape = { n },
			.data = columns->data[i] ?
			    columns->data[i] + first * columns->row[i] :
			    NULL,
		};
		memcpy(t->shape + 1, f->shape, (size_t)f->rank * sizeof *f->shape);
		record->names[i] = f->name;
	}
}

size_t cnn_columns_row(const struct cnn_columns *columns)
{
	size_t bytes = 1;

	for (size_t i = 0; i < columns->header->field_count; i++)
		if (__builtin_add_overflow(bytes, columns->row[i], &bytes))
			return SIZE_MAX;
	return bytes;
}

size_t cnn_columns_record_samples(const struct cnn_columns *columns)
{
	const size_t bytes = cnn_columns_row(columns);

	return bytes < CNN_RECORD_BYTES ? CNN_RECORD_BYTES / bytes : 1;
}
