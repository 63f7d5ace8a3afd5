/* adam: the formula is in optimizers.cu. */
#include "kernels.h"
#include "native.h"

static int update(const struct cnn_host *host, const struct cnn_update *u)
{
	return native_done(host, "adam", native_adam(u), u->queue);
}

static const struct cnn_optimizer optimizer = {
	.size = sizeof(optimizer), .name = "adam",
	.moment_count = 2, .moments = { "m", "v" },
	.update = update,
};

NATIVE_ENTRY("optimizer-adam", CNN_PLUGIN_OPTIMIZER, optimizer);
