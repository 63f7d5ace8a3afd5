/* optimizers.c - adam, sgd. Arguments are numbered as in their definitions. */
#include "ref.h"
#include <math.h>

/* adam, elementwise, for update number t = 1, 2, ...:
 *   g = grad * grad_scale + weight_decay * param
 *   m = beta1 m + (1 - beta1) g
 *   v = beta2 v + (1 - beta2) g^2
 *   param -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 */
enum { BETA1, BETA2, EPS, ADAM_DECAY };

static int adam_update(const struct cnn_host *host, const struct cnn_update *u)
{
	const double beta1 = u->args[BETA1].f, beta2 = u->args[BETA2].f;
	const float b1 = (float)beta1, c1 = (float)(1 - beta1);
	const float b2 = (float)beta2, c2 = (float)(1 - beta2);
	const double t = (double)(u->state->updates + 1);
	const float step = (float)(u->state->lr / (1 - pow(beta1, t)));
	const float root = (float)sqrt(1 - pow(beta2, t));
	const float decay = (float)u->args[ADAM_DECAY].f, scale = u->state->grad_scale;
	const float eps = (float)u->args[EPS].f, *restrict grads = u->grads;
	float *restrict params = u->params;
	float *restrict m = u->moments[0], *restrict v = u->moments[1];

	(void)host;
	if (u->state->bad)
		return CNN_OK;
	for (size_t i = 0; i < u->count; i++) {
		float g = grads[i] * scale + decay * params[i];

		m[i] = b1 * m[i] + c1 * g;
		v[i] = b2 * v[i] + c2 * g * g;
		params[i] -= step * (m[i] / (sqrtf(v[i]) / root + eps));
	}
	return CNN_OK;
}

/* sgd, elementwise:
 *   g = grad * grad_scale + weight_decay * param
 *   m = momentum m + g
 *   param -= lr m
 * Without momentum: param -= lr g, and m is not changed.
 */
enum { MOMENTUM, SGD_DECAY };

static int sgd_update(const struct cnn_host *host, const struct cnn_update *u)
{
	const float lr = (float)u->state->lr, momentum = (float)u->args[MOMENTUM].f;
	const float decay = (float)u->args[SGD_DECAY].f, scale = u->state->grad_scale;
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

static const struct cnn_optimizer optimizers[] = {
	{ .size = sizeof(struct cnn_optimizer), .name = "adam", .update = adam_update },
	{ .size = sizeof(struct cnn_optimizer), .name = "sgd", .update = sgd_update },
};

REF_PLUGIN("optimizers", CNN_OPTIMIZERS(optimizers));
