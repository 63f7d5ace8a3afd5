/* conv2d relu: ReLU while the convolution's result is still in registers; backward
 * masks the gradient in the pass that adds up the bias's. */
#include "single.h"

/* Just ahead of conv2d alone (15) and our own relu (20). */
static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	(void)host;
	return conv_supports(run, &run->nodes[0]) ? 36 : 0;
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	return single_create(host, run, "conv2d relu", true, plan, instance);
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "conv2d relu",
	.score = score, .create = create, SINGLE_FUNCTIONS,
};

PROVIDER_PLUGIN("conv2d+relu", provider);
