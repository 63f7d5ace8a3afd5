/* load.h - the model and the data that a tool's operands hold.
 *
 * One rule for every tool: each is taken from the operand that holds it, and
 * what no operand holds comes from standard input; if both are missing there,
 * the model comes first.
 */
#ifndef FORMATS_LOAD_H
#define FORMATS_LOAD_H

#include "operand.h"

#include "train/dataset.h"
#include "net/model.h"

struct cnn_load {
	struct cnn_operands *in;
	struct cnn_plugins *plugins;
	size_t max_memory;               /* for the model's parameters; 0: any */
	struct cnn_model *model;         /* once it was read; taken by the caller */
	const char *stdin_is;            /* who else reads standard input: "--val" */
};

/* Opens the operands; none at all means standard input. */
int cnn_load_open(struct cnn_load *, const char *const *paths, size_t count,
	struct cnn_plugins *, struct cnn_error *);
void cnn_load_close(struct cnn_load *);

/* Reads the model, and everything else into the data set, verified to the end.
 * model or data missing: standard input is read too, and then it is an error. */
int cnn_load_all(struct cnn_load *, struct cnn_dataset *, bool need_labels,
	struct cnn_error *);

/* All labelled samples of one file (--val), at least one. The set is the
 * caller's to free, also after an error. */
int cnn_load_file(struct cnn_dataset **, const char *path, const char *image,
	const char *label, struct cnn_plugins *, struct cnn_error *);

/* Reads up to and with the model, and on to the header of the first data
 * segment behind it, for tools that take the data as they come: CNN_END where
 * there are no data at all. A model that stands behind the data in one stream
 * is an error. */
int cnn_load_model(struct cnn_load *, const struct cnn_header **data,
	struct cnn_error *);
/* The next data segment's header; CNN_END after the last. */
int cnn_load_next(struct cnn_load *, const struct cnn_header **data,
	struct cnn_error *);

#endif
