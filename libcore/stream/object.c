/* object.c - helpers for msgpack objects. */
#include "object.h"

#include <string.h>

/* STR and BIN have the same layout in the union. */
bool cnn_object_text(const msgpack_object *o, const char **s, size_t *n)
{
	if (o->type != MSGPACK_OBJECT_STR && o->type != MSGPACK_OBJECT_BIN)
		return false;
	*s = o->via.str.ptr;
	*n = o->via.str.size;
	return true;
}

bool cnn_object_is(const msgpack_object *o, const char *want)
{
	const char *s;
	size_t n;

	return cnn_object_text(o, &s, &n) && n == strlen(want) &&
	    memcmp(s, want, n) == 0;
}

const msgpack_object *cnn_object_get(const msgpack_object *map, const char *key)
{
	for (uint32_t i = 0; i < map->via.map.size; i++)
		if (cnn_object_is(&map->via.map.ptr[i].key, key))
			return &map->via.map.ptr[i].val;
	return NULL;
}

bool cnn_object_uint(const msgpack_object *o, uint64_t *u)
{
	if (!o || o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return false;
	*u = o->via.u64;
	return true;
}

bool cnn_object_number(const msgpack_object *o, double *d)
{
	switch (o ? o->type : MSGPACK_OBJECT_NIL) {
	case MSGPACK_OBJECT_POSITIVE_INTEGER: *d = (double)o->via.u64; return true;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER: *d = (double)o->via.i64; return true;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64: *d = o->via.f64; return true;
	default: return false;
	}
}

bool cnn_object_shape(const msgpack_object *o, int *rank, size_t *shape)
{
	uint64_t u;

	if (!o || o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size > CNN_MAX_RANK)
		return false;
	*rank = (int)o->via.array.size;
	for (int i = 0; i < *rank; i++) {
		if (!cnn_object_uint(&o->via.array.ptr[i], &u) || u > SIZE_MAX)
			return false;
		shape[i] = (size_t)u;
	}
	return true;
}

bool cnn_object_name(const msgpack_object *o, char name[CNN_MAX_NAME + 1])
{
	const char *s;
	size_t n;

	if (!cnn_object_text(o, &s, &n) || n == 0 || n > CNN_MAX_NAME)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	memcpy(name, s, n);
	name[n] = '\0';
	return strcmp(name, "end") != 0 && strcmp(name, "tensor-stream") != 0;
}

int cnn_object_unpack(const unsigned char *data, size_t size, msgpack_unpacked *u,
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

bool cnn_object_has_text_keys(const msgpack_object *o)
{
	const char *s;
	size_t n;

	for (uint32_t i = 0; o->type == MSGPACK_OBJECT_ARRAY && i < o->via.array.size;
	     i++)
		if (!cnn_object_has_text_keys(&o->via.array.ptr[i]))
			return false;
	for (uint32_t i = 0; o->type == MSGPACK_OBJECT_MAP && i < o->via.map.size; i++)
		if (!cnn_object_text(&o->via.map.ptr[i].key, &s, &n) ||
		    !cnn_object_has_text_keys(&o->via.map.ptr[i].val))
			return false;
	return true;
}

enum cnn_dtype cnn_numpy_dtype(char *text, bool *swap)
{
	enum cnn_dtype dtype;

	*swap = text[0] == '>';
	if (*swap || text[0] == '=')
		text[0] = '<';
	dtype = cnn_dtype_parse(text);
	if (dtype == CNN_DTYPE_NONE && text[0] == '<' && strlen(text) == 3 &&
	    text[2] == '1') {
		text[0] = '|';
		dtype = cnn_dtype_parse(text);
	}
	return dtype;
}
