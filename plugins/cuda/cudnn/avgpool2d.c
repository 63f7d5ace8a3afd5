/* avgpool2d: out[c][y][x] = the mean of the window at (y, x), by cuDNN. Padding counts
 * as zeros. */
#include "pool.h"

static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	(void)host;
	return pool_score(run, false);
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	return pool_create(host, run, "avgpool2d", false, plan, instance);
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "avgpool2d",
	.score = score, .create = create, POOL_FUNCTIONS,
};

PROVIDER_PLUGIN("avgpool2d", provider);
