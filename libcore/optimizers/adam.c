/* adam: for update number t = 1, 2, ... and
 *   g = grad * grad_scale + weight_decay * param
 *   m = beta1 m + (1 - beta1) g
 *   v = beta2 v + (1 - beta2) g^2
 *   param -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 * (D. P. Kingma and J. Ba, "Adam", ICLR 2015; weight decay as in PyTorch's Adam, added
 * to the gradient.) The betas stay below 1 and eps above 0 in float, so that nothing is
 * divided by 0. */
#include <cnn/plugin.h>

static const struct cnn_arg args[] = {
	{ "beta1", CNN_ARG_FLOAT, 0, 0.9, 0, 0.999999 },
	{ "beta2", CNN_ARG_FLOAT, 0, 0.999, 0, 0.999999 },
	{ "eps", CNN_ARG_FLOAT, 0, 1e-8, 1e-30, 1 },
	{ "weight_decay", CNN_ARG_FLOAT, 0, 0, 0, 1e6 },
};

const struct cnn_optimizer_def cnn_optimizer_adam = {
	.size = sizeof(struct cnn_optimizer_def),
	.name = "adam",
	.summary = "Adam with L2 weight decay",
	.args = args,
	.arg_count = sizeof(args) / sizeof(args[0]),
	.moment_count = 2,
	.moments = { "m", "v" },
};
