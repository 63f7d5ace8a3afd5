/* model.h - a net with its weights and, in a checkpoint, its training state: in memory,
 * and as a segment of kind "model".
 */
#ifndef CNN_MODEL_H
#define CNN_MODEL_H

#include "base/error.h"
#include "graph.h"
#include "stream/stream.h"

struct cnn_model {
	struct cnn_graph *graph;
	struct cnn_value *meta, *history; /* from the header */
	struct cnn_value *classes;	  /* array of str, or NULL */
	char **class_names;		  /* one to show for each of them, or NULL */
	uint64_t seed;			  /* seed of the initial weights */
	float **params;			  /* [graph->param_count], in plain layout */
	/* Only in a checkpoint: the trainer's state (its contents: train/trainer.h) and
	 * the moments of each parameter, NULL for a parameter without moments. */
	struct cnn_value *training; /* map, or NULL */
	uint32_t moment_count;
	char moment_names[CNN_MAX_MOMENTS][32]; /* "adam.m" */
	float **moments[CNN_MAX_MOMENTS];	/* [moment][param] */
	/* While reading: number of elements received so far for each parameter, then
	 * for each moment */
	size_t *arrived;
	size_t bytes; /* of parameters and moments; see base/memory.h */
};

/* Creates a model from the text of a net, with initial weights. Messages start with
 * `where`. The parameters must not take more than max_bytes (0: no limit). */
int cnn_model_new(struct cnn_model **, const char *where, const char *text, size_t size,
    struct cnn_plugins *, uint64_t seed, size_t max_bytes, struct cnn_error *);
void cnn_model_free(struct cnn_model *);

/* Reading: call begin with the header, add with each record, then finish, which checks
 * that nothing is missing. The header must declare only parameters and moments of the
 * net, with the net's shapes and a floating-point type. */
int cnn_model_begin(struct cnn_model **, const char *where, const struct cnn_header *,
    struct cnn_plugins *, size_t max_bytes, struct cnn_error *);
int cnn_model_add(struct cnn_model *, const struct cnn_record *, struct cnn_error *);
int cnn_model_finish(struct cnn_model *, struct cnn_error *);

/* Writes the model as one segment; if strip, only its weights. */
int cnn_model_write(const struct cnn_model *, struct cnn_output *, bool strip,
    struct cnn_error *);

/* Checks, before the work, that cnn_model_save() will be able to write the header. */
int cnn_model_check(const struct cnn_model *, const char *path, bool strip,
    struct cnn_error *);
/* Writes the model to a path, complete or not at all; NULL is standard output. */
int cnn_model_save(const struct cnn_model *, const char *path, bool strip,
    struct cnn_error *);

/* Allocates `count` moments with these names, all zero. */
int cnn_model_set_moments(struct cnn_model *, uint32_t count, const char *const *names,
    struct cnn_error *);
/* Drops the training state and the moments. */
void cnn_model_strip(struct cnn_model *);

/* Copies an array of class names into the model, which must have its graph. */
int cnn_model_set_classes(struct cnn_model *, const struct cnn_value *,
    struct cnn_error *);
/* Returns the name under which tables show the class (class-names.h) or, if it has none,
 * its number written to buf (32 bytes). */
const char *cnn_model_class(const struct cnn_model *, size_t class, char *buf);

#endif
