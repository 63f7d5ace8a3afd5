/* content.h - one number for what a segment holds, however it is cut
 * into records.
 */
#ifndef TENSOR_STAT_CONTENT_H
#define TENSOR_STAT_CONTENT_H

#include "stream/stream.h"

struct cnn_content;

/* The digest is XXH3-64 over each field in the header's order: its name with
 * the NUL, its type's name with the NUL, then as 64-bit little-endian numbers
 * its rank, its shape, and XXH3-64 of all of its elements. Scale, classes, meta
 * and history stay out. The header must outlive the digest. NULL: out of
 * memory. */
struct cnn_content *cnn_content_new(const struct cnn_header *);
void cnn_content_free(struct cnn_content *);
void cnn_content_add(struct cnn_content *, const struct cnn_record *);
/* 16 hexadecimal digits and a NUL. */
void cnn_content_text(const struct cnn_content *, char text[17]);

#endif
