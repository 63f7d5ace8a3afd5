/* parse.c - headers, records and ends, as a foreign program may write them. */
#include "parse.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void cnn_scratch_free(struct cnn_scratch *s)
{
	for (size_t i = 0; i < CNN_MAX_FIELDS; i++)
		free(s->blocks[i]);
}

/* --- small steps over msgpack objects ------------------------------------- */

/* Text, whether it came as str or as bin (msgpack-numpy writes both). The two
 * have the same layout in the union. */
static bool text_of(const msgpack_object *o, const char **s, size_t *n)
{
	if (o->type != MSGPACK_OBJECT_STR && o->type != MSGPACK_OBJECT_BIN)
		return false;
	*s = o->via.str.ptr;
	*n = o->via.str.size;
	return true;
}

static bool text_is(const msgpack_object *o, const char *want)
{
	const char *s;
	size_t n;

	return text_of(o, &s, &n) && n == strlen(want) && memcmp(s, want, n) == 0;
}

static const msgpack_object *map_get(const msgpack_object *map, const char *key)
{
	for (uint32_t i = 0; i < map->via.map.size; i++)
		if (text_is(&map->via.map.ptr[i].key, key))
			return &map->via.map.ptr[i].val;
	return NULL;
}

static bool uint_of(const msgpack_object *o, uint64_t *u)
{
	if (!o || o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return false;
	*u = o->via.u64;
	return true;
}

static bool number_of(const msgpack_object *o, double *d)
{
	switch (o ? o->type : MSGPACK_OBJECT_NIL) {
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		*d = (double)o->via.u64;
		return true;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		*d = (double)o->via.i64;
		return true;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		*d = o->via.f64;
		return true;
	default:
		return false;
	}
}

static bool shape_of(const msgpack_object *o, int *rank, size_t *shape)
{
	uint64_t u;

	if (!o || o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size > CNN_MAX_RANK)
		return false;
	*rank = (int)o->via.array.size;
	for (int i = 0; i < *rank; i++) {
		if (!uint_of(&o->via.array.ptr[i], &u) || u > SIZE_MAX)
			return false;
		shape[i] = (size_t)u;
	}
	return true;
}

/* A name that can be printed and can't be mistaken for another item. */
static bool name_of(const msgpack_object *o, char name[CNN_MAX_NAME + 1])
{
	const char *s;
	size_t n;

	if (!text_of(o, &s, &n) || n == 0 || n > CNN_MAX_NAME)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	memcpy(name, s, n);
	name[n] = '\0';
	return true;
}

/* Unpacks what cnn_scan_item() has walked; the object refers to data. */
static int unpack(const unsigned char *data, size_t size, msgpack_unpacked *u,
	struct cnn_error *e)
{
	size_t off = 0;
	msgpack_unpack_return r;

	msgpack_unpacked_init(u);
	r = msgpack_unpack_next(u, (const char *)data, size, &off);
	if (r == MSGPACK_UNPACK_NOMEM_ERROR)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (r != MSGPACK_UNPACK_SUCCESS || off != size)
		return cnn_fail(e, CNN_EDATA, "not MessagePack");
	if (u->data.type != MSGPACK_OBJECT_MAP || u->data.via.map.size == 0)
		return cnn_fail(e, CNN_EDATA, "not a map: is this a tensor stream?");
	return CNN_OK;
}

/* --- the header -------------------------------------------------------------- */

static int parse_field(struct cnn_header *h, const msgpack_object_kv *kv,
	struct cnn_error *e)
{
	static const char *const known[] = { "dtype", "shape", "scale", "offset",
		"classes" };
	const msgpack_object *o = &kv->val, *v;
	char name[CNN_MAX_NAME + 1], text[32];
	size_t shape[CNN_MAX_RANK], n;
	enum cnn_dtype dtype;
	struct cnn_field *f;
	const char *s;
	int rank;

	if (!name_of(&kv->key, name) || strcmp(name, "end") == 0 ||
	    strcmp(name, "tensor-stream") == 0)
		return cnn_fail(e, CNN_EDATA, "a field's name is not one: 1 to %d "
			"printable bytes are wanted, and neither \"end\" nor "
			"\"tensor-stream\"", CNN_MAX_NAME);
	if (cnn_header_find(h, name))
		return cnn_fail(e, CNN_EDATA, "field %s: declared twice", name);
	if (o->type != MSGPACK_OBJECT_MAP)
		return cnn_fail(e, CNN_EDATA, "field %s: not a map", name);
	v = map_get(o, "dtype");
	if (!v || !text_of(v, &s, &n) || n >= sizeof text)
		return cnn_fail(e, CNN_EDATA, "field %s: no dtype", name);
	memcpy(text, s, n);
	text[n] = '\0';
	if ((dtype = cnn_dtype_parse(text)) == CNN_DTYPE_NONE)
		return cnn_fail(e, CNN_EDATA, "field %s: no such dtype: %s", name, text);
	if (!shape_of(map_get(o, "shape"), &rank, shape) ||
	    rank + (h->kind == CNN_DATA) > CNN_MAX_RANK || !cnn_shape_count(rank, shape, &n))
		return cnn_fail(e, CNN_EDATA, "field %s: no shape, or none of at most %d "
			"axes", name, CNN_MAX_RANK - (h->kind == CNN_DATA));
	if (!(f = cnn_header_add(h, name, dtype, rank, shape)))
		return cnn_fail(e, CNN_EDATA, "field %s: too many fields", name);
	if (map_get(o, "scale") || map_get(o, "offset")) {
		f->has_scale = true;
		f->scale = 1;
		if ((map_get(o, "scale") && !number_of(map_get(o, "scale"), &f->scale)) ||
		    (map_get(o, "offset") && !number_of(map_get(o, "offset"), &f->offset)))
			return cnn_fail(e, CNN_EDATA, "field %s: scale or offset is no number",
				name);
	}
	if ((v = map_get(o, "classes"))) {
		if (v->type != MSGPACK_OBJECT_ARRAY || !(f->classes = cnn_value_unpack(v)))
			return cnn_fail(e, CNN_EDATA, "field %s: classes is no array", name);
		for (size_t i = 0; i < f->classes->as.array.count; i++)
			if (f->classes->as.array.items[i]->type != CNN_STR)
				return cnn_fail(e, CNN_EDATA, "field %s: class %zu is no text",
					name, i);
	}
	/* Keys of a later version are carried through. */
	if (!(f->other = cnn_value_unpack(o)))
		return cnn_fail(e, CNN_EDATA, "field %s: holds what a header can't", name);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		cnn_value_remove(f->other, known[i]);
	if (f->other->as.map.count == 0) {
		cnn_value_free(f->other);
		f->other = NULL;
	}
	return CNN_OK;
}

/* Takes a value of the wanted type into *to; absent leaves it. */
static int take_value(const msgpack_object *map, const char *key,
	enum cnn_value_type type, struct cnn_value **to, struct cnn_error *e)
{
	const msgpack_object *o = map_get(map, key);
	struct cnn_value *v;

	if (!o)
		return CNN_OK;
	v = cnn_value_unpack(o);
	if (!v || v->type != type) {
		cnn_value_free(v);
		return cnn_fail(e, CNN_EDATA, "\"%s\" is no %s", key,
			type == CNN_MAP ? "map with text keys" : "array");
	}
	cnn_value_free(*to);
	*to = v;
	return CNN_OK;
}

static int header_of(const msgpack_object *o, struct cnn_header **header,
	struct cnn_error *e)
{
	static const char *const known[] = { "tensor-stream", "kind", "fields",
		"meta", "history", "model" };
	const msgpack_object *kind, *fields;
	struct cnn_header *h;
	uint64_t version;
	int r;

	if (!text_is(&o->via.map.ptr[0].key, "tensor-stream"))
		return cnn_fail(e, CNN_EDATA, "the first key is not \"tensor-stream\": "
			"is this a tensor stream?");
	if (!uint_of(&o->via.map.ptr[0].val, &version) || version == 0)
		return cnn_fail(e, CNN_EDATA, "no version");
	if (version > CNN_STREAM_VERSION)
		return cnn_fail(e, CNN_EDATA, "version %llu: this program reads version "
			"%d", (unsigned long long)version, CNN_STREAM_VERSION);
	kind = map_get(o, "kind");
	if (!kind || (!text_is(kind, "data") && !text_is(kind, "model")))
		return cnn_fail(e, CNN_EDATA, "kind is neither \"data\" nor \"model\"");
	if (!(h = *header = cnn_header_new(text_is(kind, "model") ? CNN_MODEL : CNN_DATA)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if ((fields = map_get(o, "fields"))) {
		if (fields->type != MSGPACK_OBJECT_MAP)
			return cnn_fail(e, CNN_EDATA, "\"fields\" is no map");
		for (uint32_t i = 0; i < fields->via.map.size; i++)
			if ((r = parse_field(h, &fields->via.map.ptr[i], e)) < 0)
				return r;
	}
	if ((r = take_value(o, "meta", CNN_MAP, &h->meta, e)) < 0 ||
	    (r = take_value(o, "history", CNN_ARRAY, &h->history, e)) < 0 ||
	    (r = take_value(o, "model", CNN_MAP, &h->model, e)) < 0)
		return r;
	if (!(h->other = cnn_value_unpack(o)))
		return cnn_fail(e, CNN_EDATA, "holds an extension type, or a key that is "
			"no text");
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		cnn_value_remove(h->other, known[i]);
	if (h->other->as.map.count == 0) {
		cnn_value_free(h->other);
		h->other = NULL;
	}
	return CNN_OK;
}

int cnn_parse_header(const unsigned char *data, size_t size,
	struct cnn_header **header, struct cnn_error *e)
{
	msgpack_unpacked u;
	int r = unpack(data, size, &u, e);

	*header = NULL;
	if (r == CNN_OK)
		r = header_of(&u.data, header, e);
	msgpack_unpacked_destroy(&u);
	if (r < 0) {
		cnn_header_free(*header);
		*header = NULL;
	}
	return r;
}

/* --- tensors ----------------------------------------------------------------- */

/* The element type as msgpack-numpy names it. Bfloat16 travels as two raw
 * bytes, which only the header's dtype can tell from others. */
static int type_of(const msgpack_object *o, const struct cnn_field *f,
	enum cnn_dtype *dtype, bool *swap, struct cnn_error *e)
{
	char text[16];
	const char *s;
	size_t n;

	/* A structured type of one nameless member: numpy's own word for V2. */
	if (o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == 1 &&
	    o->via.array.ptr[0].type == MSGPACK_OBJECT_ARRAY &&
	    o->via.array.ptr[0].via.array.size == 2)
		o = &o->via.array.ptr[0].via.array.ptr[1];
	if (!text_of(o, &s, &n) || n == 0 || n >= sizeof text)
		return cnn_fail(e, CNN_EDATA, "a structured or unnamed type");
	memcpy(text, s, n);
	text[n] = '\0';
	*swap = text[0] == '>';
	if (strcmp(text + 1, "V2") == 0 && f && f->dtype == CNN_BF16) {
		*dtype = CNN_BF16;
		return CNN_OK;
	}
	if (*swap || text[0] == '=')
		text[0] = '<';
	*dtype = cnn_dtype_parse(text);
	if (*dtype == CNN_DTYPE_NONE && text[0] == '<' && strlen(text) == 3 &&
	    text[2] == '1') {
		text[0] = '|';
		*dtype = cnn_dtype_parse(text);
	}
	if (*dtype == CNN_DTYPE_NONE || *dtype == CNN_BF16 || !strchr("<|", text[0]))
		return cnn_fail(e, CNN_EDATA, "type %.*s is not taken", (int)n, s);
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
	nd = map_get(o, "nd");
	type = map_get(o, "type");
	kind = map_get(o, "kind");
	data = map_get(o, "data");
	if (!nd || nd->type != MSGPACK_OBJECT_BOOLEAN || !type || !data)
		return cnn_fail(e, CNN_EDATA, "not a tensor as msgpack-numpy writes them");
	if (kind && text_is(kind, "O"))
		return cnn_fail(e, CNN_EDATA, "kind O is a pickle, which could run code: "
			"it is never taken");
	if (!nd->via.boolean)
		return cnn_fail(e, CNN_EDATA, "a numpy scalar: an array is wanted");
	if (kind && !text_is(kind, "") && !text_is(kind, "V"))
		return cnn_fail(e, CNN_EDATA, "an unknown kind of tensor");
	if ((r = type_of(type, f, &t->dtype, swap, e)) < 0)
		return r;
	if (!shape_of(map_get(o, "shape"), &t->rank, t->shape))
		return cnn_fail(e, CNN_EDATA, "no shape of at most %d axes", CNN_MAX_RANK);
	if (!text_of(data, &s, &n))
		return cnn_fail(e, CNN_EDATA, "no data");
	if (!cnn_tensor_bytes(t, &bytes) || bytes != n) {
		char shape[CNN_SHAPE_TEXT];

		return cnn_fail(e, CNN_EDATA, "%zu bytes for %s %s", n,
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

/* Moves the tensor's data to memory of its own if it can't be used where it
 * stands in the item. */
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

/* --- records and ends --------------------------------------------------------- */

static int parse_end(const msgpack_object *o, struct cnn_end *end,
	struct cnn_error *e)
{
	const msgpack_object *v;
	const char *s;
	char text[17], *stop;
	size_t n;

	*end = (struct cnn_end){ 0 };
	if ((v = map_get(o, "records")))
		end->has_records = uint_of(v, &end->records);
	if ((v = map_get(o, "samples")))
		end->has_samples = uint_of(v, &end->samples);
	if (!(v = map_get(o, "xxh3")))
		return CNN_OK;
	if (!text_of(v, &s, &n) || n != 16)
		return cnn_fail(e, CNN_EDATA, "end: xxh3 is no 16 hexadecimal digits");
	memcpy(text, s, n);
	text[n] = '\0';
	end->digest = strtoull(text, &stop, 16);
	end->has_digest = true;
	if (*stop || strspn(text, "0123456789abcdefABCDEF") != 16)
		return cnn_fail(e, CNN_EDATA, "end: xxh3 is no 16 hexadecimal digits");
	return CNN_OK;
}

/* Does the tensor fit its field? In a model a record may bring a part of the
 * first axis. */
static int check_tensor(const struct cnn_header *h, const struct cnn_field *f,
	const struct cnn_tensor *t, struct cnn_error *e)
{
	bool data = h->kind == CNN_DATA, fits;
	char a[CNN_SHAPE_TEXT], b[CNN_SHAPE_TEXT];

	if (data)
		fits = t->rank == f->rank + 1 && memcmp(t->shape + 1, f->shape,
			(size_t)f->rank * sizeof *f->shape) == 0;
	else
		fits = t->rank == f->rank && (t->rank == 0 ||
			(t->shape[0] <= f->shape[0] && memcmp(t->shape + 1, f->shape + 1,
				(size_t)(f->rank - 1) * sizeof *f->shape) == 0));
	if (t->dtype == f->dtype && fits)
		return CNN_OK;
	return cnn_fail(e, CNN_EDATA, "%s %s%s where the header says %s %s%s",
		cnn_dtype_name(t->dtype), data ? "Nx" : "",
		data && t->rank > 0 ? cnn_shape_text(t->rank - 1, t->shape + 1, a, sizeof a)
			: cnn_shape_text(t->rank, t->shape, a, sizeof a),
		cnn_dtype_name(f->dtype), data ? "Nx" : "",
		cnn_shape_text(f->rank, f->shape, b, sizeof b));
}

static int parse_member(struct cnn_header *h, bool learning,
	const msgpack_object_kv *kv, struct cnn_scratch *scratch,
	struct cnn_record *rec, struct cnn_error *e)
{
	char name[CNN_MAX_NAME + 1] = "";
	struct cnn_tensor t;
	struct cnn_field *f;
	bool data = h->kind == CNN_DATA, swap = false;
	int r;

	if (!name_of(&kv->key, name) || strcmp(name, "end") == 0 ||
	    strcmp(name, "tensor-stream") == 0)
		return cnn_fail(e, CNN_EDATA, strcmp(name, "tensor-stream") == 0 ?
			"a header before the end of the segment: the producer died" :
			"a field's name is not one");
	f = cnn_header_find(h, name);
	if (!f && !learning)
		return cnn_fail(e, CNN_EDATA, "field %s: not in the header", name);
	if ((r = parse_tensor(&kv->val, f, &t, &swap, e)) < 0)
		goto named;
	if (data && t.rank == 0) {
		r = cnn_fail(e, CNN_EDATA, "no sample axis");
		goto named;
	}
	if (!f && !(f = cnn_header_add(h, name, t.dtype, t.rank - data, t.shape + data))) {
		r = cnn_fail(e, CNN_EDATA, "too many fields");
		goto named;
	}
	if (cnn_record_find(rec, name)) {
		r = cnn_fail(e, CNN_EDATA, "stands twice in the record");
		goto named;
	}
	if ((r = check_tensor(h, f, &t, e)) < 0)
		goto named;
	if (data && rec->count > 0 && t.shape[0] != rec->samples) {
		r = cnn_fail(e, CNN_EDATA, "%zu samples where %s has %zu", t.shape[0],
			rec->names[0], rec->samples);
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
		if ((r = parse_member(h, learning, &o->via.map.ptr[i], scratch, rec, e)) < 0)
			return r;
	if (h->kind == CNN_DATA && rec->count != h->field_count)
		return cnn_fail(e, CNN_EDATA, "%zu fields where the header declares %zu",
			rec->count, h->field_count);
	return CNN_OK;
}

int cnn_parse_item(const unsigned char *data, size_t size, struct cnn_header *h,
	struct cnn_scratch *scratch, struct cnn_record *rec, struct cnn_end *end,
	struct cnn_error *e)
{
	msgpack_unpacked u;
	const msgpack_object *o = &u.data;
	int r = unpack(data, size, &u, e);

	if (r == CNN_OK) {
		if (o->via.map.size == 1 && text_is(&o->via.map.ptr[0].key, "end")) {
			o = &o->via.map.ptr[0].val;
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
