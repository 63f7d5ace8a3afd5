/* relu: out = max(in, 0), elementwise. */
#include "layer.h"

const struct cnn_layer_def cnn_layer_relu = {
	.size = sizeof(struct cnn_layer_def),
	.type = "relu",
	.summary = "rectified linear unit",
	.min_inputs = 1, .max_inputs = 1,
	.infer = cnn_layer_same_shape,
};
