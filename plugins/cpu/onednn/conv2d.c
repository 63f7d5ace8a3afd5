/* conv2d: out[o][y][x] = bias[o] + sum over the window of weight times input,
 * by oneDNN's direct convolution. */
#include "convolution.h"

static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	struct weighted_def def = convolution_def(run, false);

	return weighted_supports(host, run, &def) ? 10 : 0;
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	struct weighted_def def = convolution_def(run, false);

	return weighted_create(host, run, &def, plan, instance);
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "conv2d",
	.score = score, .create = create, WEIGHTED_FUNCTIONS,
};

OD_PLUGIN("conv2d", provider);
