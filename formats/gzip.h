/* formats/gzip.h - gzip, with its checksums checked: libarchive's own reader
 * passes over them and over what follows the last member.
 */
#ifndef FORMATS_GZIP_H
#define FORMATS_GZIP_H

#include "stream/io.h"

bool cnn_gzip_probe(const unsigned char *, size_t have);

/* Puts an input that inflates in the place of *in, under the same name. Takes
 * *in over, also on failure. */
int cnn_gzip_wrap(struct cnn_input **in, struct cnn_error *);

#endif
