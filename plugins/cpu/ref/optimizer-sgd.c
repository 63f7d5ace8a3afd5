/* sgd, elementwise:
 *   g = grad * grad_scale + weight_decay * param
 *   m = momentum m + g
 *   param -= lr m
 * Without momentum: param -= lr g, and m is not changed. (No dampening and no
 * Nesterov momentum: PyTorch's defaults.)
 */
#include "ref.h"

static int update(const struct cnn_host *host, const struct cnn_update *u)
{
	const float lr = (float)u->state->lr, momentum = (float)u->momentum;
	const float decay = (float)u->weight_decay, scale = u->state->grad_scale;
	const float *restrict grads = u->grads;
	float *restrict params = u->params, *restrict m = u->moments[0];

	(void)host;
	if (u->state->bad)
		return CNN_OK;
	if (momentum == 0) {
		for (size_t i = 0; i < u->count; i++)
			params[i] -= lr * (grads[i] * scale + decay * params[i]);
		return CNN_OK;
	}
	for (size_t i = 0; i < u->count; i++) {
		m[i] = momentum * m[i] + (grads[i] * scale + decay * params[i]);
		params[i] -= lr * m[i];
	}
	return CNN_OK;
}

static const struct cnn_optimizer optimizer = {
	.size = sizeof(optimizer), .name = "sgd",
	.moment_count = 1, .moments = { "m" },
	.update = update,
};

REF_ENTRY("optimizer-sgd", CNN_PLUGIN_OPTIMIZER, optimizer);
