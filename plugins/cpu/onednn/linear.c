/* linear.c - linear, flatten+linear: out[o] = bias[o] + sum over i of weight[o][i]
 * in[i].
 */
#include "weighted.h"

/* How the kernels differ. */
struct variant {
	struct weighted_def (*def)(const struct cnn_run *);
};

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

/* The inner product of whole images. It reads them in the blocked layout in which a
 * convolution or pooling left them, with the weights in the matching order, so that a
 * step reorders neither. */
static struct weighted_def flat_def(const struct cnn_run *run)
{
	const struct cnn_shape *in = &run->nodes[0].inputs[0];
	struct weighted_def def = {
		.type = "flatten linear",
		.weight_ndims = in->rank == 3 ? 4 : 2,
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

static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	static const double f32[] = { 12, 30, 40, 40 }; /* GFLOP/s */
	const double speed = run->dtype == CNN_BF16 ? 90 : f32[od_level(host)];
	const double products = (double)run->params[0].shape.dims[0] *
	    (double)run->params[0].shape.dims[1] * run->batch;
	const int passes = !run->training ? 1 : run->inputs[0].wants_gradient ? 3 : 2;

	(void)kernel;
	if (!od_supports(host, run->dtype))
		return 0;
	plan->inputs[0].dtype = plan->output.dtype = run->dtype;
	plan->output.layout = CNN_NCHW;
	return passes * (1.5 + 2 * products / speed / 1e3);
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	const struct variant *v = kernel->data;
	struct weighted_def def = v->def(run);

	return weighted_create(host, run, &def, plan, instance);
}

static const struct variant plain = { linear_def }, flat = { flat_def };

static const struct cnn_kernel kernels[] = {
	WEIGHTED_KERNEL("linear", plain),
	WEIGHTED_KERNEL("flatten+linear", flat),
};

OD_PLUGIN("linear", CNN_KERNELS(kernels));
