/* add: out = the sum of its inputs, elementwise. */
#include "layer.h"
#include <string.h>

static int infer(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_shape *out)
{
	const struct cnn_shape *first = &node->inputs[0];

	for (uint32_t i = 1; i < node->input_count; i++) {
		const struct cnn_shape *s = &node->inputs[i];

		if (s->rank != first->rank ||
		    memcmp(s->dims, first->dims, s->rank * sizeof(s->dims[0])) != 0)
			return host->fail(host, CNN_EDATA,
			    "add needs equal shapes: input 1 is %s, input %u is %s",
			    cnn_layer_text(first).text, i + 1, cnn_layer_text(s).text);
	}
	return cnn_layer_same_shape(host, node, out);
}

static double flops(const struct cnn_node *node)
{
	return (double)cnn_layer_count(&node->output) * (node->input_count - 1);
}

const struct cnn_layer_def cnn_layer_add = {
	.size = sizeof(struct cnn_layer_def),
	.type = "add",
	.summary = "sum of two to eight inputs",
	.min_inputs = 2,
	.max_inputs = CNN_MAX_INPUTS,
	.infer = infer,
	.flops = flops,
};
