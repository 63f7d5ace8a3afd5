/* conv2d relu: a convolution, then ReLU over its result; backward masks the gradient
 * into scratch memory first. */
#include "convolution.h"

/* Evaluation needs one buffer less. Training gains nothing: the mask needs a second
 * gradient as large as the output, but relu by itself works in place, so the two layers
 * score more. */
static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	struct weighted_def def = convolution_def(run, true);

	if (!weighted_supports(host, run, &def))
		return 0;
	return run->training ? 19 : 21;
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	struct weighted_def def = convolution_def(run, true);

	return weighted_create(host, run, &def, plan, instance);
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "conv2d relu",
	.score = score, .create = create, WEIGHTED_FUNCTIONS,
};

OD_PLUGIN("conv2d+relu", provider);
