/* linear: out[o] = bias[o] + sum over i of weight[o][i] in[i]. */
#include "weighted.h"

static struct weighted_def linear_def(const struct cnn_run *run)
{
	return (struct weighted_def){
		.type = "linear", .weight_ndims = 2,
		.weight_dims = {
			(dnnl_dim_t)run->output.dims[0],
			(dnnl_dim_t)run->nodes[0].inputs[0].dims[0],
		},
		.in = run->nodes[0].inputs[0],
	};
}

static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	struct weighted_def def = linear_def(run);

	return weighted_supports(host, run, &def) ? 10 : 0;
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	struct weighted_def def = linear_def(run);

	return weighted_create(host, run, &def, plan, instance);
}

static const struct cnn_provider provider = {
	.size = sizeof(struct cnn_provider), .run = "linear",
	.score = score, .create = create, WEIGHTED_FUNCTIONS,
};

OD_PLUGIN("linear", provider);
