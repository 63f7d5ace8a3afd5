/* convert.h - copies segments for tensor-cat, or selects from them, joins them, divides
 * them into records of another size, or converts them to one array of another format.
 */
#ifndef TENSOR_CAT_CONVERT_H
#define TENSOR_CAT_CONVERT_H

#include "formats/format.h"
#include "formats/operand/operand.h"
#include "reshape.h"

#include "cli/option.h"
#include "pick.h"

struct cnn_convert_options {
	/* Samples first .. last - 1 of all data; 0, UINT64_MAX: all */
	uint64_t first, last;
	/* Only these samples of all data, in this order, or NULL. Not with first and
	 * last. */
	const struct cnn_pick_list *pick;
	/* Only samples whose class differs from this field (wrong.h), or NULL */
	const char *wrong;
	char **fields; /* only these fields, in this order; NULL: all */
	size_t field_count;
	const struct cnn_reshape_options *reshape; /* NULL: none */
	uint64_t batch;			   /* samples per record; 0: unchanged */
	const struct cnn_codec *to;	   /* NULL: a tensor stream */
	const struct cnn_program *program; /* for the history */
};

/* Parses "A:B", half-open; either end may be missing. Anything else is CNN_EUSAGE. */
int cnn_range_parse(const char *, uint64_t *first, uint64_t *last, struct cnn_error *);
/* Parses "a,b,c" to an array of strings, which cnn_names_free() frees. Empty and
 * repeated names are CNN_EUSAGE. */
int cnn_names_parse(const char *, char ***names, size_t *count, struct cnn_error *);
void cnn_names_free(char **names, size_t count);

struct cnn_convert;

/* The caller keeps ownership of the options and the output. Without first, last,
 * pick, wrong, fields, reshape, batch and to, streams are copied byte for byte. With any of
 * them, consecutive compatible data segments are joined into one, and models are copied
 * unchanged. */
int cnn_convert_open(struct cnn_convert **, const struct cnn_convert_options *,
    struct cnn_output *, struct cnn_error *);
/* Reads and writes the segment whose header the operands have just returned. */
int cnn_convert_segment(struct cnn_convert *, struct cnn_operands *,
    const struct cnn_header *, struct cnn_error *);
/* Ends the open segment, or writes the array: no segment may follow. */
int cnn_convert_end(struct cnn_convert *, struct cnn_error *);
void cnn_convert_close(struct cnn_convert *);

/* The number of data samples read, and of those selected. */
uint64_t cnn_convert_seen(const struct cnn_convert *);
uint64_t cnn_convert_kept(const struct cnn_convert *);

#endif
