/* compressed.h - an input that decompresses another one: gzip, bzip2, xz, zstd. */
#ifndef FORMATS_COMPRESSED_H
#define FORMATS_COMPRESSED_H

#include "stream/io.h"

#define CNN_COMPRESSED_PROBE 6 /* bytes that the probe needs */

/* Whether a file that begins with these bytes is in one of these formats. */
bool cnn_compressed_probe(const unsigned char *, size_t have);

/* Replaces *in, of which the probe approves, by an input of the decompressed bytes,
 * which owns it. Files that follow each other are decompressed one after another. Zeros
 * after them are skipped, as tapes and block devices append them. Other bytes after
 * them, damage and an early end are CNN_EDATA. *in is NULL after an error. */
int cnn_compressed_wrap(struct cnn_input **in, struct cnn_error *);

/* Skips zeros. CNN_END if nothing else follows, else CNN_OK. */
int cnn_zeros_to_end(struct cnn_input *, struct cnn_error *);

#endif
