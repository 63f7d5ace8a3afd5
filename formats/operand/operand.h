/* operand.h - what a tool was given to read: files of any known format
 * as one sequence of segments.
 *
 * Tensor streams bring their segments. A file of one array (IDX, npy, PNG) is
 * a field: rank 3 and up `image`, rank 1 of integers `label`, anything else as
 * FIELD=FILE says. An N x H x W array of images becomes N x 1 x H x W, a PNG
 * 1 x C x H x W. Neighbouring arrays that bring different fields of equal
 * length are joined to one segment, and of different length refused;
 * neighbouring ones of the same field and sample shape (digits/?.png) follow
 * one another in one. The members of an archive count as operands in its place,
 * but for those whose names begin with a dot; an .npy member NAME.npy of a zip
 * (npz) is the field NAME.
 */
#ifndef FORMATS_OPERAND_H
#define FORMATS_OPERAND_H

#include "base/error.h"
#include "stream/stream.h"

struct cnn_operands;

struct cnn_operand_options {
	const char *const *fields;   /* "NAME=FILE" of --field, read in their
	                              * order before the paths */
	size_t field_count;
};

/* Opens every path and looks at its first bytes ("-" is standard input, which
 * may stand once). A terminal is CNN_EUSAGE. options may be NULL. */
int cnn_operands_open(struct cnn_operands **, const char *const *paths,
	size_t count, const struct cnn_operand_options *, struct cnn_error *);
void cnn_operands_close(struct cnn_operands *);

/* One more path, behind the others: standard input, when what was wanted was
 * in none of them. Not if "-" was among them (CNN_EUSAGE). */
int cnn_operands_add(struct cnn_operands *, const char *path, struct cnn_error *);
bool cnn_operands_has_stdin(const struct cnn_operands *);
/* The bytes of all operands that are regular files, as they lie there. */
size_t cnn_operands_bytes(const struct cnn_operands *);

/* Puts the operands whose first segment is a model before the others and counts
 * them; to be called before the first segment is asked for. */
int cnn_operands_models_first(struct cnn_operands *, size_t *models,
	struct cnn_error *);

/* The next segment of all operands, in order; CNN_END after the last. Unread
 * records of the one before are read (and checked) first. The header lives
 * until the next call. */
int cnn_operands_header(struct cnn_operands *, const struct cnn_header **,
	struct cnn_error *);
/* Its next record, CNN_END at its (verified) end; lives until the next call.
 * Messages name the operand and the record's number. */
int cnn_operands_record(struct cnn_operands *, struct cnn_record *,
	struct cnn_error *);
/* The operand that the current segment comes from, for messages. */
const char *cnn_operands_name(const struct cnn_operands *);
/* Is the current segment a tensor stream's (true), or made from arrays? And if
 * it is, the bytes of the item read last. */
bool cnn_operands_item(const struct cnn_operands *, const void **, size_t *);

#endif
