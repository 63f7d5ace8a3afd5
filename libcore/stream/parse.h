/* parse.h - what a stream's items hold. Private to libcore.
 *
 * The bytes were walked by cnn_scan_item() before: they are one well-formed
 * MessagePack value, bounded in every way. */
#ifndef LIBCORE_PARSE_H
#define LIBCORE_PARSE_H

#include "stream.h"

/* Memory for tensors that can't stay where they were read: misaligned or
 * big-endian. One block a field, kept from record to record. */
struct cnn_scratch {
	void *blocks[CNN_MAX_FIELDS];
	size_t sizes[CNN_MAX_FIELDS];
};
void cnn_scratch_free(struct cnn_scratch *);

struct cnn_end {
	bool has_records, has_samples, has_digest;
	uint64_t records, samples, digest;
};

int cnn_parse_header(const unsigned char *, size_t, struct cnn_header **,
	struct cnn_error *);

/* A record (CNN_OK) or an end (CNN_END). A header without fields learns them
 * from the record. The record's names are the header's, its data stand in the
 * item or in scratch. */
int cnn_parse_item(const unsigned char *, size_t, struct cnn_header *,
	struct cnn_scratch *, struct cnn_record *, struct cnn_end *,
	struct cnn_error *);

#endif
