/* operand.h - the operands of a tool: files of any known format, read as one sequence
 * of segments.
 *
 * A tensor stream contributes its segments. A file with one array (IDX, npy, PNG)
 * becomes a field: `image` if its rank is 3 or more, `label` if it is an array of integers
 * of shape N or N x 1, otherwise the name in FIELD=FILE. An array N x H x W of images
 * becomes N x 1 x H x W, labels N x 1 become N, a PNG 1 x C x H x W. Consecutive arrays with different fields and equal
 * lengths are joined into one segment; different lengths are an error. Consecutive
 * arrays of the same field and sample shape (digits/?.png) are concatenated in one
 * segment. A damaged PNG, or one whose shape differs from the PNGs before it, is an
 * error unless skip_bad. An archive stands for its members of known formats, except those
 * whose names begin with a dot; a member NAME.npy of a zip (npz) is the field NAME.
 */
#ifndef FORMATS_OPERAND_H
#define FORMATS_OPERAND_H

#include "base/error.h"
#include "stream/stream.h"

struct cnn_operands;

struct cnn_operand_options {
	/* "NAME=FILE" of --field, read before the paths, in this order */
	const char *const *fields;
	size_t field_count;
	/* If any, arrays of other fields are passed over. If that leaves no array, and
	 * there is no stream, the end of the operands is CNN_EDATA. */
	char *const *only;
	size_t only_count;
	/* Leave the samples of bad pictures (join.h) out, in all fields */
	bool skip_bad;
	/* Arrays of integers of shape N x K are `label` too (tensor-cat --column) */
	bool tables;
};

/* Opens every path and reads its first bytes ("-" is standard input and may occur
 * once). A terminal is CNN_EUSAGE. options may be NULL. */
int cnn_operands_open(struct cnn_operands **, const char *const *paths, size_t count,
    const struct cnn_operand_options *, struct cnn_error *);
void cnn_operands_close(struct cnn_operands *);

/* Adds a path after the others, for example "-" if the operands contain no data.
 * CNN_EUSAGE if "-" is already among them. */
int cnn_operands_add(struct cnn_operands *, const char *path, struct cnn_error *);
bool cnn_operands_has_stdin(const struct cnn_operands *);
/* Whether the operand that was added last has no bytes at all. Call it before the first
 * read from it. */
bool cnn_operands_added_empty(const struct cnn_operands *);
/* About how many samples with the fields of this header there are in the operands that
 * are regular files, by their bytes: 0 if there are no such operands. */
size_t cnn_operands_expected(const struct cnn_operands *, const struct cnn_header *);
/* Call it with each record whose samples will be held, `row` bytes of each, before they
 * are; `room` samples have room already. Fails if they do not fit into --max-memory: on
 * the first record of a segment, as far as arrays and sizes of files say how many
 * follow. CNN_EDATA if what is held of an operand is above 256 MiB and more than 100
 * times the bytes read of it. */
int cnn_operands_hold(struct cnn_operands *, const struct cnn_record *, size_t row,
    size_t room, struct cnn_error *);

/* Moves the operands whose first segment is a model to the front and counts them. Call
 * it before the first segment is requested. */
int cnn_operands_models_first(struct cnn_operands *, size_t *models,
    struct cnn_error *);

/* Reads the header of the next segment, over all operands in order; CNN_END after the
 * last. First reads (and checks) any unread records of the previous segment. The header
 * is valid until the next call. */
int cnn_operands_header(struct cnn_operands *, const struct cnn_header **,
    struct cnn_error *);
/* Reads the next record of the segment; CNN_END at its (verified) end. The record is
 * valid until the next call. Messages name the operand and the record's number. */
int cnn_operands_record(struct cnn_operands *, struct cnn_record *, struct cnn_error *);
/* The number of samples left out so far because of skip_bad. If it is not 0, *first is the
 * message about the first one, valid until the operands are closed. */
size_t cnn_operands_skipped(const struct cnn_operands *, const char **first);
/* The operand of the current segment, for messages. */
const char *cnn_operands_name(const struct cnn_operands *);
/* The files of the current segment, of which i counts: the name of each and the number, in
 * the segment, of its first sample. field: the only field that it has, or NULL. False past
 * the last, and for a stream if an earlier segment came from it. */
bool cnn_operands_file(const struct cnn_operands *, size_t i, const char **name,
    const char **field, size_t *first);
/* Whether the current segment comes from a tensor stream, not from arrays. If so, gets
 * the raw bytes of the last item read. */
bool cnn_operands_item(const struct cnn_operands *, const void **, size_t *);

#endif
