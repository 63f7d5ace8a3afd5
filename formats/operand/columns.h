/* columns.h - samples held in memory, one column a field. */
#ifndef FORMATS_POOL_H
#define FORMATS_POOL_H

#include "stream/stream.h"

struct cnn_pool {
	const struct cnn_header *header;         /* the caller's; outlives the pool */
	size_t row[CNN_MAX_FIELDS];              /* bytes of a sample, by field */
	unsigned char *data[CNN_MAX_FIELDS];
	size_t samples, room;
};

int cnn_pool_init(struct cnn_pool *, const struct cnn_header *, struct cnn_error *);
void cnn_pool_free(struct cnn_pool *);

/* Appends samples first .. first + n - 1 of a record, which must have every
 * field of the header. Room doubles as they come. */
int cnn_pool_append(struct cnn_pool *, const struct cnn_record *, size_t first,
	size_t n, struct cnn_error *);
/* Appends n samples of another pool of the same header, by their places. */
int cnn_pool_pick(struct cnn_pool *, const struct cnn_pool *from,
	const uint32_t *places, size_t n, struct cnn_error *);
/* Samples first .. first + n - 1 as a record, its fields in the header's order;
 * lives until the pool changes. */
void cnn_pool_view(const struct cnn_pool *, size_t first, size_t n,
	struct cnn_record *);

/* How many samples make a record of about CNN_RECORD_BYTES. */
size_t cnn_pool_record_samples(const struct cnn_pool *);

#endif
