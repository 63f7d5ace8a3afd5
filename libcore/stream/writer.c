/* writer.c - writes tensor streams. */
#include "pack.h"

#define XXH_STATIC_LINKING_ONLY
#include "stream.h"
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct cnn_writer {
	struct cnn_output *out;
	XXH3_state_t *hash;
	msgpack_sbuffer buf; /* the item being packed */
	msgpack_packer pk;
	struct cnn_header *header; /* header of the open segment, or NULL */
	size_t records, samples;
	bool out_of_memory; /* something was not packed */
};

static int count_bytes(void *sum, const char *data, size_t size)
{
	(void)data;
	*(size_t *)sum += size;
	return 0;
}

/* msgpack-c's packers continue after a failed write, so record the failure here. */
static int pack_write(void *writer, const char *data, size_t size)
{
	struct cnn_writer *w = writer;

	if (msgpack_sbuffer_write(&w->buf, data, size) < 0)
		w->out_of_memory = true;
	return 0;
}

int cnn_writer_open(struct cnn_writer **writer, struct cnn_output *out,
    struct cnn_error *e)
{
	struct cnn_writer *w = calloc(1, sizeof *w);

	*writer = NULL;
	if (!w || !(w->hash = XXH3_createState())) {
		free(w);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	w->out = out;
	msgpack_sbuffer_init(&w->buf);
	msgpack_packer_init(&w->pk, w, pack_write);
	*writer = w;
	return CNN_OK;
}

void cnn_writer_close(struct cnn_writer *w)
{
	if (!w)
		return;
	cnn_header_free(w->header);
	msgpack_sbuffer_destroy(&w->buf);
	XXH3_freeState(w->hash);
	free(w);
}

/* --- packing ---------------------------------------------------------------------- */

static void pack_str(msgpack_packer *pk, const char *s)
{
	size_t n = strlen(s);

	msgpack_pack_str(pk, n);
	msgpack_pack_str_body(pk, s, n);
}

/* msgpack-numpy's keys are bytes, not text. */
static void pack_bin(msgpack_packer *pk, const char *s)
{
	size_t n = strlen(s);

	msgpack_pack_bin(pk, n);
	msgpack_pack_bin_body(pk, s, n);
}

static void pack_shape(msgpack_packer *pk, int rank, const size_t *shape)
{
	msgpack_pack_array(pk, (size_t)rank);
	for (int i = 0; i < rank; i++)
		msgpack_pack_uint64(pk, shape[i]);
}

/* Packs all of a tensor except its bytes. */
static void pack_tensor_head(msgpack_packer *pk, const struct cnn_tensor *t,
    size_t bytes)
{
	msgpack_pack_map(pk, 5);
	pack_bin(pk, "nd");
	msgpack_pack_true(pk);
	pack_bin(pk, "type");
	pack_str(pk, cnn_dtype_typestr(t->dtype));
	pack_bin(pk, "kind");
	pack_bin(pk, "");
	pack_bin(pk, "shape");
	pack_shape(pk, t->rank, t->shape);
	pack_bin(pk, "data");
	msgpack_pack_bin(pk, bytes);
}

static void pack_field(msgpack_packer *pk, const struct cnn_field *f)
{
	const struct cnn_value *other = f->other;
	size_t extra = other ? other->as.map.count : 0;

	pack_str(pk, f->name);
	msgpack_pack_map(pk, 2 + 2 * f->has_scale + (f->classes != NULL) + extra);
	pack_str(pk, "dtype");
	pack_str(pk, cnn_dtype_name(f->dtype));
	pack_str(pk, "shape");
	pack_shape(pk, f->rank, f->shape);
	if (f->has_scale) {
		pack_str(pk, "scale");
		msgpack_pack_double(pk, f->scale);
		pack_str(pk, "offset");
		msgpack_pack_double(pk, f->offset);
	}
	if (f->classes) {
		pack_str(pk, "classes");
		cnn_value_pack(pk, f->classes);
	}
	for (size_t i = 0; i < extra; i++) {
		cnn_value_pack(pk, other->as.map.keys[i]);
		cnn_value_pack(pk, other->as.map.values[i]);
	}
}

/* Writes what was packed and adds it to the digest. */
static int emit(struct cnn_writer *w, struct cnn_error *e)
{
	int r;

	if (w->out_of_memory)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	XXH3_64bits_update(w->hash, w->buf.data, w->buf.size);
	r = cnn_output_write(w->out, w->buf.data, w->buf.size, e);
	msgpack_sbuffer_clear(&w->buf);
	return r;
}

/* --- writing ---------------------------------------------------------------------- */

static void pack_header(msgpack_packer *pk, const struct cnn_header *h)
{
	size_t extra = h->other ? h->other->as.map.count : 0;

	msgpack_pack_map(pk, 5 + (h->model != NULL) + extra);
	pack_str(pk, "tensor-stream");
	msgpack_pack_uint64(pk, CNN_STREAM_VERSION);
	pack_str(pk, "kind");
	pack_str(pk, h->kind == CNN_MODEL ? "model" : "data");
	pack_str(pk, "fields");
	msgpack_pack_map(pk, h->field_count);
	for (size_t i = 0; i < h->field_count; i++)
		pack_field(pk, &h->fields[i]);
	pack_str(pk, "meta");
	cnn_value_pack(pk, h->meta);
	pack_str(pk, "history");
	cnn_value_pack(pk, h->history);
	if (h->model) {
		pack_str(pk, "model");
		cnn_value_pack(pk, h->model);
	}
	for (size_t i = 0; i < extra; i++) {
		cnn_value_pack(pk, h->other->as.map.keys[i]);
		cnn_value_pack(pk, h->other->as.map.values[i]);
	}
}

static int check_header(const char *name, size_t bytes, size_t most,
    struct cnn_error *e)
{
	return bytes <= most ?
	    CNN_OK :
	    cnn_fail(e, CNN_EDATA,
		"%s: header of %zu bytes is too large (at most %zu): its list of "
		"classes, its net or its options are too long",
		name, bytes, most);
}

int cnn_header_check(const struct cnn_header *h, const char *name, struct cnn_error *e)
{
	msgpack_packer pk;
	size_t bytes = 0;

	msgpack_packer_init(&pk, &bytes, count_bytes);
	pack_header(&pk, h);
	return check_header(name, bytes, CNN_MAX_HEADER - CNN_HEADER_ROOM, e);
}

int cnn_writer_header(struct cnn_writer *w, const struct cnn_header *h,
    struct cnn_error *e)
{
	int r;

	if (w->header)
		return cnn_fail(e, CNN_EUSAGE, "a header inside a segment");
	if (!(w->header = cnn_header_copy(h)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	w->records = w->samples = 0;
	XXH3_64bits_reset(w->hash);
	msgpack_sbuffer_clear(&w->buf);
	pack_header(&w->pk, h);
	r = check_header(cnn_output_name(w->out), w->buf.size, CNN_MAX_HEADER, e);
	return r < 0 ? r : emit(w, e);
}

/* Checks that the tensor fits the header's field of that name. */
static int check_field(const struct cnn_writer *w, const char *name,
    const struct cnn_tensor *t, struct cnn_error *e)
{
	const struct cnn_field *f = cnn_header_find(w->header, name);
	int sample_axis = w->header->kind == CNN_DATA;
	char a[CNN_SHAPE_TEXT], b[CNN_SHAPE_TEXT];

	if (!f)
		return cnn_fail(e, CNN_EDATA, "field %s: not in the header", name);
	if (t->dtype != f->dtype || t->rank - sample_axis != f->rank ||
	    (sample_axis &&
		memcmp(t->shape + 1, f->shape, (size_t)f->rank * sizeof *f->shape) !=
		    0))
		return cnn_fail(e, CNN_EDATA,
		    "field %s: %s %s does not match the header's %s %s", name,
		    cnn_dtype_name(t->dtype),
		    cnn_shape_text(t->rank - sample_axis, t->shape + sample_axis, a,
			sizeof a),
		    cnn_dtype_name(f->dtype),
		    cnn_shape_text(f->rank, f->shape, b, sizeof b));
	return CNN_OK;
}

/* Writes rows [first, first + rows) of every tensor as one record. rows 0 means the
 * whole tensors, whatever their lengths. */
static int write_rows(struct cnn_writer *w, const struct cnn_record *rec, size_t first,
    size_t rows, struct cnn_error *e)
{
	int r;

	msgpack_sbuffer_clear(&w->buf);
	msgpack_pack_map(&w->pk, rec->count);
	for (size_t i = 0; i < rec->count; i++) {
		struct cnn_tensor t = rec->tensors[i];
		size_t bytes, row_bytes;

		if (rows > 0 && t.rank > 0) {
			row_bytes = cnn_tensor_sample_count(&t) *
			    cnn_dtype_size(t.dtype);
			t.data = (char *)t.data + first * row_bytes;
			t.shape[0] = rows;
		}
		if (!cnn_tensor_bytes(&t, &bytes))
			return cnn_fail(e, CNN_EDATA, "field %s: too large",
			    rec->names[i]);
		pack_str(&w->pk, rec->names[i]);
		pack_tensor_head(&w->pk, &t, bytes);
		if ((r = emit(w, e)) < 0)
			return r;
		XXH3_64bits_update(w->hash, t.data, bytes);
		if ((r = cnn_output_write(w->out, t.data, bytes, e)) < 0)
			return r;
	}
	w->records++;
	if (w->header->kind == CNN_DATA)
		w->samples += rows;
	return CNN_OK;
}

int cnn_writer_record(struct cnn_writer *w, const struct cnn_record *rec,
    struct cnn_error *e)
{
	size_t rows = 0, row_bytes = 0, step, n;
	bool data;
	int r;

	if (!w->header)
		return cnn_fail(e, CNN_EUSAGE, "a record outside a segment");
	data = w->header->kind == CNN_DATA;
	if (rec->count == 0 || (data && rec->count != w->header->field_count))
		return cnn_fail(e, CNN_EDATA,
		    "record has %zu fields, but the header has %zu", rec->count,
		    w->header->field_count);
	for (size_t i = 0; i < rec->count; i++) {
		const struct cnn_tensor *t = &rec->tensors[i];

		if ((r = check_field(w, rec->names[i], t, e)) < 0)
			return r;
		if (t->rank == 0)
			continue;
		if (data && i > 0 && t->shape[0] != rows)
			return cnn_fail(e, CNN_EDATA,
			    "field %s: %zu samples, but field %s has %zu",
			    rec->names[i], t->shape[0], rec->names[0], rows);
		rows = t->shape[0];
		n = cnn_tensor_sample_count(t) * cnn_dtype_size(t->dtype);
		if (n > row_bytes)
			row_bytes = n;
	}
	if (row_bytes > CNN_MAX_TENSOR)
		return cnn_fail(e, CNN_EDATA,
		    "one row of a tensor takes %zu bytes (at most %zu)", row_bytes,
		    CNN_MAX_TENSOR);
	/* Parameters that share a record can differ in length. */
	if (rows == 0 || (!data && rec->count > 1))
		return write_rows(w, rec, 0, 0, e);
	step = row_bytes ? CNN_MAX_TENSOR / row_bytes : rows;
	for (size_t i = 0; i < rows; i += step)
		if ((r = write_rows(w, rec, i, rows - i < step ? rows - i : step, e)) <
		    0)
			return r;
	return CNN_OK;
}

int cnn_writer_end(struct cnn_writer *w, char *digest, struct cnn_error *e)
{
	char hex[17];

	if (!w->header)
		return cnn_fail(e, CNN_EUSAGE, "an end outside a segment");
	snprintf(hex, sizeof hex, "%016llx",
	    (unsigned long long)XXH3_64bits_digest(w->hash));
	if (digest)
		memcpy(digest, hex, sizeof hex);
	msgpack_sbuffer_clear(&w->buf);
	msgpack_pack_map(&w->pk, 1);
	pack_str(&w->pk, "end");
	msgpack_pack_map(&w->pk, 3);
	pack_str(&w->pk, "records");
	msgpack_pack_uint64(&w->pk, w->records);
	pack_str(&w->pk, "samples");
	msgpack_pack_uint64(&w->pk, w->samples);
	pack_str(&w->pk, "xxh3");
	pack_str(&w->pk, hex);
	cnn_header_free(w->header);
	w->header = NULL;
	return emit(w, e);
}
