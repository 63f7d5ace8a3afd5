/* flatten linear relu: see linear.h; images are taken in the blocked layout that a
 * convolution or a pooling left. */
#include "linear.h"

/* No faster than oneDNN's "flatten linear", "relu" (which score 32): this stands in
 * where oneDNN is missing, or has no bfloat16. */
static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	(void)host;
	return linear_supports(run) ? 18 : 0;
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "flatten linear relu",
	.score = score, LINEAR_FUNCTIONS,
};

NATIVE_PLUGIN("flatten+linear+relu", provider);
