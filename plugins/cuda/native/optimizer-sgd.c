/* sgd: the formula is in optimizers.cu. */
#include "kernels.h"
#include "native.h"

static int update(const struct cnn_host *host, const struct cnn_update *u)
{
	return native_done(host, "sgd", native_sgd(u), u->queue);
}

static const struct cnn_optimizer optimizer = {
	.size = sizeof(optimizer), .name = "sgd",
	.moment_count = 1, .moments = { "m" },
	.update = update,
};

NATIVE_ENTRY("optimizer-sgd", CNN_PLUGIN_OPTIMIZER, optimizer);
