/* sgd: for g = grad * grad_scale + weight_decay * param
 *   m = momentum m + g
 *   param -= lr m
 * Without momentum: param -= lr g, and m is not changed. (No dampening and no Nesterov
 * momentum: PyTorch's defaults.) */
#include <cnn/plugin.h>

static const struct cnn_arg args[] = {
	{ "momentum", CNN_ARG_FLOAT, 0, 0, 0, 1 },
	{ "weight_decay", CNN_ARG_FLOAT, 0, 0, 0, 1e6 },
};

const struct cnn_optimizer_def cnn_optimizer_sgd = {
	.size = sizeof(struct cnn_optimizer_def),
	.name = "sgd",
	.summary = "stochastic gradient descent",
	.args = args,
	.arg_count = sizeof(args) / sizeof(args[0]),
	.moment_count = 1,
	.moments = { "m" },
};
