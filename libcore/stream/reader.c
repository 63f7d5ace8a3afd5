/* reader.c - reads tensor streams: items, segments, counts and digests. The contents of
 * items are parsed in parse-header.c and parse-record.c. */
#include "pack.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* A record holds at most 4096 values: enough for 64 fields, each with a name, a map and
 * a handful of keys, and for further keys that msgpack-numpy may write. */
static const struct cnn_bounds header_bounds = { CNN_MAX_HEADER, CNN_MAX_HEADER,
	256 << 10 };
static const struct cnn_bounds record_bounds = {
	CNN_MAX_FIELDS * (CNN_MAX_TENSOR + 1024), CNN_MAX_TENSOR, 4096
};

enum state { BETWEEN, INSIDE, FAILED };

struct cnn_reader {
	struct cnn_input *in;
	XXH3_state_t *hash;
	struct cnn_header *header;
	struct cnn_scratch scratch; /* for tensors that cannot be used in place */
	enum state state;
	bool any;		 /* a segment has been read */
	bool pending;		 /* `first` has not been handed out yet */
	struct cnn_record first; /* read ahead to learn the fields */
	int first_code;		 /* CNN_END: there was an end instead */
	size_t records, samples;
	size_t consumed; /* bytes of the item, not yet skipped */
	/* A copy: the first record may be read before the header is requested */
	unsigned char *header_item;
	size_t header_size;
	const unsigned char *item;
	size_t item_size;
};

int cnn_reader_open(struct cnn_reader **opened, struct cnn_input *in,
    struct cnn_error *e)
{
	struct cnn_reader *reader = calloc(1, sizeof *reader);

	*opened = NULL;
	if (!reader || !(reader->hash = XXH3_createState())) {
		free(reader);
		cnn_input_close(in);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	reader->in = in;
	*opened = reader;
	return CNN_OK;
}

void cnn_reader_close(struct cnn_reader *reader)
{
	if (!reader)
		return;
	cnn_input_close(reader->in);
	XXH3_freeState(reader->hash);
	cnn_header_free(reader->header);
	cnn_scratch_free(&reader->scratch);
	free(reader->header_item);
	free(reader);
}

size_t cnn_reader_records(const struct cnn_reader *reader)
{
	return reader->records;
}

size_t cnn_reader_samples(const struct cnn_reader *reader)
{
	return reader->samples;
}

void cnn_reader_item(const struct cnn_reader *reader, const void **data, size_t *size)
{
	*data = reader->item;
	*size = reader->item_size;
}

/* Releases the previous item and peeks at the next; *size is 0 at the end. */
static int next_item(struct cnn_reader *reader, const struct cnn_bounds *bounds,
    const unsigned char **data, size_t *size, struct cnn_error *e)
{
	cnn_input_skip(reader->in, reader->consumed);
	reader->consumed = 0;
	reader->item_size = 0;
	return cnn_scan_item(reader->in, bounds, data, size, e);
}

static int read_record(struct cnn_reader *, struct cnn_record *, struct cnn_error *);

/* Parses the header at the front of the input and, if it declares no fields, reads the
 * first record to learn them. */
static int read_header(struct cnn_reader *reader, const unsigned char *data,
    size_t size, struct cnn_error *e)
{
	unsigned char *copy;
	int r;

	cnn_header_free(reader->header);
	reader->header = NULL;
	if ((r = cnn_parse_header(data, size, &reader->header, e)) < 0) {
		cnn_error_prefix(e, "%s: header", cnn_input_name(reader->in));
		return r;
	}
	if (!(copy = realloc(reader->header_item, size)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	memcpy(copy, data, size);
	reader->header_item = copy;
	reader->header_size = size;
	reader->consumed = size;
	reader->records = reader->samples = 0;
	XXH3_64bits_reset(reader->hash);
	XXH3_64bits_update(reader->hash, data, size);
	reader->any = true;
	reader->state = INSIDE;
	reader->pending = false;
	if (reader->header->field_count == 0) {
		r = read_record(reader, &reader->first, e);
		if (r < 0)
			return r;
		reader->pending = true;
		reader->first_code = r;
	}
	reader->item = reader->header_item;
	reader->item_size = reader->header_size;
	return CNN_OK;
}

int cnn_reader_header(struct cnn_reader *reader, const struct cnn_header **header,
    struct cnn_error *e)
{
	const unsigned char *data;
	struct cnn_record unread;
	size_t size;
	int r = CNN_OK;

	*header = NULL;
	while (reader->state == INSIDE && r == CNN_OK)
		r = cnn_reader_record(reader, &unread, e);
	if (reader->state == FAILED)
		return cnn_fail(e, CNN_EDATA, "%s: read after an error",
		    cnn_input_name(reader->in));
	if (r >= 0)
		r = next_item(reader, &header_bounds, &data, &size, e);
	if (r == CNN_EDATA)
		cnn_error_prefix(e, "%s: header", cnn_input_name(reader->in));
	if (r == CNN_OK && size == 0) {
		if (reader->any)
			return CNN_END;
		if (strcmp(cnn_input_name(reader->in), "standard input") == 0)
			r = cnn_fail(e, CNN_EDATA,
			    "standard input is empty: no data given?");
		else
			r = cnn_fail(e, CNN_EDATA, "%s: empty file",
			    cnn_input_name(reader->in));
	}
	if (r >= 0)
		r = read_header(reader, data, size, e);
	if (r < 0)
		reader->state = FAILED;
	else
		*header = reader->header;
	return r;
}

/* Checks the end item against the records that were read. */
static int check_end(struct cnn_reader *reader, const struct cnn_end *end,
    struct cnn_error *e)
{
	const char *name = cnn_input_name(reader->in);
	uint64_t digest = XXH3_64bits_digest(reader->hash);

	if (end->has_records && end->records != reader->records)
		return cnn_fail(e, CNN_EDATA,
		    "%s: end: declares %llu records, but %zu were read", name,
		    (unsigned long long)end->records, reader->records);
	if (end->has_samples && end->samples != reader->samples)
		return cnn_fail(e, CNN_EDATA,
		    "%s: end: declares %llu samples, but %zu were read", name,
		    (unsigned long long)end->samples, reader->samples);
	if (end->has_digest && end->digest != digest)
		return cnn_fail(e, CNN_EDATA,
		    "%s: end: declares digest %016llx, but "
		    "the data have %016llx: the stream is damaged",
		    name, (unsigned long long)end->digest, (unsigned long long)digest);
	return CNN_OK;
}

static int read_record(struct cnn_reader *reader, struct cnn_record *rec,
    struct cnn_error *e)
{
	const char *name = cnn_input_name(reader->in);
	const unsigned char *data;
	struct cnn_end end;
	size_t size;
	int r;

	if ((r = next_item(reader, &record_bounds, &data, &size, e)) < 0) {
		if (r == CNN_EDATA)
			cnn_error_prefix(e, "%s: record %zu", name, reader->records);
		return r;
	}
	if (size == 0)
		return cnn_fail(e, CNN_EDATA,
		    "%s: truncated after record %zu "
		    "(tensor-cat --repair keeps the complete records)",
		    name, reader->records);
	reader->item = data;
	reader->item_size = size;
	reader->consumed = size;
	r = cnn_parse_item(data, size, reader->header, &reader->scratch, rec, &end, e);
	if (r < 0) {
		if (!end.is_end)
			cnn_error_prefix(e, "record %zu", reader->records);
		cnn_error_prefix(e, "%s", name);
		return r;
	}
	if (r == CNN_END) {
		reader->state = BETWEEN;
		r = check_end(reader, &end, e);
		return r < 0 ? r : CNN_END;
	}
	XXH3_64bits_update(reader->hash, data, size);
	reader->records++;
	reader->samples += rec->samples;
	return CNN_OK;
}

int cnn_reader_record(struct cnn_reader *reader, struct cnn_record *rec,
    struct cnn_error *e)
{
	int r;

	rec->count = 0;
	if (reader->state == BETWEEN && !reader->pending)
		return CNN_END;
	if (reader->state == FAILED)
		return cnn_fail(e, CNN_EDATA, "%s: read after an error",
		    cnn_input_name(reader->in));
	if (reader->pending) {
		reader->pending = false;
		if (reader->first_code == CNN_OK)
			*rec = reader->first;
		reader->item = NULL;
		reader->item_size = 0;
		if (reader->consumed) { /* the record is still in the input */
			const unsigned char *data;
			size_t have;

			r = cnn_input_peek(reader->in, reader->consumed, &data, &have,
			    e);
			reader->item = data;
			reader->item_size = reader->consumed;
			if (r < 0)
				return r;
		}
		return reader->first_code;
	}
	r = read_record(reader, rec, e);
	if (r < 0)
		reader->state = FAILED;
	return r;
}
