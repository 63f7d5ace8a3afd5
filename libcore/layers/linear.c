/* linear: out[o] = bias[o] + sum over i of weight[o][i] in[i]. */
#include "layer.h"

enum { OUT, BIAS };

static const struct cnn_arg args[] = {
	[OUT] = { "out", CNN_ARG_INT, 1, 0, 1, LAYER_MAX_CHANNELS },
	[BIAS] = { "bias", CNN_ARG_BOOL, 0, 1, 0, 1 },
};

static struct cnn_shape weight_shape(const struct cnn_node *node)
{
	return (struct cnn_shape){ 2,
		{
		    (size_t)node->args[OUT].i,
		    node->inputs[0].dims[0],
		} };
}

static int infer(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_shape *out)
{
	struct cnn_shape weight;
	int r = cnn_layer_want_vector(host, "linear", &node->inputs[0]);

	if (r != CNN_OK)
		return r;
	*out = (struct cnn_shape){ 1, { (size_t)node->args[OUT].i } };
	weight = weight_shape(node);
	return cnn_layer_check(host, "weight", &weight);
}

static int params(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_param *p, uint32_t *count)
{
	const struct cnn_shape weight = weight_shape(node);
	const struct cnn_shape bias = { 1, { weight.dims[0] } };
	double fan_in = (double)weight.dims[1];

	(void)host;
	cnn_layer_uniform_param(&p[0], "weight", weight, fan_in);
	cnn_layer_uniform_param(&p[1], "bias", bias, fan_in);
	*count = node->args[BIAS].i ? 2 : 1;
	return CNN_OK;
}

static double flops(const struct cnn_node *node)
{
	return 2 * (double)node->args[OUT].i * (double)node->inputs[0].dims[0];
}

const struct cnn_layer_def cnn_layer_linear = {
	.size = sizeof(struct cnn_layer_def),
	.type = "linear",
	.summary = "fully connected layer",
	.args = args,
	.arg_count = sizeof(args) / sizeof(args[0]),
	.min_inputs = 1,
	.max_inputs = 1,
	.flags = CNN_LAYER_HALF,
	.infer = infer,
	.params = params,
	.flops = flops,
};
