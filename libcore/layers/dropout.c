/* dropout: in training each element becomes 0 with probability p; the others become in
 * / (1 - p). */
#include "layer.h"

static const struct cnn_arg args[] = {
	{ "p", CNN_ARG_FLOAT, 0, 0.5, 0, 1 },
};

const struct cnn_layer_def cnn_layer_dropout = {
	.size = sizeof(struct cnn_layer_def),
	.type = "dropout",
	.summary = "zeroes elements at random, in training only",
	.args = args,
	.arg_count = sizeof(args) / sizeof(args[0]),
	.min_inputs = 1,
	.max_inputs = 1,
	.flags = CNN_LAYER_TRAINING_ONLY,
	.infer = cnn_layer_same_shape,
};
