/* convert.c - copies, selects and converts segments. */
#include "convert.h"
#include "formats/operand/columns.h"
#include "formats/history.h"
#include "wrong.h"

#include <stdlib.h>
#include <string.h>

struct cnn_convert {
	const struct cnn_convert_options *o;
	struct cnn_output *out;
	struct cnn_writer *writer;
	struct cnn_reshape *reshape; /* or NULL */
	struct cnn_header *header;   /* of the open segment, or NULL */
	/* Samples of that header: the record being filled, or the whole array */
	struct cnn_columns columns;
	size_t limit; /* samples that fill a record; 0: as they come */
	struct cnn_picker *picker;
	uint64_t seen, kept;
};

int cnn_convert_open(struct cnn_convert **convert, const struct cnn_convert_options *o,
    struct cnn_output *out, struct cnn_error *e)
{
	struct cnn_convert *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	c->o = o;
	c->out = out;
	if (o->reshape && !(c->reshape = cnn_reshape_new(o->reshape)))
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	else
		r = cnn_writer_open(&c->writer, out, e);
	if (r == CNN_OK && o->pick)
		r = cnn_picker_open(&c->picker, o->pick, e);
	if (r < 0) {
		cnn_convert_close(c);
		return r;
	}
	*convert = c;
	return CNN_OK;
}

void cnn_convert_close(struct cnn_convert *c)
{
	if (!c)
		return;
	cnn_picker_close(c->picker);
	cnn_columns_free(&c->columns);
	cnn_header_free(c->header);
	cnn_writer_close(c->writer);
	cnn_reshape_free(c->reshape);
	free(c);
}

uint64_t cnn_convert_seen(const struct cnn_convert *c)
{
	return c->seen;
}

uint64_t cnn_convert_kept(const struct cnn_convert *c)
{
	return c->kept;
}

/* Whether the options change the content, so that the run belongs in the history. */
static bool changes(const struct cnn_convert_options *o)
{
	return o->first || o->last != UINT64_MAX || o->pick || o->wrong || o->fields ||
	    o->reshape;
}

static bool converts(const struct cnn_convert_options *o)
{
	return changes(o) || o->batch || o->to;
}

/* --- unchanged -------------------------------------------------------------------- */

static int copy_item(struct cnn_convert *c, struct cnn_operands *in,
    struct cnn_error *e)
{
	const void *data;
	size_t size;

	cnn_operands_item(in, &data, &size);
	return cnn_output_write(c->out, data, size, e);
}

static int copy_segment(struct cnn_convert *c, struct cnn_operands *in,
    struct cnn_error *e)
{
	struct cnn_record record;
	int r = copy_item(c, in, e);

	while (r == CNN_OK && (r = cnn_operands_record(in, &record, e)) == CNN_OK)
		r = copy_item(c, in, e);
	return r == CNN_END ? copy_item(c, in, e) : r;
}

/* --- converted -------------------------------------------------------------------- */

static int flush(struct cnn_convert *c, struct cnn_error *e)
{
	struct cnn_record record;

	if (!c->columns.samples)
		return CNN_OK;
	cnn_columns_view(&c->columns, 0, c->columns.samples, &record);
	c->columns.samples = 0;
	return cnn_writer_record(c->writer, &record, e);
}

/* Writes the whole array. IDX files of grey images are read without a channel axis, so
 * they are written without one. */
static int write_array(struct cnn_convert *c, struct cnn_error *e)
{
	struct cnn_record record;
	struct cnn_tensor *t = record.tensors;

	cnn_columns_view(&c->columns, 0, c->columns.samples, &record);
	if (c->o->to == &cnn_codec_idx && t->rank == 4 && t->shape[1] == 1) {
		t->rank = 3;
		t->shape[1] = t->shape[2];
		t->shape[2] = t->shape[3];
	}
	return c->o->to->write(t, c->out, e);
}

static int end_segment(struct cnn_convert *c, struct cnn_error *e)
{
	int r = CNN_OK;

	if (!c->header)
		return r;
	if (c->picker && (r = cnn_picker_leave(c->picker, e)) < 0)
		return r;
	if (c->o->to)
		r = write_array(c, e);
	else if ((r = flush(c, e)) == CNN_OK)
		r = cnn_writer_end(c->writer, NULL, e);
	cnn_columns_free(&c->columns);
	cnn_header_free(c->header);
	c->header = NULL;
	return r;
}

/* "image, label": the fields of a segment, for a message. */
static const char *field_names(const struct cnn_header *h, char *buf, size_t size)
{
	size_t n = 0;

	*buf = 0;
	for (size_t i = 0; i < h->field_count && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "",
		    h->fields[i].name);
	return buf;
}

/* Keeps only the wanted fields, in the order requested. */
static int select_fields(const struct cnn_convert_options *o, struct cnn_header *h,
    const char *where, struct cnn_error *e)
{
	char names[256];

	for (size_t i = 0; i < o->field_count; i++) {
		struct cnn_field *f = cnn_header_find(h, o->fields[i]), wanted;

		if (!f)
			return cnn_fail(e, CNN_EDATA, "%s: no field %s (fields: %s)",
			    where, o->fields[i], field_names(h, names, sizeof names));
		wanted = *f;
		memmove(h->fields + i + 1, h->fields + i,
		    (size_t)(f - h->fields - i) * sizeof *f);
		h->fields[i] = wanted;
	}
	while (o->fields && h->field_count > o->field_count) {
		struct cnn_field *f = &h->fields[--h->field_count];

		free(f->name);
		cnn_value_free(f->classes);
		cnn_value_free(f->other);
	}
	if (o->to && h->field_count != 1)
		return cnn_fail(e, CNN_EUSAGE,
		    "--to %s takes one field: choose it with --fields (%s)",
		    o->to->name, field_names(h, names, sizeof names));
	return CNN_OK;
}

/* Takes ownership of h. Continues the open segment if it is compatible. */
static int begin_segment(struct cnn_convert *c, struct cnn_header *h, const char *where,
    struct cnn_error *e)
{
	int r;

	if (c->header && converts(c->o) && cnn_header_compatible(c->header, h)) {
		cnn_header_free(h);
		return CNN_OK;
	}
	if (c->header && c->o->to) {
		cnn_header_free(h);
		return cnn_fail(e, CNN_EDATA,
		    "%s: type or shape differs from the data "
		    "before it: --to %s writes a single array",
		    where, c->o->to->name);
	}
	if ((r = end_segment(c, e)) < 0 ||
	    (r = cnn_columns_init(&c->columns, h, e)) < 0 ||
	    (c->picker && (r = cnn_picker_enter(c->picker, h, e)) < 0)) {
		cnn_header_free(h);
		return r;
	}
	c->header = h;
	/* Scattered samples are gathered. */
	c->limit = c->o->batch || !(c->o->pick || c->o->wrong) ?
	    (size_t)c->o->batch :
	    cnn_columns_record_samples(&c->columns);
	return c->o->to ? CNN_OK : cnn_writer_header(c->writer, h, e);
}

/* Gets the fields of c->header for samples first .. first + n - 1 of *record, without
 * copying data. */
static void slice(const struct cnn_convert *c, struct cnn_record *record, size_t first,
    size_t n, struct cnn_record *part)
{
	part->count = c->header->field_count;
	part->samples = n;
	for (size_t i = 0; i < part->count; i++) {
		const char *name = c->header->fields[i].name;

		part->names[i] = name;
		part->tensors[i] = *cnn_record_find(record, name);
		part->tensors[i].data = (unsigned char *)part->tensors[i].data +
		    first * c->columns.row[i];
		part->tensors[i].shape[0] = n;
	}
}

static int emit(struct cnn_convert *c, struct cnn_record *record, size_t first,
    size_t n, struct cnn_error *e)
{
	struct cnn_record part;
	int r = CNN_OK;

	if (c->o->to)
		return cnn_columns_append(&c->columns, record, first, n, e);
	if (!c->limit) {
		slice(c, record, first, n, &part);
		return cnn_writer_record(c->writer, &part, e);
	}
	for (size_t m; r == CNN_OK && n; first += m, n -= m) {
		m = c->limit - c->columns.samples < n ? c->limit - c->columns.samples :
							n;
		r = cnn_columns_append(&c->columns, record, first, m, e);
		if (r == CNN_OK && c->columns.samples == c->limit)
			r = flush(c, e);
	}
	return r;
}

/* Writes the samples of the list, as far as they have arrived. */
static int pick(struct cnn_convert *c, struct cnn_record *record, uint64_t begin,
    struct cnn_error *e)
{
	struct cnn_record *from;
	size_t first, n;
	int r = CNN_OK;

	while (r == CNN_OK &&
	    cnn_picker_next(c->picker, record, begin, &from, &first, &n)) {
		c->kept += n;
		r = emit(c, from, first, n, e);
	}
	return r < 0 ? r : cnn_picker_hold(c->picker, record, begin, e);
}

/* Writes samples first .. last - 1 of a record, or those of them that are wrong. */
static int keep(struct cnn_convert *c, struct cnn_record *record, size_t first,
    size_t last, struct cnn_error *e)
{
	const char *label = c->o->wrong;
	int r = CNN_OK;

	for (size_t n; r == CNN_OK && first < last; first += n) {
		n = last - first;
		for (size_t i = 0; label && i < n; i++)
			if (!cnn_wrong_at(record, label, first + i))
				n = i;
		c->kept += n;
		if (n > 0)
			r = emit(c, record, first, n, e);
		else
			n = 1;
	}
	return r;
}

/* Writes the samples that the arrival of the record allows. Without a given size, a
 * record is not joined to the next one. */
static int convert_record(struct cnn_convert *c, struct cnn_record *record,
    struct cnn_error *e)
{
	uint64_t begin = c->seen, end = begin + record->samples;
	uint64_t first = c->o->first > begin ? c->o->first : begin;
	uint64_t last = c->o->last < end ? c->o->last : end;
	int r = CNN_OK;

	c->seen = end;
	if (c->picker)
		r = pick(c, record, begin, e);
	else if (first < last)
		r = keep(c, record, (size_t)(first - begin), (size_t)(last - begin), e);
	return r < 0 || c->o->batch || c->o->to ? r : flush(c, e);
}

int cnn_convert_segment(struct cnn_convert *c, struct cnn_operands *in,
    const struct cnn_header *header, struct cnn_error *e)
{
	const char *where = cnn_operands_name(in);
	bool stream = cnn_operands_item(in, &(const void *){ 0 }, &(size_t){ 0 });
	struct cnn_record record;
	struct cnn_header *h;
	int r;

	if (header->kind == CNN_MODEL && c->o->to)
		return cnn_fail(e, CNN_EDATA, "%s: can't write a model as %s", where,
		    c->o->to->name);
	if (stream && (header->kind == CNN_MODEL || !converts(c->o))) {
		r = end_segment(c, e);
		return r < 0 ? r : copy_segment(c, in, e);
	}
	if (!(h = cnn_header_copy(header)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	r = c->o->wrong ? cnn_wrong_check(h, c->o->wrong, where, e) : CNN_OK;
	if (r == CNN_OK)
		r = select_fields(c->o, h, where, e);
	if (r == CNN_OK && c->reshape)
		r = cnn_reshape_begin(c->reshape, h, where, e);
	if (r == CNN_OK && (!stream || changes(c->o)))
		r = history_add(h->history, c->o->program, e);
	if (r < 0) {
		cnn_header_free(h);
		return r;
	}
	if ((r = begin_segment(c, h, where, e)) < 0)
		return r;
	while ((r = cnn_operands_record(in, &record, e)) == CNN_OK) {
		if (c->reshape)
			r = cnn_reshape_record(c->reshape, &record, e);
		if (r < 0 || (r = convert_record(c, &record, e)) < 0)
			break;
	}
	return r == CNN_END ? CNN_OK : r;
}

int cnn_convert_end(struct cnn_convert *c, struct cnn_error *e)
{
	int r = c->picker ? cnn_picker_check(c->picker, c->seen, e) : CNN_OK;

	return r < 0 ? r : end_segment(c, e);
}
