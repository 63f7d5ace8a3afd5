/* flatten: the same elements as one vector, in NCHW order. */
#include "layer.h"

static int infer(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_shape *out)
{
	int r = cnn_layer_check(host, "input", &node->inputs[0]);

	if (r != CNN_OK)
		return r;
	*out = (struct cnn_shape){ 1, { cnn_layer_count(&node->inputs[0]) } };
	return CNN_OK;
}

static double flops(const struct cnn_node *node)
{
	(void)node;
	return 0;
}

const struct cnn_layer_def cnn_layer_flatten = {
	.size = sizeof(struct cnn_layer_def),
	.type = "flatten",
	.summary = "an image as one vector",
	.min_inputs = 1,
	.max_inputs = 1,
	.infer = infer,
	.flops = flops,
};
