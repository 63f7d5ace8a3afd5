/* linear: see linear.h. */
#include "linear.h"

static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	return linear_score(host, run, 12, 8);
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "linear",
	.score = score, LINEAR_FUNCTIONS,
};

NATIVE_PLUGIN("linear", provider);
