/* pack.h - values to and from MessagePack, and the one place that reads untrusted
 * bytes. Private to libcore. */
#ifndef LIBCORE_PACK_H
#define LIBCORE_PACK_H

#include "io.h"
#include "base/value.h"
#include <msgpack.h>

void cnn_value_pack(msgpack_packer *, const struct cnn_value *);
/* Returns NULL if memory runs out or if the object contains an extension type or a
 * non-string key. A scalar of msgpack-numpy (object.h) becomes a number. */
struct cnn_value *cnn_value_unpack(const msgpack_object *);

/* Walks one MessagePack item at the front of the input without consuming it, and trusts
 * nothing: depth, size of the item, size of each string and number of values are
 * bounded, and a length is believed only once its bytes have arrived. Sets *size to the
 * item's size in bytes, 0 at the end of input. */
struct cnn_bounds {
	size_t item, string, values;
};
int cnn_scan_item(struct cnn_input *, const struct cnn_bounds *,
    const unsigned char **data, size_t *size, struct cnn_error *);

#endif
