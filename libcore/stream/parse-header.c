/* parse-header.c - parses headers, which another program may have written. */
#include "object.h"
#include "parse.h"

#include <math.h>
#include <string.h>

int cnn_check_elements(int rank, const size_t *shape, struct cnn_error *e)
{
	char text[CNN_SHAPE_TEXT];

	for (int i = 0; i < rank; i++)
		if (shape[i] == 0)
			return cnn_fail(e, CNN_EDATA, "%s has no elements",
			    cnn_shape_text(rank, shape, text, sizeof text));
	return CNN_OK;
}

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
	bool swap;
	int rank, r;

	if (!cnn_object_name(&kv->key, name))
		return cnn_fail(e, CNN_EDATA,
		    "invalid field name: must be 1 to %d "
		    "printable bytes, but not \"end\" or \"tensor-stream\"",
		    CNN_MAX_NAME);
	if (cnn_header_find(h, name))
		return cnn_fail(e, CNN_EDATA, "field %s: declared twice", name);
	if (o->type != MSGPACK_OBJECT_MAP)
		return cnn_fail(e, CNN_EDATA, "field %s: not a map", name);
	v = cnn_object_get(o, "dtype");
	if (!v || !cnn_object_text(v, &s, &n) || n >= sizeof text)
		return cnn_fail(e, CNN_EDATA, "field %s: no dtype", name);
	memcpy(text, s, n);
	text[n] = '\0';
	/* Each tensor states the order of its own bytes. */
	if ((dtype = cnn_numpy_dtype(text, &swap)) == CNN_DTYPE_NONE)
		return cnn_fail(e, CNN_EDATA, "field %s: unknown dtype: %.*s", name,
		    (int)n, s);
	if (!cnn_object_shape(cnn_object_get(o, "shape"), &rank, shape) ||
	    rank + (h->kind == CNN_DATA) > CNN_MAX_RANK ||
	    !cnn_shape_count(rank, shape, &n))
		return cnn_fail(e, CNN_EDATA,
		    "field %s: shape is missing or has more than %d axes", name,
		    CNN_MAX_RANK - (h->kind == CNN_DATA));
	if ((r = cnn_check_elements(rank, shape, e)) < 0) {
		cnn_error_prefix(e, "field %s", name);
		return r;
	}
	if (h->field_count == cnn_header_limit(h->kind))
		return cnn_fail(e, CNN_EDATA, "field %s: too many fields", name);
	if (!(f = cnn_header_add(h, name, dtype, rank, shape)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (cnn_object_get(o, "scale") || cnn_object_get(o, "offset")) {
		f->has_scale = true;
		f->scale = 1;
		if ((cnn_object_get(o, "scale") &&
			!cnn_object_number(cnn_object_get(o, "scale"), &f->scale)) ||
		    (cnn_object_get(o, "offset") &&
			!cnn_object_number(cnn_object_get(o, "offset"), &f->offset)) ||
		    !isfinite(f->scale) || !isfinite(f->offset))
			return cnn_fail(e, CNN_EDATA,
			    "field %s: scale and offset must be numbers", name);
	}
	if ((v = cnn_object_get(o, "classes"))) {
		if (v->type != MSGPACK_OBJECT_ARRAY)
			return cnn_fail(e, CNN_EDATA,
			    "field %s: classes must be an array", name);
		if (!(f->classes = cnn_value_unpack(v)))
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		for (size_t i = 0; i < f->classes->as.array.count; i++)
			if (f->classes->as.array.items[i]->type != CNN_STR)
				return cnn_fail(e, CNN_EDATA,
				    "field %s: class %zu must be a string", name, i);
	}
	/* Keep the keys of later versions. */
	if (!(f->other = cnn_value_unpack(o)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		cnn_value_remove(f->other, known[i]);
	if (f->other->as.map.count == 0) {
		cnn_value_free(f->other);
		f->other = NULL;
	}
	return CNN_OK;
}

/* Moves a value of the wanted type to *to; leaves *to unchanged if the key is
 * absent. */
static int take_value(const msgpack_object *map, const char *key,
    enum cnn_value_type type, struct cnn_value **to, struct cnn_error *e)
{
	const msgpack_object *o = cnn_object_get(map, key);
	struct cnn_value *v;

	if (!o)
		return CNN_OK;
	if (!(v = cnn_value_unpack(o)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (v->type != type) {
		cnn_value_free(v);
		return cnn_fail(e, CNN_EDATA, "\"%s\" must be %s", key,
		    type == CNN_MAP ? "a map" : "an array");
	}
	cnn_value_free(*to);
	*to = v;
	return CNN_OK;
}

static int header_of(const msgpack_object *o, struct cnn_header **header,
    struct cnn_error *e)
{
	static const char *const known[] = { "tensor-stream", "kind", "fields", "meta",
		"history", "model" };
	const msgpack_object *kind, *fields;
	struct cnn_header *h;
	uint64_t version;
	int r;

	if (!cnn_object_is(&o->via.map.ptr[0].key, "tensor-stream"))
		return cnn_fail(e, CNN_EDATA,
		    "the first key is not \"tensor-stream\": is this a tensor stream?");
	if (!cnn_object_uint(&o->via.map.ptr[0].val, &version) || version == 0)
		return cnn_fail(e, CNN_EDATA, "the version is missing or invalid");
	if (version > CNN_STREAM_VERSION)
		return cnn_fail(e, CNN_EDATA,
		    "version %llu: this program reads version %d",
		    (unsigned long long)version, CNN_STREAM_VERSION);
	if (!cnn_object_has_text_keys(o))
		return cnn_fail(e, CNN_EDATA, "a key is not a string");
	kind = cnn_object_get(o, "kind");
	if (!kind || (!cnn_object_is(kind, "data") && !cnn_object_is(kind, "model")))
		return cnn_fail(e, CNN_EDATA, "kind must be \"data\" or \"model\"");
	if (!(h = *header = cnn_header_new(
		  cnn_object_is(kind, "model") ? CNN_MODEL : CNN_DATA)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if ((fields = cnn_object_get(o, "fields"))) {
		if (fields->type != MSGPACK_OBJECT_MAP)
			return cnn_fail(e, CNN_EDATA, "\"fields\" must be a map");
		for (uint32_t i = 0; i < fields->via.map.size; i++)
			if ((r = parse_field(h, &fields->via.map.ptr[i], e)) < 0)
				return r;
	}
	if ((r = take_value(o, "meta", CNN_MAP, &h->meta, e)) < 0 ||
	    (r = take_value(o, "history", CNN_ARRAY, &h->history, e)) < 0 ||
	    (r = take_value(o, "model", CNN_MAP, &h->model, e)) < 0)
		return r;
	if (!(h->other = cnn_value_unpack(o)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		cnn_value_remove(h->other, known[i]);
	if (h->other->as.map.count == 0) {
		cnn_value_free(h->other);
		h->other = NULL;
	}
	return CNN_OK;
}

int cnn_parse_header(const unsigned char *data, size_t size, struct cnn_header **header,
    struct cnn_error *e)
{
	msgpack_unpacked u;
	int r = cnn_object_unpack(data, size, &u, e);

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
