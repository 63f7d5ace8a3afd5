/* conv.c - conv2d, conv2d+relu: out[o][y][x] = bias[o] + sum over the window of weight
 * times input, by oneDNN's direct convolution. With relu, backward masks the gradient
 * into scratch memory first. */
#include "weighted.h"

/* How a kernel differs: relu, and its scores. */
struct variant { bool relu; int trains, evaluates; };

static struct weighted_def convolution_def(const struct cnn_run *run,
	bool relu)
{
	enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS };
	const struct cnn_arg_value *a = run->nodes[0].args;
	const struct cnn_shape *in = &run->nodes[0].inputs[0];
	dnnl_dim_t groups = a[GROUPS].i;
	dnnl_dim_t weights[] = {
		groups, a[OUT].i / groups, (dnnl_dim_t)in->dims[0] / groups,
		a[KERNEL].i, a[KERNEL].j,
	};
	struct weighted_def def = {
		.type = relu ? "conv2d relu" : "conv2d",
		.convolution = true, .relu = relu,
		.window = {
			.kernel = { a[KERNEL].i, a[KERNEL].j },
			.stride = { a[STRIDE].i, a[STRIDE].j },
			.dilation = { a[DILATION].i - 1, a[DILATION].j - 1 },
			.padding = { a[PADDING].i, a[PADDING].j },
		},
		.weight_ndims = groups > 1 ? 5 : 4,
		.in = *in,
	};

	for (int i = 0; i < def.weight_ndims; i++)
		def.weight_dims[i] = weights[i + 5 - def.weight_ndims];
	return def;
}

static int score(const struct cnn_host *host, const struct cnn_kernel *kernel,
	const struct cnn_run *run)
{
	const struct variant *v = kernel->data;
	struct weighted_def def = convolution_def(run, v->relu);

	if (!weighted_supports(host, run, &def))
		return 0;
	return run->training ? v->trains : v->evaluates;
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
	const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	const struct variant *v = kernel->data;
	struct weighted_def def = convolution_def(run, v->relu);

	return weighted_create(host, run, &def, plan, instance);
}

static const struct variant plain = { false, 10, 10 };
/* Evaluation needs one buffer less. Training gains nothing: the mask needs a second
 * gradient as large as the output, but relu by itself works in place, so the two layers
 * score more. */
static const struct variant relu = { true, 19, 21 };

static const struct cnn_kernel kernels[] = {
	WEIGHTED_KERNEL("conv2d", plain),
	WEIGHTED_KERNEL("conv2d+relu", relu),
};

OD_PLUGIN("conv", CNN_KERNELS(kernels));
