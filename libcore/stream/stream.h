/* stream.h - tensor streams, tensor-stream(5).
 *
 *     stream  := segment+
 *     segment := header record* end
 *
 * Every item is one MessagePack map. Neither side ever holds more than one
 * record; the reader trusts no length before the bytes are there.
 */
#ifndef CNN_STREAM_H
#define CNN_STREAM_H

#include "base/error.h"
#include "io.h"
#include "base/tensor.h"
#include "base/value.h"

#define CNN_STREAM_VERSION 1
#define CNN_MAX_FIELDS 64                    /* of a record */
#define CNN_MAX_PARAMETERS 4096              /* fields of a model's header */
#define CNN_MAX_NAME 255                     /* bytes of a field's name */
#define CNN_MAX_TENSOR ((size_t)64 << 20)    /* bytes of one tensor */
#define CNN_MAX_HEADER ((size_t)1 << 20)     /* bytes of a header or an end */
#define CNN_MAX_DEPTH 16
#define CNN_RECORD_BYTES ((size_t)512 << 10) /* what writers aim for */

enum cnn_kind { CNN_DATA, CNN_MODEL };

/* A declared field. In a data segment `shape` is one sample's, without axis 0;
 * in a model it is the whole parameter's. */
struct cnn_field {
	char *name;
	enum cnn_dtype dtype;
	int rank;
	size_t shape[CNN_MAX_RANK];
	bool has_scale;              /* value = integer * scale + offset */
	double scale, offset;
	struct cnn_value *classes;   /* array of str, or NULL */
	struct cnn_value *other;     /* keys this version does not know, or NULL */
};

struct cnn_header {
	enum cnn_kind kind;
	struct cnn_field *fields;    /* in the header's order */
	size_t field_count;
	struct cnn_value *meta;      /* map, never NULL */
	struct cnn_value *history;   /* array, never NULL */
	struct cnn_value *model;     /* a model's state (net/model.h), or NULL */
	struct cnn_value *other;     /* unknown top-level keys, or NULL */
};

struct cnn_header *cnn_header_new(enum cnn_kind);    /* NULL: out of memory */
struct cnn_header *cnn_header_copy(const struct cnn_header *);
void cnn_header_free(struct cnn_header *);
/* Adds a field and returns it (NULL: out of memory or too many); the name is
 * copied. */
struct cnn_field *cnn_header_add(struct cnn_header *, const char *name,
	enum cnn_dtype, int rank, const size_t *shape);
/* The most fields that a header of this kind has. */
size_t cnn_header_limit(enum cnn_kind);
/* The field of that name, or NULL. */
struct cnn_field *cnn_header_find(const struct cnn_header *, const char *name);
/* Are the fields the same in name, type, shape, scale and classes, so that the
 * records of both can stand in one segment? */
bool cnn_header_compatible(const struct cnn_header *, const struct cnn_header *);

struct cnn_record {
	size_t count;                          /* fields in use */
	const char *names[CNN_MAX_FIELDS];
	struct cnn_tensor tensors[CNN_MAX_FIELDS];
	size_t samples;                        /* length of axis 0; a model: 0 */
};
/* The tensor of a field, or NULL. */
struct cnn_tensor *cnn_record_find(struct cnn_record *, const char *name);

/* --- reading ----------------------------------------------------------- */

struct cnn_reader;

/* Takes the input over. */
int cnn_reader_open(struct cnn_reader **, struct cnn_input *, struct cnn_error *);
void cnn_reader_close(struct cnn_reader *);

/* The next segment's header, CNN_END at the end of the stream. An input with
 * no segment at all is CNN_EDATA. The header belongs to the reader and lives
 * until the next call of this function. If the header declared no fields, they
 * are learnt from the first record, which is then read ahead. */
int cnn_reader_header(struct cnn_reader *, const struct cnn_header **,
	struct cnn_error *);

/* The segment's next record, CNN_END once its end item has been read and its
 * counts and digest have been found right. Names and data belong to the reader
 * and live until the next call. */
int cnn_reader_record(struct cnn_reader *, struct cnn_record *, struct cnn_error *);

/* Records read so far in this segment, and samples in them. */
size_t cnn_reader_records(const struct cnn_reader *);
size_t cnn_reader_samples(const struct cnn_reader *);
/* The bytes of the item read last (header, record or end), as they came. */
void cnn_reader_item(const struct cnn_reader *, const void **, size_t *);

/* --- writing ----------------------------------------------------------- */

struct cnn_writer;

/* The output stays the caller's: several segments may follow one another. */
int cnn_writer_open(struct cnn_writer **, struct cnn_output *, struct cnn_error *);
void cnn_writer_close(struct cnn_writer *);

int cnn_writer_header(struct cnn_writer *, const struct cnn_header *,
	struct cnn_error *);
/* Writes the record as it is, but for tensors over CNN_MAX_TENSOR, which are
 * split along axis 0. In a data segment the record must have every field of
 * the header, and only these, with the header's types and shapes. */
int cnn_writer_record(struct cnn_writer *, const struct cnn_record *,
	struct cnn_error *);
/* Writes the end item; digest (17 bytes, or NULL) receives its xxh3. */
int cnn_writer_end(struct cnn_writer *, char *digest, struct cnn_error *);

#endif
