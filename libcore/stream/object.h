/* object.h - helpers for msgpack objects. Private to libcore.
 *
 * The bytes have already passed cnn_scan_item(): they are one well-formed MessagePack
 * value within all limits. `o` may be NULL (an absent key) only where a function says
 * so. */
#ifndef LIBCORE_OBJECT_H
#define LIBCORE_OBJECT_H

#include "pack.h"

#include "stream.h"

/* Unpacks a whole item, which must be a map of at least one pair. The object points
 * into data. */
int cnn_object_unpack(const unsigned char *data, size_t size, msgpack_unpacked *,
    struct cnn_error *);

/* Gets text stored as str or as bin (msgpack-numpy writes both). */
bool cnn_object_text(const msgpack_object *o, const char **, size_t *);
bool cnn_object_is(const msgpack_object *o, const char *text);
/* Gets a printable name that the grammar does not reserve. */
bool cnn_object_name(const msgpack_object *o, char name[CNN_MAX_NAME + 1]);
/* Returns NULL if the map has no such key. */
const msgpack_object *cnn_object_get(const msgpack_object *map, const char *key);
/* Gets a number: a plain one, or a scalar that msgpack-numpy has written, a map of nd
 * (false), type and data. *number is an integer, a FLOAT64 or a BOOLEAN. o may be NULL. */
bool cnn_object_scalar(const msgpack_object *o, msgpack_object *number);
/* Accept the same. o may be NULL. */
bool cnn_object_uint(const msgpack_object *o, uint64_t *);
bool cnn_object_number(const msgpack_object *o, double *);
bool cnn_object_shape(const msgpack_object *o, int *rank, size_t *shape);
/* The element type that NumPy's type string names, in any byte order, or
 * CNN_DTYPE_NONE; *swap: its bytes are big-endian. Replaces the byte order in the text
 * by '<' or, for types of one byte, '|'. */
enum cnn_dtype cnn_numpy_dtype(char *text, bool *swap);
/* Whether all keys in this tree are text. If so, cnn_value_unpack() can fail only for
 * lack of memory. */
bool cnn_object_has_text_keys(const msgpack_object *o);

#endif
