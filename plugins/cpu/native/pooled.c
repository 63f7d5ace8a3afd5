/* pooled.c - conv2d+relu+maxpool2d: one pass over the input, see pooled.h. */
#include "pooled.h"

enum { WEIGHT, BIAS };

/* The arguments of conv2d. */
enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS };

NATIVE_TABLE(conv_level);

static bool supports(const struct cnn_run *run)
{
	enum { POOL_KERNEL, POOL_STRIDE, POOL_PADDING };
	const struct cnn_arg_value *conv = run->nodes[0].args;
	const struct cnn_arg_value *pool = run->nodes[2].args;

	return (run->dtype == CNN_F32 || run->dtype == CNN_BF16) &&
	    native_is_pair(&conv[KERNEL], 3) && native_is_pair(&conv[STRIDE], 1) &&
	    native_is_pair(&conv[DILATION], 1) && conv[GROUPS].i == 1 &&
	    conv[PADDING].i == conv[PADDING].j &&
	    native_is_pair(&pool[POOL_KERNEL], 2) &&
	    native_is_pair(&pool[POOL_PADDING], 0) &&
	    native_is_pair(&pool[POOL_STRIDE], 2);
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
		.has_bias = run->param_count > BIAS,
		.wants_gradient = run->inputs[0].wants_gradient,
		.c = in[0],
		.h = in[1],
		.w = in[2],
		.o = out[0],
		.ph = out[1],
		.pw = out[2],
		.pad = (size_t)run->nodes[0].args[PADDING].i,
	};
	v->kernels = v->narrow ? levels[level]->narrow[v->half] :
				 levels[level]->wide[v->half];
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

/* True if forward alone is faster than oneDNN's "conv2d", "relu maxpool2d". It is
 * slower if there is no transform and pooling skips little, or if the weights of a
 * narrow form exceed the registers. */
static bool forward_pays(const struct conv *v, enum native_level level)
{
	const size_t area = (v->rows - 2) * (v->row - 2);

	if (v->half)
		return level < NATIVE_BF16 || v->narrow ||
		    4 * v->windows < area * 9 / 10;
	return !v->narrow || (v->c == 1 && level > NATIVE_PLAIN);
}

/* Backward is most of training, and four times as fast as oneDNN's on every level. If
 * forward is slower, this kernel is only chosen without oneDNN. Measured on one core of
 * a Zen 4. */
static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	static const double f32[NATIVE_LEVELS] = { 25, 70, 75, 75 }; /* GFLOP/s */
	const enum native_level level = native_level(host);
	const double library =
	    run->dtype == CNN_BF16 && level == NATIVE_BF16 ? 120 : f32[level];
	uint32_t blocked;
	double flops, microseconds;
	struct conv v;

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
	flops = 2.0 * TAPS * (double)v.c * (double)v.o * (double)(v.rows - 2) *
	    (double)(v.row - 2) * run->batch;
	microseconds = 1 +
	    flops / (library * (forward_pays(&v, level) ? 2.5 : 0.7)) / 1e3;
	if (run->training)
		microseconds += flops * (v.wants_gradient ? 2 : 1) / (library * 4) /
		    1e3;
	return microseconds;
}

static size_t weight_count(const struct conv *v)
{
	return (v->narrow ? v->c : v->in_blocks * v->kernels->lanes) * v->out_blocks *
	    v->kernels->lanes * TAPS;
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
			plan->packed_bytes += v->out_blocks * v->kernels->lanes * TAPS *
			    v->kernels->lanes * sizeof(float);
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

	return v->narrow ? (c * TAPS + tap) * outs + o :
			   ((c / lanes * outs + o) * TAPS + tap) * lanes + c % lanes;
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
			for (size_t k = 0; k < TAPS; k++)
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
			for (size_t k = 0; k < TAPS; k++)
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
	memset(wide, 0, outs * TAPS * lanes * sizeof *wide);
	for (size_t o = 0; o < v->o; o++)
		for (size_t c = 0; c < v->c; c++)
			for (size_t k = 0; k < TAPS; k++)
				wide[(o * TAPS + k) * lanes + c] =
				    weight[place_of(v, o, c, k)];
	return CNN_OK;
}

const struct cnn_kernel pooled_kernel = {
	.size = sizeof(struct cnn_kernel),
	.run = "conv2d+relu+maxpool2d",
	.cost = cost,
	.create = create,
	.destroy = destroy,
	.param_import = param_import,
	.param_export = param_export,
	.pack = pack,
	.forward = forward,
	.backward = backward,
};
