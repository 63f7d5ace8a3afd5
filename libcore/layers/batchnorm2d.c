/* batchnorm2d: out = (in - mean[c]) / sqrt(var[c] + eps) * weight[c] + bias[c]. In
 * training, mean[c] and var[c] (biased) are taken over channel c of the whole batch.
 * In inference they are the running values. Training updates the running values by
 *   running = (1 - momentum) running + momentum new,
 * where the new variance is the unbiased one. Where var + eps is 0, out = bias. */
#include "layer.h"
#include <stdio.h>

static const struct cnn_arg args[] = {
	{ "eps", CNN_ARG_FLOAT, 0, 1e-5, 0, 1 },
	{ "momentum", CNN_ARG_FLOAT, 0, 0.1, 0, 1 },
};

static int infer(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_shape *out)
{
	int r = cnn_layer_want_image(host, "batchnorm2d", &node->inputs[0]);

	return r != CNN_OK ? r : cnn_layer_same_shape(host, node, out);
}

static int params(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_param *p, uint32_t *count)
{
	static const struct {
		const char *name;
		enum cnn_param_kind kind;
		double value;
	} table[] = {
		{ "weight", CNN_PARAM_TRAINABLE, 1 },
		{ "bias", CNN_PARAM_TRAINABLE, 0 },
		{ "running_mean", CNN_PARAM_BUFFER, 0 },
		{ "running_var", CNN_PARAM_BUFFER, 1 },
	};

	(void)host;
	*count = sizeof(table) / sizeof(table[0]);
	for (uint32_t i = 0; i < *count; i++) {
		p[i] = (struct cnn_param){
			.shape = { 1, { node->inputs[0].dims[0] } },
			.kind = table[i].kind,
			.init = CNN_INIT_CONSTANT,
			.value = table[i].value,
		};
		snprintf(p[i].name, sizeof(p[i].name), "%s", table[i].name);
	}
	return CNN_OK;
}

/* The variance of one number is not defined without bias. */
static uint32_t min_batch(const struct cnn_node *node)
{
	return node->inputs[0].dims[1] * node->inputs[0].dims[2] > 1 ? 1 : 2;
}

static double flops(const struct cnn_node *node)
{
	return 2 * (double)cnn_layer_count(&node->output);
}

const struct cnn_layer_def cnn_layer_batchnorm2d = {
	.size = sizeof(struct cnn_layer_def),
	.type = "batchnorm2d",
	.summary = "normalises each channel over the batch",
	.args = args,
	.arg_count = sizeof(args) / sizeof(args[0]),
	.min_inputs = 1,
	.max_inputs = 1,
	.flags = CNN_LAYER_ACROSS_SAMPLES,
	.infer = infer,
	.params = params,
	.flops = flops,
	.min_batch = min_batch,
};
