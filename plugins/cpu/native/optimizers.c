/* optimizers.c - adam: see optimizers.h. The others need no more than plain C. */
#include "optimizers.h"

#include <math.h>

NATIVE_TABLE(optimizer_kernels);

/* The arguments, in the order of the definition. */
enum { BETA1, BETA2, EPS, DECAY };

static int adam_update(const struct cnn_host *host, const struct cnn_update *u)
{
	const double beta1 = u->args[BETA1].f, beta2 = u->args[BETA2].f;
	const double t = (double)(u->state->updates + 1);
	const struct adam adam = {
		.beta1 = (float)beta1,
		.rest1 = (float)(1 - beta1),
		.beta2 = (float)beta2,
		.rest2 = (float)(1 - beta2),
		.decay = (float)u->args[DECAY].f,
		.scale = u->state->grad_scale,
		.eps = (float)u->args[EPS].f,
		.step = (float)(u->state->lr / (1 - pow(beta1, t))),
		.root = (float)(1 / sqrt(1 - pow(beta2, t))),
	};

	if (!u->state->bad)
		levels[native_level(host)]->adam(&adam, u);
	return CNN_OK;
}

static const struct cnn_optimizer optimizers[] = {
	{ .size = sizeof(struct cnn_optimizer), .name = "adam", .update = adam_update },
};

NATIVE_PLUGIN("optimizers", CNN_OPTIMIZERS(optimizers));
