/* conv.c - conv2d, conv2d+relu: out[o][y][x] = bias[o] + sum over the window of weight
 * times input, by oneDNN's direct convolution. With relu, backward first writes the
 * masked gradient to scratch memory. */
#include "weighted.h"

/* How the kernels differ. */
struct variant {
	bool relu;
};

static struct weighted_def convolution_def(const struct cnn_run *run, bool relu)
{
	enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS };
	const struct cnn_arg_value *a = run->nodes[0].args;
	const struct cnn_shape *in = &run->nodes[0].inputs[0];
	dnnl_dim_t groups = a[GROUPS].i;
	dnnl_dim_t weights[] = {
		groups,
		a[OUT].i / groups,
		(dnnl_dim_t)in->dims[0] / groups,
		a[KERNEL].i,
		a[KERNEL].j,
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

/* GFLOP/s of forward and of backward. */
struct speed {
	double forward, backward;
};

/* oneDNN 2.7 has no fast backward pass for fewer channels than a block, if the input
 * wants a gradient, or in bfloat16 except for a net's first layer of at most 3
 * channels; nor for SSE4.1. Its reference implementation is a thousand times slower. */
static struct speed speed_of(const struct cnn_host *host, const struct cnn_run *run,
    const struct weighted_def *def)
{
	static const struct speed f32[] = { { 25, 0.05 }, { 70, 55 }, { 75, 62 },
		{ 75, 62 } };
	static const struct speed half = { 120, 180 };
	const enum od_level level = od_level(host);
	const size_t channels = def->in.dims[0];
	const size_t groups = def->weight_ndims == 5 ? (size_t)def->weight_dims[0] : 1;
	const size_t block = level >= OD_AVX512 ? 16 : 8;
	const bool is_half = run->dtype == CNN_BF16;
	struct speed s = is_half ? half : f32[level];

	if (groups > 1 && groups == channels && run->output.dims[0] == channels)
		return (struct speed){ 60,
			level == OD_SSE41 ? 0.05 :
			    is_half	  ? 56 :
					    10 };
	if (groups > 1 && channels / groups % 8 != 0)
		return (struct speed){ 8, level == OD_SSE41 ? 0.05 : 5 };
	if (groups == 1 && channels == 1)
		s = (struct speed){ 12, level == OD_SSE41 ? 0.05 : 34 };
	if (channels < block &&
	    (run->inputs[0].wants_gradient ||
		(is_half && (channels > 3 || run->output.dims[0] % 16 != 0))))
		s.backward = 0.05;
	return s;
}

/* How much more a blocked layout of `channels` channels computes than there is. */
static double padded(const struct cnn_host *host, size_t channels)
{
	const size_t block = od_level(host) >= OD_AVX512 ? 16 : 8;
	const size_t stored = (channels + block - 1) / block * block;

	return (double)stored / (double)channels;
}

static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	const struct variant *v = kernel->data;
	struct weighted_def def = convolution_def(run, v->relu);
	const struct speed s = speed_of(host, run, &def);
	const uint32_t blocked = od_blocked_layout(host);
	const double out = (double)cnn_layout_count(&run->output, CNN_NCHW, run->batch);
	double flops = 2 * out, microseconds;

	if (!od_supports(host, run->dtype))
		return 0;
	for (int i = 1; i < 4; i++)
		flops *= (double)def.weight_dims[def.weight_ndims - i];
	if (def.weight_ndims == 4)
		flops *= (def.in.dims[0] > 3 ? padded(host, def.in.dims[0]) : 1) *
		    padded(host, run->output.dims[0]);
	if (def.in.dims[0] > 3)
		plan->inputs[0].layout = blocked;
	else if (def.in.dims[0] > 1)
		plan->inputs[0].layout = CNN_NCHW;
	plan->inputs[0].dtype = plan->output.dtype = run->dtype;
	plan->output.layout = blocked;
	microseconds = 4 + flops / s.forward / 1e3;
	if (run->training)
		microseconds += 8 +
		    flops * (run->inputs[0].wants_gradient ? 2 : 1) / s.backward / 1e3;
	/* Backward's mask needs a second gradient as large as the output. A separate
	 * relu works in place. */
	return microseconds + (v->relu ? out * (run->training ? 1e-3 : 5e-5) : 0);
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	const struct variant *v = kernel->data;
	struct weighted_def def = convolution_def(run, v->relu);

	return weighted_create(host, run, &def, plan, instance);
}

static const struct variant plain = { false }, relu = { true };

static const struct cnn_kernel kernels[] = {
	WEIGHTED_KERNEL("conv2d", plain),
	WEIGHTED_KERNEL("conv2d+relu", relu),
};

OD_PLUGIN("conv", CNN_KERNELS(kernels));
