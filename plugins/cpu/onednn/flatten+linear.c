/* flatten linear: the inner product of whole images, which takes them in the
 * blocked layout that a convolution or a pooling left, with the weights in the
 * matching order; so neither is reordered in a step. */
#include "weighted.h"

static struct weighted_def flat_def(const struct cnn_run *run)
{
	const struct cnn_shape *in = &run->nodes[0].inputs[0];
	struct weighted_def def = {
		.type = "flatten linear", .weight_ndims = in->rank == 3 ? 4 : 2,
		.weight_dims = { (dnnl_dim_t)run->output.dims[0], 1 },
		.in = *in,
	};

	for (uint32_t i = 0; i < in->rank; i++) {
		if (in->rank == 3)
			def.weight_dims[i + 1] = (dnnl_dim_t)in->dims[i];
		else
			def.weight_dims[1] *= (dnnl_dim_t)in->dims[i];
	}
	return def;
}

static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	struct weighted_def def = flat_def(run);

	return weighted_supports(host, run, &def) ? 22 : 0;
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	struct weighted_def def = flat_def(run);

	return weighted_create(host, run, &def, plan, instance);
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "flatten linear",
	.score = score, .create = create, WEIGHTED_FUNCTIONS,
};

OD_PLUGIN("flatten+linear", provider);
