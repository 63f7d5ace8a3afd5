/* shuffle.h - samples in a random order that a seed decides. */
#ifndef TENSOR_SHUF_SHUFFLE_H
#define TENSOR_SHUF_SHUFFLE_H

#include "stream/stream.h"

struct cnn_shuffle;

/* The order depends on the seed, the buffer and the number of samples alone.
 * buffer 0: all are held and come in the order of cnn_random_permutation(seed,
 * 0, …). Else that many are held; each further sample takes the place of one
 * drawn at random, which is written, and those left over follow in the order of
 * a permutation: memory is bounded, but a sample comes at most `buffer` places
 * too early. The writer is the caller's, inside a segment of `header`. */
int cnn_shuffle_open(struct cnn_shuffle **, const struct cnn_header *,
	struct cnn_writer *, uint64_t seed, uint64_t buffer, struct cnn_error *);
int cnn_shuffle_add(struct cnn_shuffle *, const struct cnn_record *,
	struct cnn_error *);
/* Writes what is still held. The segment's end is the caller's. */
int cnn_shuffle_end(struct cnn_shuffle *, struct cnn_error *);
void cnn_shuffle_close(struct cnn_shuffle *);

#endif
