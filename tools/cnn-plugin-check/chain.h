/* chain.h - a run of layers written in one line, with its shapes. */
#ifndef CHAIN_H
#define CHAIN_H

#include "plugin/host.h"
#include "plugin/loader.h"

#define CHAIN_MAX_ARGS 16

struct layer_chain {
	uint32_t node_count;
	struct cnn_node nodes[CNN_MAX_RUN];
	const struct cnn_layer_def *defs[CNN_MAX_RUN];
	struct cnn_arg_value args[CNN_MAX_RUN][CHAIN_MAX_ARGS];
	char names[CNN_MAX_RUN][16], types[CNN_MAX_RUN][32];
	uint32_t input_count;
	/* Those of the first node, then the targets of losses. */
	struct cnn_shape inputs[CNN_MAX_INPUTS], output;
	bool index[CNN_MAX_INPUTS];	    /* an input takes indices */
	size_t index_limit[CNN_MAX_INPUTS]; /* 0 .. limit - 1 */
	uint32_t target[CNN_MAX_RUN];	    /* node -> its target's number, or 0 */
	uint32_t param_count, first_param[CNN_MAX_RUN + 1]; /* by node */
	struct cnn_param params[CNN_MAX_PARAMS];
	bool across_samples, loss;
};

/* *c from "conv2d out=8 kernel=3 | relu" and "3x7x7" ("3x7x7 3x7x7": two
 * inputs). A loss gets a target besides: one index per sample, or a tensor like its
 * input if it takes real numbers. *c points into itself, so it stays where it is. */
int chain_parse(struct layer_chain *c, struct cnn_plugins *, const char *net,
    const char *inputs, struct cnn_error *);
/* *one = node i of c, alone. */
void chain_pick(const struct layer_chain *c, uint32_t i, struct layer_chain *one);
/* The types, as a kernel names its run: "conv2d+relu". */
void chain_run_name(const struct layer_chain *c, char *name, size_t size);

size_t chain_count(const struct cnn_shape *); /* elements of a sample */

#endif
