/* avgpool2d: out[c][y][x] = the mean of the window, padding counted as zeros. */
#include "pool.h"

static const struct pool_def def = {
	.type = "avgpool2d", .algorithm = dnnl_pooling_avg_include_padding,
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
	.size = sizeof(struct cnn_provider), .run = "avgpool2d",
	.score = score, .create = create, POOL_FUNCTIONS,
};

OD_PLUGIN("avgpool2d", provider);
