/* parse.h - parses the items of a stream. Private to libcore.
 *
 * The bytes have already passed cnn_scan_item(): they are one well-formed MessagePack
 * value within all limits. */
#ifndef LIBCORE_PARSE_H
#define LIBCORE_PARSE_H

#include "stream.h"

/* Memory for tensors that cannot be used where they were read because they are
 * misaligned or big-endian. One block per field, reused from record to record. */
struct cnn_scratch {
	void *blocks[CNN_MAX_FIELDS];
	size_t sizes[CNN_MAX_FIELDS];
};
void cnn_scratch_free(struct cnn_scratch *);

struct cnn_end {
	bool is_end; /* the item is an end, which may be wrong */
	bool has_records, has_samples, has_digest;
	uint64_t records, samples, digest;
};

/* CNN_EDATA if an axis of a sample or of a parameter is 0: such a tensor takes no bytes,
 * however many samples it claims. */
int cnn_check_elements(int rank, const size_t *shape, struct cnn_error *);

/* Parses a header, which the caller frees. After an error *header is NULL. */
int cnn_parse_header(const unsigned char *, size_t, struct cnn_header **,
    struct cnn_error *);

/* Parses a record (CNN_OK) or an end (CNN_END). A header without fields gets them from
 * the record. The record's names point into the header; its data point into the item or
 * into scratch. */
int cnn_parse_item(const unsigned char *, size_t, struct cnn_header *,
    struct cnn_scratch *, struct cnn_record *, struct cnn_end *, struct cnn_error *);

#endif
