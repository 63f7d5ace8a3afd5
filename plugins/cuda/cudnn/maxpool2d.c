/* maxpool2d: out[c][y][x] = the largest element of the window at (y, x), by cuDNN. */
#include "pool.h"

static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	(void)host;
	return pool_score(run, true);
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	return pool_create(host, run, "maxpool2d", true, plan, instance);
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "maxpool2d",
	.score = score, .create = create, POOL_FUNCTIONS,
};

PROVIDER_PLUGIN("maxpool2d", provider);
