/* pool.c - maxpool2d, relu+maxpool2d, avgpool2d: see pool.h. */
#include "pool.h"

NATIVE_TABLE(pool_kernels);

static void describe(struct pool *v, const struct cnn_host *host,
    const struct cnn_run *run)
{
	enum { KERNEL, STRIDE, PADDING };
	const struct cnn_node *node = &run->nodes[run->node_count - 1];
	const struct cnn_arg_value *a = node->args;
	const size_t *in = run->inputs[0].shape.dims, *out = run->output.dims;

	*v = (struct pool){
		.host = host,
		.kernels = levels[native_level(host)],
		.half = run->dtype == CNN_BF16,
		.max = strcmp(node->type, "maxpool2d") == 0,
		.relu = run->node_count > 1,
		.h = in[1],
		.w = in[2],
		.oh = out[1],
		.ow = out[2],
		.kh = (size_t)a[KERNEL].i,
		.kw = (size_t)a[KERNEL].j,
		.sy = (size_t)a[STRIDE].i,
		.sx = (size_t)a[STRIDE].j,
		.py = (size_t)a[PADDING].i,
		.px = (size_t)a[PADDING].j,
	};
	v->blocks = native_blocks(in[0], v->kernels->lanes);
}

static void set_formats(const struct pool *v, const struct cnn_run *run,
    struct cnn_plan *plan)
{
	plan->inputs[0] =
	    (struct cnn_format){ run->dtype, native_blocked(v->kernels->lanes) };
	plan->output = plan->inputs[0];
}

/* Nanoseconds for a place of a window and channel. */
struct place_cost {
	double max, mean;
};

/* Measured on one core of a Zen 4. */
static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	static const struct place_cost forward_ns[NATIVE_LEVELS] = { { 3.9, 0.24 },
		{ 0.2, 0.12 }, { 0.13, 0.06 }, { 0.13, 0.06 } };
	static const struct place_cost backward_ns[NATIVE_LEVELS] = { { 2.4, 0.3 },
		{ 0.27, 0.2 }, { 0.14, 0.11 }, { 0.14, 0.11 } };
	const enum native_level level = native_level(host);
	struct place_cost ns = forward_ns[level];
	double lanes, places, elements;
	struct pool v;

	(void)kernel;
	if (run->dtype != CNN_F32 && run->dtype != CNN_BF16)
		return 0;
	describe(&v, host, run);
	set_formats(&v, run, plan);
	lanes = (double)(v.blocks * v.kernels->lanes);
	places = lanes * (double)(v.oh * v.ow * v.kh * v.kw);
	elements = lanes * (double)(v.h * v.w + v.oh * v.ow);
	if (run->training) {
		ns.max += backward_ns[level].max;
		ns.mean += backward_ns[level].mean;
	}
	return 0.5 +
	    (places * (v.max ? ns.max : ns.mean) + elements * 0.03) * run->batch / 1e3;
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct pool *v = host->alloc(host, sizeof *v);
	size_t codes;

	(void)kernel;
	if (!v)
		return CNN_ENOMEM;
	describe(v, host, run);
	set_formats(v, run, plan);
	codes = cnn_layout_count(&run->output, plan->output.layout, run->batch);
	if (v->max && run->training)
		plan->saved_bytes = codes * (pool_has_bytes(v) ? 1 : sizeof(int32_t));
	if (v->half && run->training)
		plan->scratch_bytes = v->h * v->w * v->kernels->lanes * sizeof(float);
	*instance = v;
	return CNN_OK;
}

NATIVE_CALLS(pool)

#define POOL_KERNEL(RUN) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .cost = cost, \
		.create = create, .destroy = destroy, .forward = forward, \
		.backward = backward, \
	}

static const struct cnn_kernel kernels[] = {
	POOL_KERNEL("maxpool2d"),
	POOL_KERNEL("relu+maxpool2d"),
	POOL_KERNEL("avgpool2d"),
};

NATIVE_PLUGIN("pool", CNN_KERNELS(kernels));
