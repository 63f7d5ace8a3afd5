/* maxpool2d: out[c][y][x] = the largest element of the window. */
#include "pool.h"

static const struct pool_def def = {
	.type = "maxpool2d", .algorithm = dnnl_pooling_max,
};

static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	return pool_supports(host, run, &def) ? 10 : 0;
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	return pool_create(host, run, &def, plan, instance);
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "maxpool2d",
	.score = score, .create = create, POOL_FUNCTIONS,
};

OD_PLUGIN("maxpool2d", provider);
