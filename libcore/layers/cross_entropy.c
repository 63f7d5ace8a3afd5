/* cross_entropy: the loss log(sum over k of exp(in[k])) - in[target], the negative log
 * of the target's softmax, and a hit if in[target] is the largest (of equal ones, the
 * first). */
#include "layer.h"

static int infer(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_shape *out)
{
	int r = cnn_layer_want_vector(host, "cross_entropy", &node->inputs[0]);

	*out = (struct cnn_shape){ .rank = 1, .dims = { 2 } };
	if (r == CNN_OK && node->inputs[1].rank != 0)
		return host->fail(host, CNN_EDATA,
		    "cross_entropy needs one class as target, not %s",
		    cnn_layer_text(&node->inputs[1]).text);
	return r;
}

static size_t index_limit(const struct cnn_node *node, uint32_t input)
{
	(void)input;
	return node->inputs[0].dims[0];
}

static double flops(const struct cnn_node *node)
{
	return 4 * (double)node->inputs[0].dims[0];
}

const struct cnn_layer_def cnn_layer_cross_entropy = {
	.size = sizeof(struct cnn_layer_def),
	.type = "cross_entropy",
	.summary = "loss of logits against classes",
	.min_inputs = 2,
	.max_inputs = 2,
	.flags = CNN_LAYER_LOSS | CNN_LAYER_FLOAT,
	.index_inputs = 1u << 1,
	.infer = infer,
	.flops = flops,
	.index_limit = index_limit,
};
