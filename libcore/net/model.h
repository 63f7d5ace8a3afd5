/* model.h - a net with its weights, and its training state if it has one:
 * in memory, and as a segment of kind "model".
 */
#ifndef CNN_MODEL_H
#define CNN_MODEL_H

#include "base/error.h"
#include "graph.h"
#include "stream/stream.h"

#define CNN_MAX_MOMENTS 4

struct cnn_model {
	struct cnn_graph *graph;
	struct cnn_value *meta, *history;    /* of the header */
	struct cnn_value *classes;           /* array of str, or NULL */
	uint64_t seed;                       /* of the initial weights */
	float **params;                      /* [graph->param_count] plain values */
	/* A checkpoint has more: the trainer's state (train/trainer.h says what is
	 * in it), and the moments of each parameter, NULL where there is none. */
	struct cnn_value *training;          /* map, or NULL */
	uint32_t moment_count;
	char moment_names[CNN_MAX_MOMENTS][32];    /* "adam.m" */
	float **moments[CNN_MAX_MOMENTS];    /* [moment][param] */
	size_t *arrived;                     /* while it is read: elements so far of
	                                      * each parameter, then each moment */
};

/* A model of the net's text with initial weights. `where` begins messages.
 * max_bytes bounds the parameters (0: no bound). */
int cnn_model_new(struct cnn_model **, const char *where, const char *text,
	size_t size, struct cnn_plugins *, uint64_t seed, size_t max_bytes,
	struct cnn_error *);
void cnn_model_free(struct cnn_model *);

/* Reading: the header, each record, then a check that nothing is missing. */
int cnn_model_begin(struct cnn_model **, const char *where,
	const struct cnn_header *, struct cnn_plugins *, size_t max_bytes,
	struct cnn_error *);
int cnn_model_add(struct cnn_model *, const struct cnn_record *, struct cnn_error *);
int cnn_model_finish(struct cnn_model *, struct cnn_error *);

/* Writes the model as one segment; with strip only its weights. */
int cnn_model_write(const struct cnn_model *, struct cnn_output *, bool strip,
	struct cnn_error *);

/* The same to a path, whole or not at all; NULL is standard output. */
int cnn_model_save(const struct cnn_model *, const char *path, bool strip,
	struct cnn_error *);

/* Gives the model room for `count` moments of these names, zero. */
int cnn_model_set_moments(struct cnn_model *, uint32_t count,
	const char *const *names, struct cnn_error *);
/* Forgets the training state and the moments. */
void cnn_model_strip(struct cnn_model *);

/* Takes a copy of an array of names for the classes; control characters in them
 * become '?', since names are printed. */
int cnn_model_set_classes(struct cnn_model *, const struct cnn_value *,
	struct cnn_error *);
/* The class's name, or its number written to buf (32 bytes). */
const char *cnn_model_class(const struct cnn_model *, size_t class, char *buf);

#endif
