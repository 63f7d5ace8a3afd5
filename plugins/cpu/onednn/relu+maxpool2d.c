/* relu maxpool2d: out[c][y][x] = max(0, the largest element of the window); see
 * pool.h. Scores so that "conv2d", "relu maxpool2d" beats "conv2d relu",
 * "maxpool2d". */
#include "pool.h"

static const struct pool_def def = {
	.type = "relu maxpool2d", .algorithm = dnnl_pooling_max, .relu = true,
};

static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	return pool_supports(host, run, &def) ? 23 : 0;
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	return pool_create(host, run, &def, plan, instance);
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "relu maxpool2d",
	.score = score, .create = create, POOL_FUNCTIONS,
};

OD_PLUGIN("relu+maxpool2d", provider);
