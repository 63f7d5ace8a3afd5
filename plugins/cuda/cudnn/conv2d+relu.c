/* conv2d relu: ReLU is applied while the convolution's result is still in registers.
 * Backward masks the gradient in the pass that sums the bias's gradient. */
#include "single.h"

/* Just above the sum of conv2d alone (15) and the native relu (20). */
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
