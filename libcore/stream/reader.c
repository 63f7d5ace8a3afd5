/* reader.c - reads tensor streams: items, segments, counts and digests. The contents of
 * items are parsed in parse-header.c and parse-record.c. */
#include "pack.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* A record holds at most 4096 values: enough for 64 fields, each with a name, a map and
 * a handful of keys, and for what else msgpack-numpy may write. */
static const struct cnn_bounds header_bounds =
	{ CNN_MAX_HEADER, CNN_MAX_HEADER, 256 << 10 };
static const struct cnn_bounds record_bounds =
	{ CNN_MAX_FIELDS * (CNN_MAX_TENSOR + 1024), CNN_MAX_TENSOR, 4096 };

enum state { BETWEEN, INSIDE, FAILED };

struct cnn_reader {
	struct cnn_input *in;
	XXH3_state_t *hash;
	struct cnn_header *header;
	struct cnn_scratch scratch;      /* for tensors that cannot be used in place */
	enum state state;
	bool any;                        /* a segment has been read */
	bool pending;                    /* `first` has not been handed out yet */
	struct cnn_record first;         /* read ahead to learn the fields */
	int first_code;                  /* CNN_END: there was an end instead */
	size_t records, samples;
	size_t consumed;                 /* bytes of the item, not yet skipped */
	unsigned char *header_item;      /* a copy: the first record may be read before
	                                  * the header is requested */
	size_t header_size;
	const unsigned char *item;
	size_t item_size;
};

int cnn_reader_open(struct cnn_reader **reader, struct cnn_input *in,
	struct cnn_error *e)
{
	struct cnn_reader *r = calloc(1, sizeof *r);

	*reader = NULL;
	if (!r || !(r->hash = XXH3_createState())) {
		free(r);
		cnn_input_close(in);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	r->in = in;
	*reader = r;
	return CNN_OK;
}

void cnn_reader_close(struct cnn_reader *r)
{
	if (!r)
		return;
	cnn_input_close(r->in);
	XXH3_freeState(r->hash);
	cnn_header_free(r->header);
	cnn_scratch_free(&r->scratch);
	free(r->header_item);
	free(r);
}

size_t cnn_reader_records(const struct cnn_reader *r)
{
	return r->records;
}

size_t cnn_reader_samples(const struct cnn_reader *r)
{
	return r->samples;
}

void cnn_reader_item(const struct cnn_reader *r, const void **data, size_t *size)
{
	*data = r->item;
	*size = r->item_size;
}

/* Releases the previous item and peeks at the next; *size is 0 at the end. */
static int next_item(struct cnn_reader *r, const struct cnn_bounds *bounds,
	const unsigned char **data, size_t *size, struct cnn_error *e)
{
	cnn_input_skip(r->in, r->consumed);
	r->consumed = 0;
	r->item_size = 0;
	return cnn_scan_item(r->in, bounds, data, size, e);
}

static int read_record(struct cnn_reader *, struct cnn_record *, struct cnn_error *);

/* Parses the header at the front of the input and, if it declares no fields, reads the
 * first record to learn them. */
static int read_header(struct cnn_reader *r, const unsigned char *data,
	size_t size, struct cnn_error *e)
{
	unsigned char *copy;
	int code;

	cnn_header_free(r->header);
	r->header = NULL;
	if ((code = cnn_parse_header(data, size, &r->header, e)) < 0) {
		cnn_error_prefix(e, "%s: header", cnn_input_name(r->in));
		return code;
	}
	if (!(copy = realloc(r->header_item, size)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	memcpy(copy, data, size);
	r->header_item = copy;
	r->header_size = size;
	r->consumed = size;
	r->records = r->samples = 0;
	XXH3_64bits_reset(r->hash);
	XXH3_64bits_update(r->hash, data, size);
	r->any = true;
	r->state = INSIDE;
	r->pending = false;
	if (r->header->field_count == 0) {
		code = read_record(r, &r->first, e);
		if (code < 0)
			return code;
		r->pending = true;
		r->first_code = code;
	}
	r->item = r->header_item;
	r->item_size = r->header_size;
	return CNN_OK;
}

int cnn_reader_header(struct cnn_reader *r, const struct cnn_header **header,
	struct cnn_error *e)
{
	const unsigned char *data;
	struct cnn_record unread;
	size_t size;
	int code = CNN_OK;

	*header = NULL;
	while (r->state == INSIDE && code == CNN_OK)
		code = cnn_reader_record(r, &unread, e);
	if (r->state == FAILED)
		return cnn_fail(e, CNN_EDATA, "%s: read after an error",
			cnn_input_name(r->in));
	if (code >= 0)
		code = next_item(r, &header_bounds, &data, &size, e);
	if (code == CNN_EDATA)
		cnn_error_prefix(e, "%s: header", cnn_input_name(r->in));
	if (code == CNN_OK && size == 0) {
		if (r->any)
			return CNN_END;
		if (strcmp(cnn_input_name(r->in), "standard input") == 0)
			code = cnn_fail(e, CNN_EDATA, "standard input is empty: no data "
				"given?");
		else
			code = cnn_fail(e, CNN_EDATA, "%s: empty file",
				cnn_input_name(r->in));
	}
	if (code >= 0)
		code = read_header(r, data, size, e);
	if (code < 0)
		r->state = FAILED;
	else
		*header = r->header;
	return code;
}

/* Checks the end item against the records that were read. */
static int check_end(struct cnn_reader *r, const struct cnn_end *end,
	struct cnn_error *e)
{
	const char *name = cnn_input_name(r->in);
	uint64_t digest = XXH3_64bits_digest(r->hash);

	if (end->has_records && end->records != r->records)
		return cnn_fail(e, CNN_EDATA, "%s: end: declares %llu records, but %zu "
			"were read", name, (unsigned long long)end->records,
			r->records);
	if (end->has_samples && end->samples != r->samples)
		return cnn_fail(e, CNN_EDATA, "%s: end: declares %llu samples, but %zu "
			"were read", name, (unsigned long long)end->samples,
			r->samples);
	if (end->has_digest && end->digest != digest)
		return cnn_fail(e, CNN_EDATA, "%s: end: declares digest %016llx, but "
			"the data have %016llx: the stream is damaged", name,
			(unsigned long long)end->digest, (unsigned long long)digest);
	return CNN_OK;
}

static int read_record(struct cnn_reader *r, struct cnn_record *rec,
	struct cnn_error *e)
{
	const char *name = cnn_input_name(r->in);
	const unsigned char *data;
	struct cnn_end end;
	size_t size;
	int code;

	if ((code = next_item(r, &record_bounds, &data, &size, e)) < 0) {
		if (code == CNN_EDATA)
			cnn_error_prefix(e, "%s: record %zu", name, r->records);
		return code;
	}
	if (size == 0)
		return cnn_fail(e, CNN_EDATA, "%s: truncated after record %zu "
			"(tensor-cat --repair keeps the complete records)",
			name, r->records);
	r->item = data;
	r->item_size = size;
	r->consumed = size;
	code = cnn_parse_item(data, size, r->header, &r->scratch, rec, &end, e);
	if (code < 0) {
		cnn_error_prefix(e, "%s: record %zu", name, r->records);
		return code;
	}
	if (code == CNN_END) {
		r->state = BETWEEN;
		code = check_end(r, &end, e);
		return code < 0 ? code : CNN_END;
	}
	XXH3_64bits_update(r->hash, data, size);
	r->records++;
	r->samples += rec->samples;
	return CNN_OK;
}

int cnn_reader_record(struct cnn_reader *r, struct cnn_record *rec,
	struct cnn_error *e)
{
	int code;

	rec->count = 0;
	if (r->state == BETWEEN && !r->pending)
		return CNN_END;
	if (r->state == FAILED)
		return cnn_fail(e, CNN_EDATA, "%s: read after an error",
			cnn_input_name(r->in));
	if (r->pending) {
		r->pending = false;
		if (r->first_code == CNN_OK)
			*rec = r->first;
		r->item = NULL;
		r->item_size = 0;
		if (r->consumed) {           /* the record is still in the input */
			const unsigned char *data;
			size_t have;

			code = cnn_input_peek(r->in, r->consumed, &data, &have, e);
			r->item = data;
			r->item_size = r->consumed;
			if (code < 0)
				return code;
		}
		return r->first_code;
	}
	code = read_record(r, rec, e);
	if (code < 0)
		r->state = FAILED;
	return code;
}
