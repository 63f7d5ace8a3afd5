/* few.c - see few.h. */
#include "few.h"

enum { WEIGHT, BIAS };

/* The arguments of conv2d. */
enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS };

NATIVE_TABLE(few_kernels);

static void describe(struct few *v, const struct cnn_host *host,
    const struct cnn_run *run)
{
	const struct cnn_arg_value *a = run->nodes[0].args;
	const size_t *in = run->inputs[0].shape.dims, *out = run->output.dims;
	size_t row_bytes;

	*v = (struct few){
		.host = host,
		.kernels = levels[native_level(host)],
		.half = run->dtype == CNN_BF16,
		.relu = run->node_count > 1,
		.has_bias = run->param_count > BIAS,
		.c = in[0],
		.h = in[1],
		.w = in[2],
		.o = out[0],
		.oh = out[1],
		.ow = out[2],
		.kh = (size_t)a[KERNEL].i,
		.kw = (size_t)a[KERNEL].j,
		.sy = (size_t)a[STRIDE].i,
		.sx = (size_t)a[STRIDE].j,
		.dy = (size_t)a[DILATION].i,
		.dx = (size_t)a[DILATION].j,
		.py = (size_t)a[PADDING].i,
		.px = (size_t)a[PADDING].j,
	};
	v->dots = v->half && v->kernels->has_dots;
	v->blocks = native_blocks(v->o, v->kernels->lanes);
	v->rows = v->h + 2 * v->py;
	v->row = v->w + 2 * v->px;
	v->pair_row = native_blocks(v->row, v->kernels->lanes) * v->kernels->lanes;
	v->taps = v->c * v->kh * v->kw;
	v->row_count = v->dots ? (v->c * v->kh + 1) / 2 : v->c * v->kh;
	/* A strip's gradients, and its interleaved rows, fit the L1 cache. */
	row_bytes = (v->ow * v->kernels->lanes + v->dots * v->c * v->kh * v->pair_row) *
	    4;
	v->strip = row_bytes < 0x4000 ? 0x4000 / row_bytes : 1;
}

static bool supports(const struct cnn_run *run, const struct few *v)
{
	return (run->dtype == CNN_F32 || run->dtype == CNN_BF16) &&
	    run->nodes[0].args[GROUPS].i == 1 && v->c <= FEW_CHANNELS &&
	    v->o % v->kernels->lanes == 0 &&
	    !(run->training && run->inputs[0].wants_gradient) &&
	    (double)v->c * (double)v->rows * (double)v->row < 0x1p31;
}

/* Takes planes, and gives blocks of LANES channels. */
static void set_formats(const struct few *v, const struct cnn_run *run,
    struct cnn_plan *plan)
{
	plan->inputs[0] = (struct cnn_format){ run->dtype, CNN_NCHW };
	plan->output =
	    (struct cnn_format){ run->dtype, native_blocked(v->kernels->lanes) };
}

/* Measured on one core of a Zen 4. */
static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	static const double speeds[NATIVE_LEVELS] = { 8, 65, 85, 85 }; /* GFLOP/s */
	double flops, out, nanoseconds;
	struct few v;

	(void)kernel;
	describe(&v, host, run);
	if (!supports(run, &v))
		return 0;
	set_formats(&v, run, plan);
	out = (double)(v.o * v.oh * v.ow);
	flops = 2 * out * (double)v.taps * (run->training ? 2 : 1);
	nanoseconds = flops / speeds[native_level(host)] / (v.dots ? 1.8 : 1) +
	    out * (run->training ? 0.35 : 0.15);
	return 1 + nanoseconds * run->batch / 1e3;
}

static void destroy(void *instance)
{
	struct few *v = instance;

	if (!v)
		return;
	v->host->free(v->host, v->row_places);
	v->host->free(v->host, v->places);
	v->host->free(v->host, v);
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct few *v = host->alloc(host, sizeof *v);

	(void)kernel;
	if (!v)
		return CNN_ENOMEM;
	describe(v, host, run);
	set_formats(v, run, plan);
	v->row_places = host->alloc(host, v->c * v->kh * sizeof *v->row_places);
	v->places = host->alloc(host, v->taps * sizeof *v->places);
	if (!v->row_places || !v->places) {
		destroy(v);
		return CNN_ENOMEM;
	}
	for (size_t k = 0; k < v->c * v->kh; k++)
		v->row_places[k] =
		    (uint32_t)((k / v->kh * v->rows + k % v->kh * v->dy) * v->row);
	for (size_t k = 0; k < v->taps; k++) {
		const size_t row = k / v->kw, x = k % v->kw * v->dx;

		v->places[k] =
		    (uint32_t)((v->dots ? row * v->pair_row : v->row_places[row]) + x);
	}
	plan->flags = CNN_KEEP_INPUT | (v->relu ? CNN_KEEP_OUTPUT : 0);
	plan->scratch_bytes = v->kernels->scratch(v);
	if (v->dots)
		plan->packed_bytes = v->blocks * v->row_count * v->kw *
		    v->kernels->lanes * sizeof(float);
	*instance = v;
	return CNN_OK;
}

/* --- calls ------------------------------------------------------------------------ */

/* The place of weight[o][k] in the run's own layout. */
static size_t place_of(const struct few *v, size_t o, size_t k)
{
	const size_t lanes = v->kernels->lanes;

	return (o / lanes * v->taps + k) * lanes + o % lanes;
}

static int param_import(void *instance, void *queue, uint32_t index, const float *plain,
    float *native)
{
	const struct few *v = instance;

	(void)queue;
	if (index == BIAS)
		memcpy(native, plain, v->o * sizeof *native);
	else
		for (size_t o = 0; o < v->o; o++)
			for (size_t k = 0; k < v->taps; k++)
				native[place_of(v, o, k)] = plain[o * v->taps + k];
	return CNN_OK;
}

static int param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain)
{
	const struct few *v = instance;

	(void)queue;
	if (index == BIAS)
		memcpy(plain, native, v->o * sizeof *plain);
	else
		for (size_t o = 0; o < v->o; o++)
			for (size_t k = 0; k < v->taps; k++)
				plain[o * v->taps + k] = native[place_of(v, o, k)];
	return CNN_OK;
}

static int pack(void *instance, void *queue, void *const *params, void *packed)
{
	const struct few *v = instance;

	(void)queue;
	if (v->dots)
		v->kernels->pack(v, params[WEIGHT], packed);
	return CNN_OK;
}

static int forward(void *instance, const struct cnn_call *c)
{
	const struct few *v = instance;

	v->kernels->forward(v, c);
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *c)
{
	const struct few *v = instance;

	v->kernels->backward(v, c);
	return CNN_OK;
}

const struct cnn_kernel few_kernel = {
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
