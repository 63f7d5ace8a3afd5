/* linear.c - linear, linear+relu, flatten+linear+relu: see linear.h. */
#include "linear.h"

enum { WEIGHT, BIAS };

NATIVE_TABLE(linear_kernels);

static void describe(struct linear *v, const struct cnn_host *host,
    const struct cnn_run *run, uint32_t offered)
{
	const struct cnn_shape *in = &run->inputs[0].shape;

	*v = (struct linear){
		.host = host,
		.kernels = levels[native_level(host)],
		.half = run->dtype == CNN_BF16,
		.has_bias = run->param_count > BIAS,
		.relu = strcmp(run->nodes[run->node_count - 1].type, "relu") == 0,
		.training = run->training,
		.o = run->output.dims[0],
		.in = *in,
		.layout = in->rank == 3 ? offered : CNN_NCHW,
	};
	v->i = cnn_layout_count(in, v->layout, 1);
	v->blocks = (v->o + v->kernels->lanes - 1) / v->kernels->lanes;
}

/* Measured on one core of a Zen 4, also for the levels below AVX-512. The kernels are
 * made for training in f32 with AVX-512: there they are faster than oneDNN, and the
 * first step comes 20 ms sooner because no code is generated. Otherwise they are only
 * chosen if oneDNN is missing or has no bfloat16. */
static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	static const double speeds[NATIVE_LEVELS] = { 9, 22, 30, 30 }; /* GFLOP/s */
	const enum native_level level = native_level(host);
	const bool is_made_for = run->training && run->dtype == CNN_F32 &&
	    level >= NATIVE_AVX512;
	const double speed = is_made_for		   ? 50 :
	    run->dtype == CNN_BF16 && level == NATIVE_BF16 ? 65 :
							     speeds[level];
	const double products = (double)run->params[0].shape.dims[0] *
	    (double)run->params[0].shape.dims[1] * run->batch;
	const int passes = !run->training ? 1 : run->inputs[0].wants_gradient ? 3 : 2;

	(void)kernel;
	if (run->dtype != CNN_F32 && run->dtype != CNN_BF16)
		return 0;
	plan->inputs[0].dtype = run->dtype;
	plan->output = (struct cnn_format){ run->dtype, CNN_NCHW };
	return passes * ((is_made_for ? 0.5 : 2) + 2 * products / speed / 1e3);
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct linear *v = host->alloc(host, sizeof *v);

	(void)kernel;
	if (!v)
		return CNN_ENOMEM;
	describe(v, host, run, plan->inputs[0].layout);
	plan->flags = CNN_KEEP_INPUT | (v->relu ? CNN_KEEP_OUTPUT : 0);
	plan->inputs[0] = (struct cnn_format){ run->dtype, v->layout };
	plan->output = (struct cnn_format){ run->dtype, CNN_NCHW };
	plan->scratch_bytes = v->kernels->scratch(v);
	plan->param_counts[WEIGHT] = v->blocks * v->i * v->kernels->lanes;
	if (v->has_bias)
		plan->param_counts[BIAS] = v->blocks * v->kernels->lanes;
	*instance = v;
	return CNN_OK;
}

NATIVE_CALLS(linear)

/* The index of element i of a sample, i being in C order. */
static size_t place_of(const struct linear *v, size_t i)
{
	const size_t area = v->in.rank == 3 ? v->in.dims[1] * v->in.dims[2] : 1;
	const size_t c = i / area, p = i % area;
	const size_t block = v->layout == CNN_NCHW16C ? 16 : 8;

	if (v->in.rank != 3 || v->layout == CNN_NCHW)
		return i;
	return v->layout == CNN_NHWC ? p * v->in.dims[0] + c :
				       (c / block * area + p) * block + c % block;
}

/* The index of weight i of output o. */
static size_t weight_at(const struct linear *v, size_t o, size_t i)
{
	const size_t lanes = v->kernels->lanes;

	return (o / lanes * v->i + place_of(v, i)) * lanes + o % lanes;
}

static int param_import(void *instance, void *queue, uint32_t index, const float *plain,
    float *native)
{
	const struct linear *v = instance;
	const size_t count = cnn_layout_count(&v->in, CNN_NCHW, 1);
	const size_t outs = v->blocks * v->kernels->lanes;

	(void)queue;
	if (index == BIAS) {
		memset(native, 0, outs * sizeof *native);
		memcpy(native, plain, v->o * sizeof *native);
		return CNN_OK;
	}
	memset(native, 0, outs * v->i * sizeof *native);
	for (size_t o = 0; o < v->o; o++)
		for (size_t i = 0; i < count; i++)
			native[weight_at(v, o, i)] = *plain++;
	return CNN_OK;
}

static int param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain)
{
	const struct linear *v = instance;
	const size_t count = cnn_layout_count(&v->in, CNN_NCHW, 1);

	(void)queue;
	if (index == BIAS) {
		memcpy(plain, native, v->o * sizeof *native);
		return CNN_OK;
	}
	for (size_t o = 0; o < v->o; o++)
		for (size_t i = 0; i < count; i++)
			*plain++ = native[weight_at(v, o, i)];
	return CNN_OK;
}

#define LINEAR_KERNEL(RUN) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .cost = cost, \
		.create = create, .destroy = destroy, .param_import = param_import, \
		.param_export = param_export, .forward = forward, \
		.backward = backward, \
	}

static const struct cnn_kernel kernels[] = {
	LINEAR_KERNEL("linear"),
	LINEAR_KERNEL("linear+relu"),
	LINEAR_KERNEL("flatten+linear+relu"),
};

NATIVE_PLUGIN("linear", CNN_KERNELS(kernels));
