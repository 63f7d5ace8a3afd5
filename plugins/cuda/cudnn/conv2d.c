/* conv2d: out[o][y][x] = bias[o] + sum over the window of weight times input, by the
 * cuDNN engine that provider.h chooses. */
#include "single.h"

/* Below the native kernels (20) where they compute the convolution too: this has not
 * been measured yet. cuDNN has few engines for grouped convolutions. */
static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	enum { GROUPS = 5 };

	(void)host;
	if (!conv_supports(run, &run->nodes[0]))
		return 0;
	return run->nodes[0].args[GROUPS].i > 1 ? 10 : 15;
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	return single_create(host, run, "conv2d", false, plan, instance);
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "conv2d",
	.score = score, .create = create, SINGLE_FUNCTIONS,
};

PROVIDER_PLUGIN("conv2d", provider);
