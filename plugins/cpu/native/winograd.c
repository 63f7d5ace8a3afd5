/* winograd.c - see winograd.h. */
#include "winograd.h"

enum { WEIGHT, BIAS };

/* The arguments of conv2d. */
enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS };

NATIVE_TABLE(winograd_kernels);

static bool supports(const struct cnn_run *run)
{
	const struct cnn_arg_value *a = run->nodes[0].args;

	return (run->dtype == CNN_F32 || run->dtype == CNN_BF16) &&
	    native_is_pair(&a[KERNEL], 3) && native_is_pair(&a[STRIDE], 1) &&
	    native_is_pair(&a[DILATION], 1) && a[GROUPS].i == 1 && a[PADDING].i <= 2 &&
	    a[PADDING].j <= 2 &&
	    run->inputs[0].shape.dims[0] >= WINOGRAD_MIN_CHANNELS &&
	    run->output.dims[0] >= WINOGRAD_MIN_CHANNELS;
}

static void describe(struct winograd *v, const struct cnn_host *host,
    const struct cnn_run *run)
{
	const struct cnn_arg_value *a = run->nodes[0].args;
	const size_t *in = run->inputs[0].shape.dims, *out = run->output.dims;
	size_t lanes;

	*v = (struct winograd){
		.host = host,
		.kernels = levels[native_level(host)],
		.half = run->dtype == CNN_BF16,
		.relu = run->node_count > 1,
		.has_bias = run->param_count > BIAS,
		.training = run->training,
		.wants_gradient = run->training && run->inputs[0].wants_gradient,
		.c = in[0],
		.h = in[1],
		.w = in[2],
		.o = out[0],
		.oh = out[1],
		.ow = out[2],
		.py = (size_t)a[PADDING].i,
		.px = (size_t)a[PADDING].j,
	};
	lanes = v->kernels->lanes;
	v->in_blocks = native_blocks(v->c, lanes);
	v->out_blocks = native_blocks(v->o, lanes);
	v->packed_out = WINOGRAD_POINTS * v->c * v->out_blocks * lanes;
	v->packed_all = v->packed_out;
	if (v->wants_gradient)
		v->packed_all += WINOGRAD_POINTS * v->o * v->in_blocks * lanes;
}

static void set_formats(const struct winograd *v, const struct cnn_run *run,
    struct cnn_plan *plan)
{
	const uint32_t blocked = native_blocked(v->kernels->lanes);

	plan->inputs[0] = (struct cnn_format){ run->dtype, blocked };
	plan->output = (struct cnn_format){ run->dtype, blocked };
}

static double tiles_of(size_t height, size_t width)
{
	const size_t tiles = (height + 3) / 4 * ((width + 3) / 4);

	return (double)tiles;
}

/* Measured on one core of a Zen 4: of the products, and of a block's transforms of a
 * tile. */
static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	static const double speeds[NATIVE_LEVELS] = { 18, 95, 95, 95 }; /* GFLOP/s */
	static const double transform[NATIVE_LEVELS] = { 150, 65, 110, 110 };
	const enum native_level level = native_level(host);
	double products, blocks, tiles, ns;
	struct winograd v;

	(void)kernel;
	if (!supports(run))
		return 0;
	describe(&v, host, run);
	set_formats(&v, run, plan);
	products = 2.0 * WINOGRAD_POINTS * (double)v.c * (double)v.o / speeds[level];
	blocks = (double)(v.in_blocks + v.out_blocks) * transform[level];
	tiles = tiles_of(v.oh, v.ow);
	ns = tiles * (products + blocks);
	if (v.training)
		ns += tiles * (products * 1.2 + blocks);
	if (v.wants_gradient)
		ns += tiles_of(v.h, v.w) * (products + blocks);
	return 1 + ns * run->batch / 1e3;
}

NATIVE_CALLS(winograd)

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct winograd *v = host->alloc(host, sizeof *v);

	(void)kernel;
	if (!v)
		return CNN_ENOMEM;
	describe(v, host, run);
	set_formats(v, run, plan);
	plan->flags = CNN_KEEP_INPUT | (v->relu ? CNN_KEEP_OUTPUT : 0);
	plan->scratch_bytes = v->kernels->scratch(v);
	plan->packed_bytes = v->packed_all * sizeof(float);
	plan->param_counts[WEIGHT] = v->c * WINOGRAD_TAPS * v->out_blocks *
	    v->kernels->lanes;
	if (v->has_bias)
		plan->param_counts[BIAS] = v->out_blocks * v->kernels->lanes;
	*instance = v;
	return CNN_OK;
}

/* The index of weight[o][c][tap]. */
static size_t place_of(const struct winograd *v, size_t o, size_t c, size_t tap)
{
	return (c * WINOGRAD_TAPS + tap) * v->out_blocks * v->kernels->lanes + o;
}

static int param_import(void *instance, void *queue, uint32_t index, const float *plain,
    float *native)
{
	const struct winograd *v = instance;
	const size_t outs = v->out_blocks * v->kernels->lanes;

	(void)queue;
	if (index == BIAS) {
		memset(native, 0, outs * sizeof *native);
		memcpy(native, plain, v->o * sizeof *native);
		return CNN_OK;
	}
	memset(native, 0, v->c * WINOGRAD_TAPS * outs * sizeof *native);
	for (size_t o = 0; o < v->o; o++)
		for (size_t c = 0; c < v->c; c++)
			for (size_t k = 0; k < WINOGRAD_TAPS; k++)
				native[place_of(v, o, c, k)] = *plain++;
	return CNN_OK;
}

static int param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain)
{
	const struct winograd *v = instance;

	(void)queue;
	if (index == BIAS) {
		memcpy(plain, native, v->o * sizeof *native);
		return CNN_OK;
	}
	for (size_t o = 0; o < v->o; o++)
		for (size_t c = 0; c < v->c; c++)
			for (size_t k = 0; k < WINOGRAD_TAPS; k++)
				*plain++ = native[place_of(v, o, c, k)];
	return CNN_OK;
}

static int pack(void *instance, void *queue, void *const *params, void *packed)
{
	const struct winograd *v = instance;

	(void)queue;
	v->kernels->pack(v, params[WEIGHT], packed);
	return CNN_OK;
}

const struct cnn_kernel winograd_kernel = {
	.size = sizeof(struct cnn_kernel),
	.run = "conv2d",
	.cost = cost,
	.create = create,
	.destroy = destroy,
	.param_import = param_import,
	.param_export = param_export,
	.pack = pack,
	.forward = forward,
	.backward = backward,
};
