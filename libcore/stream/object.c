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

/* Decodes the bytes of a NumPy scalar, little-endian. */
static bool scalar_of(char kind, const unsigned char *p, size_t size, msgpack_object *o)
{
	uint64_t bits = 0, sign;
	double d;
	float f;

	if (size == 0 || size > sizeof bits)
		return false;
	sign = (uint64_t)1 << (8 * size - 1);
	for (size_t i = 0; i < size; i++)
		bits |= (uint64_t)p[i] << (8 * i);
	if (kind == 'f' && size >= 2) {
		f = cnn_f16_to_f32((uint16_t)bits);
		if (size == 4)
			memcpy(&f, p, 4);
		d = f;
		if (size == 8)
			memcpy(&d, p, 8);
		*o = (msgpack_object){ MSGPACK_OBJECT_FLOAT64, { .f64 = d } };
	} else if (kind == 'b' && size == 1) {
		*o = (msgpack_object){ MSGPACK_OBJECT_BOOLEAN,
			{ .boolean = bits != 0 } };
	} else if (kind == 'i' && (bits & sign)) {
		*o = (msgpack_object){ MSGPACK_OBJECT_NEGATIVE_INTEGER,
			{ .i64 = (int64_t)(bits | ~(2 * sign - 1)) } };
	} else if (kind == 'i' || kind == 'u') {
		*o = (msgpack_object){ MSGPACK_OBJECT_POSITIVE_INTEGER,
			{ .u64 = bits } };
	} else {
		return false;
	}
	return true;
}

bool cnn_object_scalar(const msgpack_object *o, msgpack_object *number)
{
	const msgpack_object *nd, *type, *data;
	unsigned char bytes[8];
	const char *t, *s;
	size_t n, size;

	switch (o ? o->type : MSGPACK_OBJECT_NIL) {
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
	case MSGPACK_OBJECT_FLOAT64:
	case MSGPACK_OBJECT_BOOLEAN: *number = *o; return true;
	case MSGPACK_OBJECT_FLOAT32:
		*number = *o;
		number->type = MSGPACK_OBJECT_FLOAT64;
		return true;
	case MSGPACK_OBJECT_MAP: break;
	default: return false;
	}
	nd = cnn_object_get(o, "nd");
	type = cnn_object_get(o, "type");
	data = cnn_object_get(o, "data");
	if (!nd || nd->type != MSGPACK_OBJECT_BOOLEAN || nd->via.boolean || !type ||
	    !data || !cnn_object_text(type, &t, &n) || n != 3 || !*t ||
	    !strchr("<>|=", *t) || !t[2] || !strchr("1248", t[2]) ||
	    !cnn_object_text(data, &s, &size) || size != (size_t)(t[2] - '0'))
		return false;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)s[*t == '>' ? size - 1 - i : i];
	return scalar_of(t[1], bytes, size, number);
}

bool cnn_object_uint(const msgpack_object *o, uint64_t *u)
{
	msgpack_object number;

	if (!cnn_object_scalar(o, &number) ||
	    number.type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return false;
	*u = number.via.u64;
	return true;
}

bool cnn_object_number(const msgpack_object *o, double *d)
{
	msgpack_object number;

	if (!cnn_object_scalar(o, &number))
		return false;
	switch (number.type) {
	case MSGPACK_OBJECT_POSITIVE_INTEGER: *d = (double)number.via.u64; return true;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER: *d = (double)number.via.i64; return true;
	case MSGPACK_OBJECT_FLOAT64: *d = number.via.f64; return true;
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
