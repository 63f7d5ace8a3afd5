/* stream.h - tensor streams, tensor-stream(5).
 *
 *     stream  := segment+
 *     segment := header record* end
 *
 * Every item is one MessagePack map. Neither reader nor writer holds more than one
 * record at a time. The reader trusts no length before the bytes have arrived.
 */
#ifndef CNN_STREAM_H
#define CNN_STREAM_H

#include "base/error.h"
#include "io.h"
#include "base/tensor.h"
#include "base/value.h"

#define CNN_STREAM_VERSION 1
#define CNN_MAX_FIELDS 64		    /* per record */
#define CNN_MAX_PARAMETERS 4096		    /* fields in a model's header */
#define CNN_MAX_NAME 255		    /* bytes in a field's name */
#define CNN_MAX_TENSOR ((size_t)64 << 20)   /* bytes in one tensor */
#define CNN_MAX_HEADER ((size_t)1 << 20)    /* bytes in a header or an end */
#define CNN_MAX_HISTORY ((size_t)256 << 10) /* bytes in a header's history */
#define CNN_HEADER_ROOM ((size_t)16 << 10)  /* see cnn_header_check() */
#define CNN_MAX_DEPTH 16
#define CNN_RECORD_BYTES ((size_t)512 << 10) /* the size that writers aim for */

enum cnn_kind { CNN_DATA, CNN_MODEL };

/* A declared field. In a data segment `shape` is the shape of one sample, without axis
 * 0; in a model it is the shape of the whole parameter. */
struct cnn_field {
	char *name;
	enum cnn_dtype dtype;
	int rank;
	size_t shape[CNN_MAX_RANK];
	bool has_scale; /* value = integer * scale + offset */
	double scale, offset;
	struct cnn_value *classes; /* array of str, or NULL */
	struct cnn_value *other;   /* keys unknown to this version, or NULL */
};

struct cnn_header {
	enum cnn_kind kind;
	struct cnn_field *fields; /* in header order */
	size_t field_count;
	struct cnn_value *meta;	   /* map, never NULL */
	struct cnn_value *history; /* array, never NULL */
	struct cnn_value *model;   /* state of a model (net/model.h), or NULL */
	struct cnn_value *other;   /* unknown top-level keys, or NULL */
};

struct cnn_header *cnn_header_new(enum cnn_kind); /* NULL: out of memory */
struct cnn_header *cnn_header_copy(const struct cnn_header *);
void cnn_header_free(struct cnn_header *);
/* Adds a field and returns it (NULL: out of memory or too many fields). Copies the
 * name. */
struct cnn_field *cnn_header_add(struct cnn_header *, const char *name, enum cnn_dtype,
    int rank, const size_t *shape);
/* The maximum number of fields in a header of this kind. */
size_t cnn_header_limit(enum cnn_kind);
/* The field with that name, or NULL. */
struct cnn_field *cnn_header_find(const struct cnn_header *, const char *name);
/* Whether the fields agree in name, type, shape, scale and classes, so that records of
 * both headers can share one segment. */
bool cnn_header_compatible(const struct cnn_header *, const struct cnn_header *);

/* Checks that a header can be written, with CNN_HEADER_ROOM bytes to spare for what
 * changes until it is: `name` is its output, for the message. */
int cnn_header_check(const struct cnn_header *, const char *name, struct cnn_error *);
/* If the history takes more than CNN_MAX_HISTORY bytes, replaces its oldest entries by
 * one, {"folded": their number, "xxh3": the digest of their bytes}, so that half of
 * that is left. The last entry always stays. *folded is the number, or 0. */
int cnn_history_fold(struct cnn_value *history, uint64_t *folded, struct cnn_error *);

struct cnn_record {
	size_t count; /* fields in use */
	const char *names[CNN_MAX_FIELDS];
	struct cnn_tensor tensors[CNN_MAX_FIELDS];
	size_t samples; /* length of axis 0; 0 in a model */
};
/* The tensor of the field with that name, or NULL. */
struct cnn_tensor *cnn_record_find(struct cnn_record *, const char *name);

/* --- reading ---------------------------------------------------------------------- */

struct cnn_reader;

/* Takes ownership of the input. */
int cnn_reader_open(struct cnn_reader **, struct cnn_input *, struct cnn_error *);
void cnn_reader_close(struct cnn_reader *);

/* Reads the next segment's header; CNN_END at the end of the stream. An input without
 * any segment is CNN_EDATA. The reader owns the header, which is valid until the next
 * call of this function. If the header declares no fields, they are taken from the
 * first record, which is read ahead. */
int cnn_reader_header(struct cnn_reader *, const struct cnn_header **,
    struct cnn_error *);

/* Reads the segment's next record. Returns CNN_END once the end item has been read and
 * its counts and digest match. The reader owns names and data, which are valid until
 * the next call. */
int cnn_reader_record(struct cnn_reader *, struct cnn_record *, struct cnn_error *);

/* Numbers of records and samples read so far in this segment. */
size_t cnn_reader_records(const struct cnn_reader *);
size_t cnn_reader_samples(const struct cnn_reader *);
/* The raw bytes of the last item read (header, record or end). */
void cnn_reader_item(const struct cnn_reader *, const void **, size_t *);

/* --- writing ---------------------------------------------------------------------- */

struct cnn_writer;

/* The caller keeps ownership of the output, so several segments can be written to
 * it. */
int cnn_writer_open(struct cnn_writer **, struct cnn_output *, struct cnn_error *);
void cnn_writer_close(struct cnn_writer *);

/* Starts a segment: writes its header, of which the writer keeps a copy. */
int cnn_writer_header(struct cnn_writer *, const struct cnn_header *,
    struct cnn_error *);
/* Writes the record unchanged, except that tensors over CNN_MAX_TENSOR are split along
 * axis 0. In a data segment the record must have exactly the fields of the header, with
 * their types and shapes. */
int cnn_writer_record(struct cnn_writer *, const struct cnn_record *,
    struct cnn_error *);
/* Writes the end item. Stores its xxh3 in digest (17 bytes, or NULL). */
int cnn_writer_end(struct cnn_writer *, char *digest, struct cnn_error *);

#endif
