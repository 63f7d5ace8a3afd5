/* columns.h - samples held in memory, one column per field. */
#ifndef FORMATS_COLUMNS_H
#define FORMATS_COLUMNS_H

#include "stream/stream.h"

struct cnn_columns {
	const struct cnn_header *header; /* not owned; outlives the columns */
	size_t row[CNN_MAX_FIELDS];	 /* bytes per sample, by field */
	unsigned char *data[CNN_MAX_FIELDS];
	size_t samples, room;
	size_t expected; /* samples to make room for at once; 0: unknown */
	size_t bytes;	 /* of room, counted for --max-memory */
};

/* Makes empty columns. CNN_EDATA if the size of a sample overflows. */
int cnn_columns_init(struct cnn_columns *, const struct cnn_header *,
    struct cnn_error *);
void cnn_columns_free(struct cnn_columns *);

/* Appends samples first .. first + n - 1 of a record, which must have every field of
 * the header. The capacity grows as needed. */
int cnn_columns_append(struct cnn_columns *, const struct cnn_record *, size_t first,
    size_t n, struct cnn_error *);
/* Appends n samples of other columns with the same header. `places` holds their
 * indices. */
int cnn_columns_pick(struct cnn_columns *, const struct cnn_columns *from,
    const uint32_t *places, size_t n, struct cnn_error *);
/* Removes the first n samples. */
void cnn_columns_drop(struct cnn_columns *, size_t n);
/* Sets the record to samples first .. first + n - 1, with fields in header order. Valid
 * until the columns change. */
void cnn_columns_view(const struct cnn_columns *, size_t first, size_t n,
    struct cnn_record *);

/* Bytes of a sample in all columns; 1 at least. SIZE_MAX if that overflows. */
size_t cnn_columns_row(const struct cnn_columns *);
/* The number of samples in a record of about CNN_RECORD_BYTES. */
size_t cnn_columns_record_samples(const struct cnn_columns *);

#endif
