/* content.h - a digest of the contents of a segment that does not depend on its
 * division into records.
 */
#ifndef TENSOR_STAT_CONTENT_H
#define TENSOR_STAT_CONTENT_H

#include "stream/stream.h"

struct cnn_content;

/* The digest is XXH3-64 over each field in header order: its name with the NUL, its
 * type's name with the NUL, then its rank, its shape, and the XXH3-64 of all its
 * elements, as 64-bit little-endian numbers. Scale, classes, meta and history are not
 * included. The header must outlive the digest. Returns NULL if memory runs out. */
struct cnn_content *cnn_content_new(const struct cnn_header *);
void cnn_content_free(struct cnn_content *);
/* Adds the next record of the segment. */
void cnn_content_add(struct cnn_content *, const struct cnn_record *);
/* Writes 16 hexadecimal digits and a NUL. */
void cnn_content_text(const struct cnn_content *, char text[17]);

#endif
