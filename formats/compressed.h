/* formats/gzip.h - gzip with verified checksums. libarchive's own reader ignores the
 * checksums and anything after the last member.
 */
#ifndef FORMATS_GZIP_H
#define FORMATS_GZIP_H

#include "stream/io.h"

/* Whether the bytes begin a gzip file. */
bool cnn_gzip_probe(const unsigned char *, size_t have);

/* Replaces *in by an input that inflates it, with the same name. Takes ownership of
 * *in, also on failure. */
int cnn_gzip_wrap(struct cnn_input **in, struct cnn_error *);

#endif
