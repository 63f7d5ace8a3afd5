/* convert.h - segments through tensor-cat: as they are, or selected,
 * joined, cut anew, or as one array of another format.
 */
#ifndef TENSOR_CAT_CONVERT_H
#define TENSOR_CAT_CONVERT_H

#include "formats/format.h"
#include "formats/operand/operand.h"

#include "cli/option.h"

struct cnn_convert_options {
	uint64_t first, last;        /* samples first .. last - 1 of all data;
	                              * 0, UINT64_MAX: all */
	char **fields;               /* these fields in this order; NULL: all */
	size_t field_count;
	uint64_t batch;              /* samples of a record; 0: as they come */
	const struct cnn_codec *to;  /* NULL: a tensor stream */
	const struct cnn_program *program;    /* for the history */
};

/* "A:B", half-open; either end may be missing. Anything else is CNN_EUSAGE. */
int cnn_range_parse(const char *, uint64_t *first, uint64_t *last,
	struct cnn_error *);
/* "a,b,c" to an array of strings, to be freed by cnn_names_free(). Empty and
 * repeated names are CNN_EUSAGE. */
int cnn_names_parse(const char *, char ***names, size_t *count,
	struct cnn_error *);
void cnn_names_free(char **names, size_t count);

struct cnn_convert;

/* The options and the output stay the caller's. Without first, last, fields,
 * batch and to, streams are copied byte for byte; with any of them, consecutive
 * data segments that are compatible become one, and models pass as they are. */
int cnn_convert_open(struct cnn_convert **, const struct cnn_convert_options *,
	struct cnn_output *, struct cnn_error *);
/* Reads and writes the segment that the operands have just given the header of. */
int cnn_convert_segment(struct cnn_convert *, struct cnn_operands *,
	const struct cnn_header *, struct cnn_error *);
/* Writes what no further segment can change. */
int cnn_convert_end(struct cnn_convert *, struct cnn_error *);
void cnn_convert_close(struct cnn_convert *);

/* Data samples that went by, and those that were selected. */
uint64_t cnn_convert_seen(const struct cnn_convert *);
uint64_t cnn_convert_kept(const struct cnn_convert *);

#endif
