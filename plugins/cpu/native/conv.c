/* conv.c - the table of convolutions: direct.h's, and pooled.h's where that is faster. */
#include "direct.h"
#include "pooled.h"

/* conv2d+relu+maxpool2d by one of the two. */
struct either {
	const struct cnn_host *host;
	const struct cnn_kernel *kernel;
	void *instance;
};

static const struct cnn_kernel direct_pooled = DIRECT_KERNEL_OF(
    "conv2d+relu+maxpool2d");

/* The cheaper kernel of the two; NULL if neither computes the run. Sets its cost and its
 * plan. */
static const struct cnn_kernel *cheaper(const struct cnn_host *host,
    const struct cnn_run *run, struct cnn_plan *plan, double *cost)
{
	struct cnn_plan other = *plan;
	const double direct = direct_cost(host, &direct_pooled, run, &other);

	*cost = pooled_kernel.cost(host, &pooled_kernel, run, plan);
	if (*cost > 0 && !(direct > 0 && direct < *cost))
		return &pooled_kernel;
	*plan = other;
	*cost = direct;
	return direct > 0 ? &direct_pooled : NULL;
}

static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	double microseconds;

	(void)kernel;
	cheaper(host, run, plan, &microseconds);
	return microseconds;
}

static void destroy(void *instance)
{
	struct either *v = instance;

	if (!v)
		return;
	if (v->kernel)
		v->kernel->destroy(v->instance);
	v->host->free(v->host, v);
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct cnn_plan unused = *plan;
	struct either *v;
	double microseconds;
	int r;

	if (!(kernel = cheaper(host, run, &unused, &microseconds)))
		return CNN_END;
	if (!(v = host->alloc(host, sizeof *v)))
		return CNN_ENOMEM;
	*v = (struct either){ .host = host };
	if ((r = kernel->create(host, kernel, run, plan, &v->instance)) != CNN_OK) {
		destroy(v);
		return r;
	}
	v->kernel = kernel;
	*instance = v;
	return CNN_OK;
}

static int param_import(void *instance, void *queue, uint32_t index, const float *plain,
    float *native)
{
	const struct either *v = instance;

	return v->kernel->param_import(v->instance, queue, index, plain, native);
}

static int param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain)
{
	const struct either *v = instance;

	return v->kernel->param_export(v->instance, queue, index, native, plain);
}

static int pack(void *instance, void *queue, void *const *params, void *packed)
{
	const struct either *v = instance;

	return v->kernel->pack(v->instance, queue, params, packed);
}

static int forward(void *instance, const struct cnn_call *c)
{
	const struct either *v = instance;

	return v->kernel->forward(v->instance, c);
}

static int backward(void *instance, const struct cnn_call *c)
{
	const struct either *v = instance;

	return v->kernel->backward(v->instance, c);
}

static const struct cnn_kernel kernels[] = {
	{
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
	},
	DIRECT_KERNEL_OF("conv2d"),
	DIRECT_KERNEL_OF("conv2d+relu"),
	DIRECT_KERNEL_OF("conv2d+relu+avgpool2d"),
};

NATIVE_PLUGIN("conv", CNN_KERNELS(kernels));
