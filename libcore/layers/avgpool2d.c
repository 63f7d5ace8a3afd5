/* avgpool2d: out[c][y][x] = the mean of the window at (y, x); padding counts as
 * zeros (PyTorch's count_include_pad). */
#include "layer.h"

static const struct cnn_arg args[] = {
	{ "kernel", CNN_ARG_PAIR, 1, 0, 1, LAYER_MAX_WINDOW },
	{ "stride", CNN_ARG_PAIR, 0, 0, 1, LAYER_MAX_WINDOW, .like = "kernel" },
	{ "padding", CNN_ARG_PAIR, 0, 0, 0, LAYER_MAX_WINDOW },
};

const struct cnn_layer_def cnn_layer_avgpool2d = {
	.size = sizeof(struct cnn_layer_def),
	.type = "avgpool2d",
	.summary = "mean of each window",
	.args = args,
	.arg_count = sizeof(args) / sizeof(args[0]),
	.min_inputs = 1,
	.max_inputs = 1,
	.infer = cnn_layer_pool_infer,
	.flops = cnn_layer_pool_flops,
};
