/* norm.c - batchnorm2d, batchnorm2d+relu: see norm.h. */
#include "norm.h"

#include <math.h>

NATIVE_TABLE(norm_kernels);

double norm_scale(const struct norm *v, double var)
{
	return var + v->eps == 0 ? 0 : 1 / sqrt(var + v->eps);
}

static void set_formats(const struct norm_kernels *kernels, const struct cnn_run *run,
    struct cnn_plan *plan)
{
	const uint32_t blocked = native_blocked(kernels->lanes);

	plan->inputs[0] = (struct cnn_format){ run->dtype, blocked };
	plan->output = (struct cnn_format){ run->dtype, blocked };
}

/* Nanoseconds for an element, measured on one core of a Zen 4 for images that exceed
 * the inner caches. Training: both passes of forward and backward. */
static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	static const double training[NATIVE_LEVELS] = { 3, 1.2, 1, 1 };
	static const double inference[NATIVE_LEVELS] = { 0.6, 0.35, 0.3, 0.3 };
	const enum native_level level = native_level(host);
	const struct norm_kernels *kernels = levels[level];
	size_t count;

	(void)kernel;
	if (run->dtype != CNN_F32 && run->dtype != CNN_BF16)
		return 0;
	set_formats(kernels, run, plan);
	count = cnn_layout_count(&run->output, plan->output.layout, run->batch);
	return 1 + (double)count * (run->training ? training : inference)[level] / 1e3;
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct norm *v = host->alloc(host, sizeof *v);

	(void)kernel;
	if (!v)
		return CNN_ENOMEM;
	*v = (struct norm){
		.host = host,
		.kernels = levels[native_level(host)],
		.half = run->dtype == CNN_BF16,
		.relu = run->node_count > 1,
		.c = run->output.dims[0],
		.area = run->output.dims[1] * run->output.dims[2],
		.eps = run->nodes[0].args[0].f,
		.momentum = run->nodes[0].args[1].f,
	};
	v->blocks = (v->c + v->kernels->lanes - 1) / v->kernels->lanes;
	set_formats(v->kernels, run, plan);
	plan->flags = CNN_KEEP_INPUT | CNN_INPLACE_BACKWARD;
	if (run->training) {
		plan->saved_bytes = 4 * v->c * sizeof(double);
		plan->reduce_forward = 2 * v->c;
		plan->reduce_backward = 2 * v->c;
	}
	*instance = v;
	return CNN_OK;
}

static void destroy(void *instance)
{
	struct norm *v = instance;

	if (v)
		v->host->free(v->host, v);
}

/* One element per channel has no variance to divide by. */
static int check_total(const struct norm *v, uint64_t total)
{
	if (total * v->area > 1)
		return CNN_OK;
	return v->host->fail(v->host, CNN_EDATA,
	    "batchnorm2d: training needs more than one value per channel");
}

static int reduce_forward(void *instance, const struct cnn_call *c)
{
	const struct norm *v = instance;

	v->kernels->reduce_forward(v, c);
	return CNN_OK;
}

static void combine(void *instance, double *into, uint64_t into_samples,
    const double *from, uint64_t from_samples)
{
	const struct norm *v = instance;
	const double share = (double)from_samples /
	    (double)(into_samples + from_samples);
	const double weight = (double)into_samples * share * (double)v->area;

	for (size_t c = 0; c < v->c; c++) {
		const double d = from[c] - into[c];

		into[c] += d * share;
		into[v->c + c] += from[v->c + c] + d * d * weight;
	}
}

static int forward(void *instance, const struct cnn_call *c)
{
	const struct norm *v = instance;
	const double n = (double)c->total * (double)v->area;
	double *saved = c->saved;
	int r;

	if (c->training && (r = check_total(v, c->total)) != CNN_OK)
		return r;
	for (size_t i = 0; c->training && i < v->c; i++) {
		saved[i] = c->reduced[i];
		saved[v->c + i] = norm_scale(v, c->reduced[v->c + i] / n);
	}
	v->kernels->forward(v, c);
	return CNN_OK;
}

static int reduce_backward(void *instance, const struct cnn_call *c)
{
	const struct norm *v = instance;

	v->kernels->reduce_backward(v, c);
	memcpy((double *)c->saved + 2 * v->c, c->partial, 2 * v->c * sizeof(double));
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *c)
{
	const struct norm *v = instance;
	const double *sums = (const double *)c->saved + 2 * v->c;

	for (size_t i = 0; i < v->c; i++) {
		((float *)c->grad_params[NORM_BIAS])[i] = (float)sums[i];
		((float *)c->grad_params[NORM_WEIGHT])[i] = (float)sums[v->c + i];
	}
	if (c->grad_in[0])
		v->kernels->backward(v, c);
	return CNN_OK;
}

static int update_buffers(void *instance, void *queue, const struct cnn_state *state,
    const double *reduced, uint64_t total, void *const *params)
{
	const struct norm *v = instance;
	const double n = (double)total * (double)v->area, m = v->momentum;
	float *mean = params[NORM_MEAN], *var = params[NORM_VAR];
	int r;

	(void)queue;
	if ((r = check_total(v, total)) != CNN_OK || state->bad)
		return r;
	for (size_t c = 0; c < v->c; c++) {
		mean[c] = (float)((1 - m) * mean[c] + m * reduced[c]);
		var[c] = (float)((1 - m) * var[c] + m * (reduced[v->c + c] / (n - 1)));
	}
	return CNN_OK;
}

#define NORM_KERNEL(RUN) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .cost = cost, \
		.create = create, .destroy = destroy, .forward = forward, \
		.backward = backward, .reduce_forward = reduce_forward, \
		.reduce_backward = reduce_backward, .update_buffers = update_buffers, \
		.combine = combine, \
	}

static const struct cnn_kernel kernels[] = {
	NORM_KERNEL("batchnorm2d"),
	NORM_KERNEL("batchnorm2d+relu"),
};

NATIVE_PLUGIN("norm", CNN_KERNELS(kernels));
