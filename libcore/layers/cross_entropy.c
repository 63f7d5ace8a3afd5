/* cross_entropy: out = log(sum over k of exp(in[k])) - in[label], the negative
 * log of the label's softmax. */
#include "layer.h"

static int infer(const struct cnn_host *host, const struct cnn_node *node,
	struct cnn_shape *out)
{
	*out = (struct cnn_shape){ 0 };
	return cnn_layer_want_vector(host, "cross_entropy", &node->inputs[0]);
}

static double flops(const struct cnn_node *node)
{
	return 4 * (double)node->inputs[0].dims[0];
}

const struct cnn_layer_def cnn_layer_cross_entropy = {
	.size = sizeof(struct cnn_layer_def),
	.type = "cross_entropy",
	.summary = "loss of logits against class labels",
	.min_inputs = 1, .max_inputs = 1,
	.flags = CNN_LAYER_LOSS | CNN_LAYER_FLOAT,
	.infer = infer, .flops = flops,
};
