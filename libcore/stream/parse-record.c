/* parse-record.c - parses records and ends, which another program may have written. */
#include "object.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>

void cnn_scratch_free(struct cnn_scratch *s)
{
	for (size_t i = 0; i < CNN_MAX_FIELDS; i++)
		free(s->blocks[i]);
}

/* --- tensors ---------------------------------------------------------------------- */

/* Gets the element type from msgpack-numpy's type string. Bfloat16 is sent as two raw
 * bytes; only the header's dtype distinguishes it from other two-byte types. */
static int type_of(const msgpack_object *o, const struct cnn_field *f,
    enum cnn_dtype *dtype, bool *swap, struct cnn_error *e)
{
	char text[16];
	const char *s;
	size_t n;

	/* numpy describes V2 as a structured type with one unnamed member. */
	if (o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == 1 &&
	    o->via.array.ptr[0].type == MSGPACK_OBJECT_ARRAY &&
	    o->via.array.ptr[0].via.array.size == 2)
		o = &o->via.array.ptr[0].via.array.ptr[1];
	if (!cnn_object_text(o, &s, &n) || n == 0 || n >= sizeof text)
		return cnn_fail(e, CNN_EDATA, "structured or unnamed type");
	memcpy(text, s, n);
	text[n] = '\0';
	if (strcmp(text + 1, "V2") == 0 && f && f->dtype == CNN_BF16) {
		*swap = text[0] == '>';
		*dtype = CNN_BF16;
		return CNN_OK;
	}
	*dtype = cnn_numpy_dtype(text, swap);
	if (*dtype == CNN_DTYPE_NONE || *dtype == CNN_BF16 || !strchr("<|", text[0]))
		return cnn_fail(e, CNN_EDATA, "type %.*s is not supported", (int)n, s);
	return CNN_OK;
}

static int parse_tensor(const msgpack_object *o, const struct cnn_field *f,
    struct cnn_tensor *t, bool *swap, struct cnn_error *e)
{
	const msgpack_object *nd, *type, *kind, *data;
	const char *s;
	size_t n, bytes;
	int r;

	if (o->type != MSGPACK_OBJECT_MAP)
		return cnn_fail(e, CNN_EDATA, "not a tensor");
	nd = cnn_object_get(o, "nd");
	type = cnn_object_get(o, "type");
	kind = cnn_object_get(o, "kind");
	data = cnn_object_get(o, "data");
	if (!nd || nd->type != MSGPACK_OBJECT_BOOLEAN || !type || !data)
		return cnn_fail(e, CNN_EDATA,
		    "not a tensor in the form that msgpack-numpy writes");
	if (kind && cnn_object_is(kind, "O"))
		return cnn_fail(e, CNN_EDATA,
		    "kind O is not supported: it is a pickle, which could run code");
	if (!nd->via.boolean)
		return cnn_fail(e, CNN_EDATA, "numpy scalar: must be an array");
	if (kind && !cnn_object_is(kind, "") && !cnn_object_is(kind, "V"))
		return cnn_fail(e, CNN_EDATA, "unknown kind of tensor");
	if ((r = type_of(type, f, &t->dtype, swap, e)) < 0)
		return r;
	if (!cnn_object_shape(cnn_object_get(o, "shape"), &t->rank, t->shape))
		return cnn_fail(e, CNN_EDATA,
		    "shape is missing or has more than %d axes", CNN_MAX_RANK);
	if (!cnn_object_text(data, &s, &n))
		return cnn_fail(e, CNN_EDATA, "no data");
	if (!cnn_tensor_bytes(t, &bytes) || bytes != n) {
		char shape[CNN_SHAPE_TEXT];

		return cnn_fail(e, CNN_EDATA, "%zu bytes of data do not fit %s %s", n,
		    cnn_dtype_name(t->dtype),
		    cnn_shape_text(t->rank, t->shape, shape, sizeof shape));
	}
	t->data = (void *)(uintptr_t)s;
	return CNN_OK;
}

static void swap_bytes(unsigned char *p, size_t count, size_t size)
{
	for (; count > 0; count--, p += size)
		for (size_t a = 0, b = size - 1; a < b; a++, b--) {
			unsigned char c = p[a];

			p[a] = p[b];
			p[b] = c;
		}
}

/* Copies the tensor's data to its own memory if it cannot be used in place. */
static int settle(struct cnn_tensor *t, bool swap, struct cnn_scratch *scratch,
    size_t i, struct cnn_error *e)
{
	size_t size = cnn_dtype_size(t->dtype), bytes;
	void *block;

	cnn_tensor_bytes(t, &bytes);
	if (bytes == 0 || (!swap && (uintptr_t)t->data % size == 0))
		return CNN_OK;
	if (bytes > scratch->sizes[i]) {
		if (!(block = realloc(scratch->blocks[i], bytes)))
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		scratch->blocks[i] = block;
		scratch->sizes[i] = bytes;
	}
	memcpy(scratch->blocks[i], t->data, bytes);
	t->data = scratch->blocks[i];
	if (swap)
		swap_bytes(t->data, bytes / size, size);
	return CNN_OK;
}

/* --- records and ends ------------------------------------------------------------- */

static int parse_count(const msgpack_object *end, const char *key, bool *has,
    uint64_t *count, struct cnn_error *e)
{
	const msgpack_object *v = cnn_object_get(end, key);

	*has = v != NULL;
	if (v && !cnn_object_uint(v, count))
		return cnn_fail(e, CNN_EDATA, "end: %s must be an integer >= 0", key);
	return CNN_OK;
}

static int parse_end(const msgpack_object *o, struct cnn_end *end, struct cnn_error *e)
{
	const msgpack_object *v;
	const char *s;
	char text[17], *stop;
	size_t n;
	int r;

	if ((r = parse_count(o, "records", &end->has_records, &end->records, e)) < 0 ||
	    (r = parse_count(o, "samples", &end->has_samples, &end->samples, e)) < 0)
		return r;
	if (!(v = cnn_object_get(o, "xxh3")))
		return CNN_OK;
	if (!cnn_object_text(v, &s, &n) || n != 16)
		return cnn_fail(e, CNN_EDATA,
		    "end: xxh3 must be 16 hexadecimal digits");
	memcpy(text, s, n);
	text[n] = '\0';
	end->digest = strtoull(text, &stop, 16);
	end->has_digest = true;
	if (*stop || strspn(text, "0123456789abcdefABCDEF") != 16)
		return cnn_fail(e, CNN_EDATA,
		    "end: xxh3 must be 16 hexadecimal digits");
	return CNN_OK;
}

/* Checks that the tensor fits its field. In a model, a record may hold only a part of
 * the first axis. */
static int check_tensor(const struct cnn_header *h, const struct cnn_field *f,
    const struct cnn_tensor *t, struct cnn_error *e)
{
	bool data = h->kind == CNN_DATA, fits;
	char a[CNN_SHAPE_TEXT], b[CNN_SHAPE_TEXT];

	if (data)
		fits = t->rank == f->rank + 1 &&
		    memcmp(t->shape + 1, f->shape,
			(size_t)f->rank * sizeof *f->shape) == 0;
	else
		fits = t->rank == f->rank &&
		    (t->rank == 0 ||
			(t->shape[0] <= f->shape[0] &&
			    memcmp(t->shape + 1, f->shape + 1,
				(size_t)(f->rank - 1) * sizeof *f->shape) == 0));
	if (t->dtype == f->dtype && fits)
		return CNN_OK;
	return cnn_fail(e, CNN_EDATA, "%s %s%s does not match the header's %s %s%s",
	    cnn_dtype_name(t->dtype), data ? "Nx" : "",
	    data && t->rank > 0 ?
		cnn_shape_text(t->rank - 1, t->shape + 1, a, sizeof a) :
		cnn_shape_text(t->rank, t->shape, a, sizeof a),
	    cnn_dtype_name(f->dtype), data ? "Nx" : "",
	    cnn_shape_text(f->rank, f->shape, b, sizeof b));
}

static int parse_member(struct cnn_header *h, bool learning,
    const msgpack_object_kv *kv, struct cnn_scratch *scratch, struct cnn_record *rec,
    struct cnn_error *e)
{
	char name[CNN_MAX_NAME + 1] = "";
	struct cnn_tensor t;
	struct cnn_field *f;
	bool data = h->kind == CNN_DATA, swap = false;
	int r;

	if (!cnn_object_name(&kv->key, name))
		return cnn_fail(e, CNN_EDATA,
		    strcmp(name, "tensor-stream") == 0 ?
			"new header before the end of the segment: the first stream is "
			"truncated" :
			"invalid field name");
	f = cnn_header_find(h, name);
	if (!f && !learning)
		return cnn_fail(e, CNN_EDATA, "field %s: not in the header", name);
	if ((r = parse_tensor(&kv->val, f, &t, &swap, e)) < 0)
		goto named;
	if (data && t.rank == 0) {
		r = cnn_fail(e, CNN_EDATA, "no sample axis");
		goto named;
	}
	if (!f && (r = cnn_check_elements(t.rank - data, t.shape + data, e)) < 0)
		goto named;
	if (!f &&
	    !(f = cnn_header_add(h, name, t.dtype, t.rank - data, t.shape + data))) {
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
		goto named;
	}
	if (cnn_record_find(rec, name)) {
		r = cnn_fail(e, CNN_EDATA, "occurs twice in the record");
		goto named;
	}
	if ((r = check_tensor(h, f, &t, e)) < 0)
		goto named;
	if (data && rec->count > 0 && t.shape[0] != rec->samples) {
		r = cnn_fail(e, CNN_EDATA, "%zu samples, but field %s has %zu",
		    t.shape[0], rec->names[0], rec->samples);
		goto named;
	}
	if ((r = settle(&t, swap, scratch, rec->count, e)) < 0)
		goto named;
	if (data)
		rec->samples = t.shape[0];
	rec->names[rec->count] = f->name;
	rec->tensors[rec->count++] = t;
	return CNN_OK;
named:
	cnn_error_prefix(e, "field %s", name);
	return r;
}

static int record_of(const msgpack_object *o, struct cnn_header *h,
    struct cnn_scratch *scratch, struct cnn_record *rec, struct cnn_error *e)
{
	bool learning = h->field_count == 0;
	int r;

	rec->count = 0;
	rec->samples = 0;
	if (o->via.map.size > CNN_MAX_FIELDS)
		return cnn_fail(e, CNN_EDATA, "more than %d fields", CNN_MAX_FIELDS);
	for (uint32_t i = 0; i < o->via.map.size; i++)
		if ((r = parse_member(h, learning, &o->via.map.ptr[i], scratch, rec,
			 e)) < 0)
			return r;
	if (h->kind == CNN_DATA && rec->count != h->field_count)
		return cnn_fail(e, CNN_EDATA, "%zu fields, but the header declares %zu",
		    rec->count, h->field_count);
	return CNN_OK;
}

int cnn_parse_item(const unsigned char *data, size_t size, struct cnn_header *h,
    struct cnn_scratch *scratch, struct cnn_record *rec, struct cnn_end *end,
    struct cnn_error *e)
{
	msgpack_unpacked u;
	const msgpack_object *o = &u.data;
	int r = cnn_object_unpack(data, size, &u, e);

	*end = (struct cnn_end){ 0 };
	if (r == CNN_OK) {
		if (o->via.map.size == 1 &&
		    cnn_object_is(&o->via.map.ptr[0].key, "end")) {
			o = &o->via.map.ptr[0].val;
			end->is_end = true;
			r = o->type != MSGPACK_OBJECT_MAP || size > CNN_MAX_HEADER ?
			    cnn_fail(e, CNN_EDATA, "end: not a map") :
			    parse_end(o, end, e);
			if (r == CNN_OK)
				r = CNN_END;
		} else {
			r = record_of(o, h, scratch, rec, e);
		}
	}
	msgpack_unpacked_destroy(&u);
	return r;
}
