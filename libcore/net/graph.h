/* graph.h - a net with resolved layers: shapes, parameters, edges. */
#ifndef CNN_GRAPH_H
#define CNN_GRAPH_H

#include "base/error.h"
#include "plugin/loader.h"
#include "net.h"
#include <cnn/plugin.h>
#include <stdbool.h>
#include <stddef.h>

#define CNN_MAX_NET_INPUTS 16 /* fields that a net reads */

struct cnn_graph_node {
	/* As seen by plugins; an input has no type */
	struct cnn_node node;
	const struct cnn_layer_def *def; /* NULL: an input */
	/* Of an input: the field of the data that it reads, and whether the field
	 * holds indices, which must be below `limit`. */
	const char *field;
	bool index;
	size_t limit;
	char *own_name; /* of an input that no line names */
	struct cnn_arg_value *args;
	size_t inputs[CNN_MAX_INPUTS]; /* indices of its input nodes */
	size_t first_param;	       /* index in graph->params */
	uint32_t param_count;
	size_t consumers; /* number of nodes that this one feeds */
	unsigned line;
};

struct cnn_graph_param {
	char *name; /* "conv1.weight" */
	struct cnn_param def;
	size_t node, count; /* count: elements of the plain shape */
};

struct cnn_graph {
	/* One per line, in execution order; then inputs that no line names: the targets
	 * of losses, and fields that are read both as numbers and as indices. */
	struct cnn_graph_node *nodes;
	size_t node_count;
	struct cnn_graph_param *params;
	size_t param_count;
	size_t inputs[CNN_MAX_NET_INPUTS]; /* nodes; the first is node 0 */
	uint32_t input_count;
	size_t output;		       /* the node that yields the logits */
	size_t losses[CNN_MAX_LOSSES]; /* nodes */
	uint32_t loss_count;
	char *text; /* the net as text */
	size_t text_size;
	struct cnn_net *net;
	struct cnn_plugins *plugins; /* not owned */
};

/* Parses the text and looks up its layer types: the built-in ones first, then those of
 * plugins. Every message names `where` and the line. plugins must outlive the graph. */
int cnn_graph_build(struct cnn_graph **, const char *where, const char *text,
    size_t size, struct cnn_plugins *, struct cnn_error *);
void cnn_graph_free(struct cnn_graph *);

/* Writes "1x28x28" ("scalar" for rank 0) to buf, of CNN_SHAPE_TEXT bytes. */
char *cnn_graph_shape_text(const struct cnn_shape *, char *buf, size_t size);

/* Number of elements in one sample of a shape of a graph: at most INT32_MAX. */
size_t cnn_graph_shape_count(const struct cnn_shape *);

/* Number of floating-point operations in the forward pass of one sample. */
double cnn_graph_flops(const struct cnn_graph *, size_t node);
/* The least number of samples in a batch with which the node can be trained. */
uint32_t cnn_graph_min_batch(const struct cnn_graph *, size_t node);

/* Computes the parameter's initial values: PyTorch's defaults, drawn from Philox with
 * seed. */
void cnn_graph_init_param(const struct cnn_graph *, size_t param, uint64_t seed,
    float *values);

#endif
