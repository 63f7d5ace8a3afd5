/* object.h - small steps over msgpack objects. Private to libcore.
 *
 * The bytes were walked by cnn_scan_item() before: they are one well-formed
 * MessagePack value, bounded in every way. `o` may be NULL in those that say
 * so: a key that is not there. */
#ifndef LIBCORE_OBJECT_H
#define LIBCORE_OBJECT_H

#include "pack.h"

#include "stream.h"

/* Unpacks a whole item, a map of one pair at least; the object refers to data. */
int cnn_object_unpack(const unsigned char *data, size_t size, msgpack_unpacked *,
	struct cnn_error *);

/* Text, whether it came as str or as bin (msgpack-numpy writes both). */
bool cnn_object_text(const msgpack_object *o, const char **, size_t *);
bool cnn_object_is(const msgpack_object *o, const char *text);
/* A name that can be printed, and is none that the grammar keeps for itself. */
bool cnn_object_name(const msgpack_object *o, char name[CNN_MAX_NAME + 1]);
/* NULL if the map has no such key. */
const msgpack_object *cnn_object_get(const msgpack_object *map, const char *key);
/* o may be NULL. */
bool cnn_object_uint(const msgpack_object *o, uint64_t *);
bool cnn_object_number(const msgpack_object *o, double *);
bool cnn_object_shape(const msgpack_object *o, int *rank, size_t *shape);
/* Are all keys below this text? Then only memory can fail cnn_value_unpack(). */
bool cnn_object_has_text_keys(const msgpack_object *o);

#endif
