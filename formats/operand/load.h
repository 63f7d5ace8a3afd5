/* load.h - loads the model and the data from a tool's operands.
 *
 * All tools use one rule: model and data are taken from the operands, and what is
 * missing there is read from standard input. If both are missing, the model comes
 * first.
 */
#ifndef FORMATS_LOAD_H
#define FORMATS_LOAD_H

#include "operand.h"

#include "train/dataset.h"
#include "net/model.h"

struct cnn_load {
	struct cnn_operands *in;
	struct cnn_plugins *plugins;
	size_t max_memory;	 /* limit for the model's parameters; 0: none */
	struct cnn_model *model; /* NULL until read; the caller may take it */
	/* The option that uses standard input ("--val"), or NULL */
	const char *stdin_is;
};

/* Opens the operands; without any, opens standard input. */
int cnn_load_open(struct cnn_load *, const char *const *paths, size_t count,
    struct cnn_plugins *, struct cnn_error *);
void cnn_load_close(struct cnn_load *);

/* Reads the model, and all other segments into the dataset, verified to the end. If the
 * model or the data are missing, reads standard input too; if still missing, fails. */
int cnn_load_all(struct cnn_load *, struct cnn_dataset *, bool targets,
    struct cnn_error *);

/* Reads all labelled samples of one file (--val), which must have at least one. The
 * caller frees the dataset, also after an error. */
int cnn_load_file(struct cnn_dataset **, const char *path, const char *image,
    const char *label, struct cnn_plugins *, struct cnn_error *);

/* Starts the segment that has this header, of the current operand, in the dataset, which
 * also learns the names of its files. An error names the file. */
int cnn_load_segment(struct cnn_load *, const struct cnn_header *, struct cnn_dataset *,
    bool targets, struct cnn_error *);

/* Reads the model and then the header of the first data segment after it, for tools
 * that process data as they arrive; CNN_END if there are no data at all. A model after
 * data in the same stream is an error. */
int cnn_load_model(struct cnn_load *, const struct cnn_header **data,
    struct cnn_error *);
/* Gets the header of the next data segment; CNN_END after the last. */
int cnn_load_next(struct cnn_load *, const struct cnn_header **data,
    struct cnn_error *);

#endif
