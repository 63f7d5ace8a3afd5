/* elementwise.c - the activations: layers that compute out = f(in) for each element.
 *
 * A new type needs a row here, and one in each provider's own table. Providers
 * support at most two arguments, of type CNN_ARG_FLOAT.
 */
#include "layer.h"

static const struct cnn_arg normalize_args[] = {
	{ "mean", CNN_ARG_FLOAT, 0, 0, -1e6, 1e6 },
	{ "std", CNN_ARG_FLOAT, 0, 1, 1e-6, 1e6 },
};

#define ACTIVATION(TYPE, SUMMARY, ...) \
	{ \
		.size = sizeof(struct cnn_layer_def), .type = (TYPE), \
		.summary = (SUMMARY), .min_inputs = 1, .max_inputs = 1, \
		.infer = cnn_layer_same_shape, __VA_ARGS__ \
	}

const struct cnn_layer_def cnn_layer_activations[] = {
	ACTIVATION("relu", "rectified linear unit"), /* max(in, 0) */
	/* (in - mean) / std */
	ACTIVATION("normalize", "subtracts a mean, divides by a standard deviation",
	    .args = normalize_args, .arg_count = 2),
};

const size_t cnn_layer_activation_count = sizeof(cnn_layer_activations) /
    sizeof(cnn_layer_activations[0]);
