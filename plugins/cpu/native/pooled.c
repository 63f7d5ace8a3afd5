/* pooled.c - see pooled.h. */
#include "pooled.h"

enum { WEIGHT, BIAS };

/* The arguments of conv2d. */
enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS };

NATIVE_TABLE(conv_level);

static bool supports(const struct cnn_run *run)
{
	enum { POOL_KERNEL, POOL_STRIDE, POOL_PADDING };
	const struct cnn_arg_value *conv = run->nodes[0].args;
	const struct cnn_arg_value *pool = run->nodes[run->node_count - 1].args;

	return (run->dtype == CNN_F32 || run->dtype == CNN_BF16) &&
	    (native_is_pair(&conv[KERNEL], 3) || native_is_pair(&conv[KERNEL], 5)) &&
	    native_is_pair(&conv[STRIDE], 1) && native_is_pair(&conv[DILATION], 1) &&
	    conv[GROUPS].i == 1 && conv[PADDING].i == conv[PADDING].j &&
	    native_is_pair(&pool[POOL_KERNEL], 2) &&
	    native_is_pair(&pool[POOL_PADDING], 0) &&
	    native_is_pair(&pool[POOL_STRIDE], 2);
}

/* True if forward multiplies pairs of bfloat16, with rounded weights. Not for larger wide
 * kernels, where the transform is faster; nor without relu, where every window has a
 * winner, and rounded weights would move more of them. */
static bool has_dots(const struct conv *v, enum native_level level)
{
	return v->half && level == NATIVE_BF16 && v->relu &&
	    (v->narrow || v->kernel == 3);
}

static void describe(struct conv *v, const struct cnn_host *host,
    const struct cnn_run *run)
{
	const enum native_level level = native_level(host);
	const size_t *in = run->inputs[0].shape.dims, *out = run->output.dims;

	*v = (struct conv){
		.host = host,
		.half = run->dtype == CNN_BF16,
		.narrow = in[0] <= NARROW_CHANNELS,
		.relu = run->node_count > 2,
		.has_bias = run->param_count > BIAS,
		.wants_gradient = run->inputs[0].wants_gradient,
		.c = in[0],
		.h = in[1],
		.w = in[2],
		.o = out[0],
		.ph = out[1],
		.pw = out[2],
		.kernel = (size_t)run->nodes[0].args[KERNEL].i,
		.pad = (size_t)run->nodes[0].args[PADDING].i,
	};
	v->taps = v->kernel * v->kernel;
	v->kernels = v->narrow ? levels[level]->narrow[has_dots(v, level)] :
				 levels[level]->wide[has_dots(v, level)];
	v->rows = v->h + 2 * v->pad;
	v->row = v->w + 2 * v->pad;
	v->in_blocks = native_blocks(v->c, v->kernels->lanes);
	v->out_blocks = native_blocks(v->o, v->kernels->lanes);
	v->image = v->rows * v->row *
	    (v->narrow ? v->c : v->in_blocks * v->kernels->lanes);
	v->windows = v->ph * v->pw;
	v->group = v->windows < STRIP_WINDOWS ? STRIP_WINDOWS / v->windows : 1;
	v->dense_bytes = native_align(v->kernels->packed_bytes(v));
}

/* True if the places that a call handles fit the 31 bits in which they are kept. */
static bool counts(const struct conv *v, uint32_t samples)
{
	const double lanes = (double)v->kernels->lanes;
	const double in = (double)v->rows * (double)v->row * (double)v->in_blocks *
	    lanes;
	const double out = (double)v->windows * (double)v->out_blocks;

	return in * (double)v->group < 0x1p31 && out * samples < 0x1p31;
}

/* GFLOP/s, and nanoseconds for the transforms of a window's block. Measured on one core of
 * a Zen 4. */
struct rates {
	double products, transform[2]; /* of Winograd's; by [kernel is 5 x 5] */
	double dot;		       /* of the wide form in bfloat16 */
	/* With or without relu: relu leaves some windows without a winner. */
	double gradient, relu_gradient;
	double narrow[2], narrow_dot[2], narrow_gradient[2]; /* by [c > 1] */
};
static const struct rates rates[NATIVE_LEVELS] = {
	[NATIVE_PLAIN] = { 18, { 100, 120 }, 0, 50, 70, { 12, 12 }, { 0 }, { 20, 20 } },
	[NATIVE_AVX2] = { 100, { 10, 30 }, 0, 190, 280, { 90, 50 }, { 0 }, { 60, 37 } },
	[NATIVE_AVX512] = { 105, { 17, 50 }, 0, 235, 400, { 140, 80 }, { 0 },
	    { 280, 180 } },
	[NATIVE_BF16] = { 105, { 17, 50 }, 205, 235, 400, { 140, 80 }, { 230, 130 },
	    { 280, 180 } },
};

/* Nanoseconds for a sample. */
static double forward_cost(const struct conv *v, enum native_level level)
{
	const struct rates *r = &rates[level];
	const size_t lanes = v->kernels->lanes, outs = v->out_blocks * lanes;
	const size_t points = (v->kernel + 1) * (v->kernel + 1);
	const double sums = 2.0 * 4 * (double)(v->windows * v->taps * outs);

	if (v->narrow)
		return sums * (double)v->c /
		    (has_dots(v, level) ? r->narrow_dot : r->narrow)[v->c > 1];
	if (has_dots(v, level))
		return sums * (double)(v->in_blocks * lanes) / r->dot;
	return (double)v->windows *
	    (2.0 * (double)(points * v->c * outs) / r->products +
		(double)(v->in_blocks + v->out_blocks) * r->transform[v->kernel == 5]);
}

static double backward_cost(const struct conv *v, enum native_level level)
{
	const struct rates *r = &rates[level];
	const size_t lanes = v->kernels->lanes, outs = v->out_blocks * lanes;
	const double sums = 2.0 * 4 * (double)(v->windows * v->taps);
	const double wide = sums * (double)(v->in_blocks * lanes * v->o) /
	    (v->relu ? r->relu_gradient : r->gradient);
	const double weights = v->narrow ?
	    sums * (double)(v->c * outs) / r->narrow_gradient[v->c > 1] :
	    wide;

	return weights + (v->wants_gradient ? wide : 0);
}

static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	const enum native_level level = native_level(host);
	uint32_t blocked;
	struct conv v;
	double ns;

	(void)kernel;
	if (!supports(run))
		return 0;
	describe(&v, host, run);
	if (!counts(&v, run->batch))
		return 0;
	blocked = native_blocked(v.kernels->lanes);
	plan->inputs[0] =
	    (struct cnn_format){ run->dtype, v.narrow ? CNN_NCHW : blocked };
	plan->output = (struct cnn_format){ run->dtype, blocked };
	ns = forward_cost(&v, level);
	if (run->training)
		ns += backward_cost(&v, level);
	return 1 + ns * run->batch / 1e3;
}

static size_t weight_count(const struct conv *v)
{
	return (v->narrow ? v->c : v->in_blocks * v->kernels->lanes) * v->out_blocks *
	    v->kernels->lanes * v->taps;
}

NATIVE_CALLS(conv)

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct conv *v = host->alloc(host, sizeof *v);
	uint32_t blocked;

	(void)kernel;
	if (!v)
		return CNN_ENOMEM;
	describe(v, host, run);
	blocked = native_blocked(v->kernels->lanes);
	plan->flags = CNN_KEEP_INPUT;
	plan->inputs[0] =
	    (struct cnn_format){ run->dtype, v->narrow ? CNN_NCHW : blocked };
	plan->output = (struct cnn_format){ run->dtype, blocked };
	plan->scratch_bytes = v->kernels->forward_scratch(v);
	plan->packed_bytes = v->dense_bytes;
	if (run->training) {
		size_t backward = v->kernels->backward_scratch(v);

		if (backward > plan->scratch_bytes)
			plan->scratch_bytes = backward;
		plan->saved_bytes = cnn_layout_count(&run->output, blocked, run->batch);
		if (v->narrow && v->wants_gradient)
			plan->packed_bytes += v->out_blocks * v->kernels->lanes *
			    v->taps * v->kernels->lanes * sizeof(float);
	}
	plan->param_counts[WEIGHT] = weight_count(v);
	if (v->has_bias)
		plan->param_counts[BIAS] = v->out_blocks * v->kernels->lanes;
	*instance = v;
	return CNN_OK;
}

/* The index of weight[o][c][tap]. */
static size_t place_of(const struct conv *v, size_t o, size_t c, size_t tap)
{
	const size_t lanes = v->kernels->lanes, outs = v->out_blocks * lanes;

	return v->narrow ? (c * v->taps + tap) * outs + o :
			   ((c / lanes * outs + o) * v->taps + tap) * lanes + c % lanes;
}

static int param_import(void *instance, void *queue, uint32_t index, const float *plain,
    float *native)
{
	const struct conv *v = instance;

	(void)queue;
	if (index == BIAS) {
		memset(native, 0, v->out_blocks * v->kernels->lanes * sizeof *native);
		memcpy(native, plain, v->o * sizeof *native);
		return CNN_OK;
	}
	memset(native, 0, weight_count(v) * sizeof *native);
	for (size_t o = 0; o < v->o; o++)
		for (size_t c = 0; c < v->c; c++)
			for (size_t k = 0; k < v->taps; k++)
				native[place_of(v, o, c, k)] = *plain++;
	return CNN_OK;
}

static int param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain)
{
	const struct conv *v = instance;

	(void)queue;
	if (index == BIAS) {
		memcpy(plain, native, v->o * sizeof *native);
		return CNN_OK;
	}
	for (size_t o = 0; o < v->o; o++)
		for (size_t c = 0; c < v->c; c++)
			for (size_t k = 0; k < v->taps; k++)
				*plain++ = native[place_of(v, o, c, k)];
	return CNN_OK;
}

static int pack(void *instance, void *queue, void *const *params, void *packed)
{
	const struct conv *v = instance;
	const size_t lanes = v->kernels->lanes, outs = v->out_blocks * lanes;
	const float *weight = params[WEIGHT];
	float *wide = conv_wide_weights(v, packed);

	(void)queue;
	v->kernels->pack(v, weight, packed);
	if (!v->narrow || !v->wants_gradient)
		return CNN_OK;
	memset(wide, 0, outs * v->taps * lanes * sizeof *wide);
	for (size_t o = 0; o < v->o; o++)
		for (size_t c = 0; c < v->c; c++)
			for (size_t k = 0; k < v->taps; k++)
				wide[(o * v->taps + k) * lanes + c] =
				    weight[place_of(v, o, c, k)];
	return CNN_OK;
}

const struct cnn_kernel pooled_kernel = {
	.size = sizeof(struct cnn_kernel),
	.run = "conv2d+maxpool2d",
	.cost = cost,
	.create = create,
	.destroy = destroy,
	.param_import = param_import,
	.param_export = param_export,
	.pack = pack,
	.forward = forward,
	.backward = backward,
};
