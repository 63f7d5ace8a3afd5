/* optimizers.c - adam, sgd: the formulas are in optimizers.cu. */
#include "kernels.h"
#include "native.h"

static int adam_update(const struct cnn_host *host, const struct cnn_update *u)
{
	return native_done(host, "adam", native_adam(u), u->queue);
}

static int sgd_update(const struct cnn_host *host, const struct cnn_update *u)
{
	return native_done(host, "sgd", native_sgd(u), u->queue);
}

static const struct cnn_optimizer optimizers[] = {
	{ .size = sizeof(struct cnn_optimizer), .name = "adam", .update = adam_update },
	{ .size = sizeof(struct cnn_optimizer), .name = "sgd", .update = sgd_update },
};

NATIVE_PLUGIN("optimizers", CNN_OPTIMIZERS(optimizers));
