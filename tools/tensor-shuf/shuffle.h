/* shuffle.h - samples in a random order determined by a seed. */
#ifndef TENSOR_SHUF_SHUFFLE_H
#define TENSOR_SHUF_SHUFFLE_H

#include "stream/stream.h"

struct cnn_shuffle;

/* The order depends only on the seed, the buffer and the number of samples. With buffer
 * 0, all samples are held and written in the order of cnn_random_permutation(seed, 0,
 * …). Otherwise that many are held; each further sample replaces a random one, which is
 * written, and the remaining ones are written at the end in the order of a permutation.
 * Memory is then bounded, but a sample moves at most `buffer` positions towards the
 * front. The caller owns the writer, which must be inside a segment of `header`. */
int cnn_shuffle_open(struct cnn_shuffle **, const struct cnn_header *,
    struct cnn_writer *, uint64_t seed, uint64_t buffer, struct cnn_error *);
/* Makes room at once for that many samples, if all are held. */
void cnn_shuffle_expect(struct cnn_shuffle *, size_t samples);
/* The bytes of a sample, and the number of samples for which there is room. */
size_t cnn_shuffle_row(const struct cnn_shuffle *);
size_t cnn_shuffle_room(const struct cnn_shuffle *);
/* Adds a record, and writes the samples that it displaces from the buffer. */
int cnn_shuffle_add(struct cnn_shuffle *, const struct cnn_record *,
    struct cnn_error *);
/* Writes the samples still held. The caller ends the segment. */
int cnn_shuffle_end(struct cnn_shuffle *, struct cnn_error *);
void cnn_shuffle_close(struct cnn_shuffle *);

#endif
