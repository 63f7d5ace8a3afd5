/* pack.h - values and MessagePack, and the one place that reads bytes nobody
 * has vouched for. Private to libcore. */
#ifndef LIBCORE_PACK_H
#define LIBCORE_PACK_H

#include "io.h"
#include "base/value.h"
#include <msgpack.h>

void cnn_value_pack(msgpack_packer *, const struct cnn_value *);
/* NULL: out of memory, or an extension type or a non-string key inside. */
struct cnn_value *cnn_value_unpack(const msgpack_object *);

/* Walks one MessagePack item at the input's front without consuming it, taking
 * nothing on trust: depth, the size of the item, of each string and the number
 * of values in it are bounded, and a length is believed only once its bytes
 * have arrived. Sets *size to the item's bytes, 0 at the end of input. */
struct cnn_bounds { size_t item, string, values; };
int cnn_scan_item(struct cnn_input *, const struct cnn_bounds *,
	const unsigned char **data, size_t *size, struct cnn_error *);

#endif
