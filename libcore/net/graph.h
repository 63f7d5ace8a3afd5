/* graph.h - a net whose layers are known: shapes, parameters, edges. */
#ifndef CNN_GRAPH_H
#define CNN_GRAPH_H

#include "base/error.h"
#include "plugin/loader.h"
#include "net.h"
#include <cnn/plugin.h>
#include <stdbool.h>
#include <stddef.h>

struct cnn_graph_node {
	struct cnn_node node;                /* as plugins see it; the first node
	                                      * is the input and has no type */
	const struct cnn_layer_def *def;     /* NULL: the input */
	struct cnn_arg_value *args;
	size_t inputs[CNN_MAX_INPUTS];       /* nodes that feed this one */
	size_t first_param;                  /* its parameters in the graph's */
	uint32_t param_count;
	size_t consumers;                    /* nodes that this one feeds */
	unsigned line;
};

struct cnn_graph_param {
	char *name;                          /* "conv1.weight" */
	struct cnn_param def;
	size_t node, count;                  /* elements of the plain shape */
};

struct cnn_graph {
	struct cnn_graph_node *nodes;        /* in an order that can be executed */
	size_t node_count;
	struct cnn_graph_param *params;
	size_t param_count;
	size_t output;                       /* the node whose values are the
	                                      * net's: the logits */
	size_t loss;                         /* the loss node, 0 if there is none */
	char *text;                          /* the net's text */
	size_t text_size;
	struct cnn_net *net;
	struct cnn_plugins *plugins;         /* not owned */
};

/* Parses the text and looks its types up, through plugins if the house does
 * not know one. Every message names `where` and the line. plugins must outlive
 * the graph. */
int cnn_graph_build(struct cnn_graph **, const char *where, const char *text,
	size_t size, struct cnn_plugins *, struct cnn_error *);
void cnn_graph_free(struct cnn_graph *);

/* "1x28x28" ("scalar" for rank 0). buf of CNN_SHAPE_TEXT bytes. */
char *cnn_graph_shape_text(const struct cnn_shape *, char *buf, size_t size);

/* Numbers in one sample of a shape of a graph: at most INT32_MAX. */
size_t cnn_graph_shape_count(const struct cnn_shape *);

/* Floating-point operations of one sample's forward pass. */
double cnn_graph_flops(const struct cnn_graph *, size_t node);

/* The parameter's initial values: PyTorch's defaults, from Philox by seed. */
void cnn_graph_init_param(const struct cnn_graph *, size_t param, uint64_t seed,
	float *values);

#endif
