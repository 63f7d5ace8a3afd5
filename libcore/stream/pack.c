/* pack.c - value trees to MessagePack and back. */
#include "object.h"
#include "pack.h"

#include <stdlib.h>

static void pack_str(msgpack_packer *pk, const char *s, size_t n)
{
	msgpack_pack_str(pk, n);
	msgpack_pack_str_body(pk, s, n);
}

void cnn_value_pack(msgpack_packer *pk, const struct cnn_value *v)
{
	size_t i;

	switch (v->type) {
	case CNN_NIL: msgpack_pack_nil(pk); break;
	case CNN_BOOLEAN:
		if (v->as.boolean)
			msgpack_pack_true(pk);
		else
			msgpack_pack_false(pk);
		break;
	case CNN_INT: msgpack_pack_int64(pk, v->as.i); break;
	case CNN_UINT: msgpack_pack_uint64(pk, v->as.u); break;
	case CNN_FLOAT: msgpack_pack_double(pk, v->as.f); break;
	case CNN_STR: pack_str(pk, v->as.str.data, v->as.str.size); break;
	case CNN_BIN:
		msgpack_pack_bin(pk, v->as.str.size);
		msgpack_pack_bin_body(pk, v->as.str.data, v->as.str.size);
		break;
	case CNN_ARRAY:
		msgpack_pack_array(pk, v->as.array.count);
		for (i = 0; i < v->as.array.count; i++)
			cnn_value_pack(pk, v->as.array.items[i]);
		break;
	case CNN_MAP:
		msgpack_pack_map(pk, v->as.map.count);
		for (i = 0; i < v->as.map.count; i++) {
			cnn_value_pack(pk, v->as.map.keys[i]);
			cnn_value_pack(pk, v->as.map.values[i]);
		}
		break;
	}
}

static struct cnn_value *unpack_array(const msgpack_object_array *a)
{
	struct cnn_value *v = cnn_value_array(), *item;
	uint32_t i;

	for (i = 0; v && i < a->size; i++) {
		item = cnn_value_unpack(&a->ptr[i]);
		if (!item || !cnn_value_append(v, item)) {
			cnn_value_free(v);
			return NULL;
		}
	}
	return v;
}

static struct cnn_value *unpack_map(const msgpack_object_map *m)
{
	struct cnn_value *v = cnn_value_map(), *key;
	uint32_t i;

	for (i = 0; v && i < m->size; i++) {
		msgpack_object_type type = m->ptr[i].key.type;

		key = type == MSGPACK_OBJECT_STR || type == MSGPACK_OBJECT_BIN ?
		    cnn_value_unpack(&m->ptr[i].key) :
		    NULL;
		if (!key || !cnn_value_put(v, key, cnn_value_unpack(&m->ptr[i].val))) {
			cnn_value_free(v);
			return NULL;
		}
	}
	return v;
}

struct cnn_value *cnn_value_unpack(const msgpack_object *o)
{
	msgpack_object number;

	if (cnn_object_scalar(o, &number))
		o = &number;
	switch (o->type) {
	case MSGPACK_OBJECT_NIL: return cnn_value_nil();
	case MSGPACK_OBJECT_BOOLEAN: return cnn_value_bool(o->via.boolean);
	case MSGPACK_OBJECT_POSITIVE_INTEGER: return cnn_value_uint(o->via.u64);
	case MSGPACK_OBJECT_NEGATIVE_INTEGER: return cnn_value_int(o->via.i64);
	case MSGPACK_OBJECT_FLOAT64: return cnn_value_float(o->via.f64);
	case MSGPACK_OBJECT_STR: return cnn_value_strn(o->via.str.ptr, o->via.str.size);
	case MSGPACK_OBJECT_BIN: return cnn_value_bin(o->via.bin.ptr, o->via.bin.size);
	case MSGPACK_OBJECT_ARRAY: return unpack_array(&o->via.array);
	case MSGPACK_OBJECT_MAP: return unpack_map(&o->via.map);
	default: return NULL;
	}
}
