/* reshape.h - gives the samples of a segment's fields other shapes.
 *
 * The steps are taken in this order: a column of a field, axes of length 1 dropped, new
 * shapes, the last two axes swapped.
 */
#ifndef TENSOR_CAT_RESHAPE_H
#define TENSOR_CAT_RESHAPE_H

#include "stream/stream.h"

struct cnn_new_shape {
	char *field; /* NULL: see cnn_reshape_begin() */
	int rank;
	size_t shape[CNN_MAX_RANK];
};

struct cnn_reshape_options {
	uint64_t column; /* UINT64_MAX: none */
	bool squeeze, transpose;
	struct cnn_new_shape shapes[CNN_MAX_FIELDS];
	size_t shape_count;
};

/* Adds "SHAPE" or "FIELD=SHAPE", such as "image=1x28x28"; "scalar" is the shape without
 * axes. Other texts, and a field's second shape, are CNN_EUSAGE. */
int cnn_reshape_parse(struct cnn_reshape_options *, const char *, struct cnn_error *);
/* Frees the names; the options themselves are the caller's. */
void cnn_reshape_options_free(struct cnn_reshape_options *);
/* Whether they ask for anything. */
bool cnn_reshape_wanted(const struct cnn_reshape_options *);

struct cnn_reshape;

/* The options must outlive it. NULL: out of memory. */
struct cnn_reshape *cnn_reshape_new(const struct cnn_reshape_options *);
void cnn_reshape_free(struct cnn_reshape *);

/* Begins a data segment: gives the fields of its header their new shapes. The column is
 * taken from the field `label`. The last axes are swapped, and a shape without a name is
 * given, in the field `image`. A segment that lacks the field, but has only one, uses that
 * one instead. CNN_EDATA if a field is absent or its shape does not fit; `where` names
 * the data in the message. */
int cnn_reshape_begin(struct cnn_reshape *, struct cnn_header *, const char *where,
    struct cnn_error *);
/* Changes the tensors of a record of that segment, which may have other fields too. New
 * data is valid until the next call. */
int cnn_reshape_record(struct cnn_reshape *, struct cnn_record *, struct cnn_error *);

#endif
