/* conv.c - the table of convolutions, some of which have kernels for certain shapes. */
#include "amx.h"
#include "direct.h"
#include "few.h"
#include "pooled.h"
#include "winograd.h"

static const struct cnn_kernel direct_kernel = DIRECT_KERNEL_OF("conv2d");

/* The kernels that may compute a run, NULL after the last; of equal ones the first is
 * chosen. */
static const struct cnn_kernel *const any_shape[] = {
#if defined __x86_64__
	&amx_kernel,
#endif
#if !defined AMX_EMULATED /* for a test of amx_kernel alone */
	&winograd_kernel,
	&few_kernel,
	&direct_kernel,
#endif
	NULL,
};
static const struct cnn_kernel *const pooled[] = { &pooled_kernel, &direct_kernel,
	NULL };

/* A run, computed by one of them. */
struct chosen {
	const struct cnn_host *host;
	const struct cnn_kernel *kernel;
	void *instance;
};

/* Returns the cheapest one of the list, NULL if none computes the run. Sets its cost and
 * the formats that it plans. */
static const struct cnn_kernel *cheapest(const struct cnn_host *host,
    const struct cnn_kernel *kernel, const struct cnn_run *run, struct cnn_plan *plan,
    double *cost)
{
	const struct cnn_kernel *const *list = kernel->data, *best = NULL;
	const struct cnn_plan offered = *plan;

	*cost = 0;
	for (size_t i = 0; list[i]; i++) {
		struct cnn_plan its = offered;
		const double least = list[i]->cost(host, list[i], run, &its);

		if (!(least > 0) || (best && *cost <= least))
			continue;
		best = list[i];
		*cost = least;
		*plan = its;
	}
	return best;
}

static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	double microseconds;

	cheapest(host, kernel, run, plan, &microseconds);
	return microseconds;
}

static void destroy(void *instance)
{
	struct chosen *v = instance;

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
	struct chosen *v;
	double microseconds;
	int r;

	if (!(kernel = cheapest(host, kernel, run, &unused, &microseconds)))
		return CNN_END;
	if (!(v = host->alloc(host, sizeof *v)))
		return CNN_ENOMEM;
	*v = (struct chosen){ .host = host };
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
	const struct chosen *v = instance;

	return v->kernel->param_import(v->instance, queue, index, plain, native);
}

static int param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain)
{
	const struct chosen *v = instance;

	return v->kernel->param_export(v->instance, queue, index, native, plain);
}

static int pack(void *instance, void *queue, void *const *params, void *packed)
{
	const struct chosen *v = instance;

	return v->kernel->pack(v->instance, queue, params, packed);
}

static int forward(void *instance, const struct cnn_call *c)
{
	const struct chosen *v = instance;

	return v->kernel->forward(v->instance, c);
}

static int backward(void *instance, const struct cnn_call *c)
{
	const struct chosen *v = instance;

	return v->kernel->backward(v->instance, c);
}

#define CHOSEN_KERNEL(RUN, LIST) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .data = (LIST), \
		.cost = cost, .create = create, .destroy = destroy, \
		.param_import = param_import, .param_export = param_export, \
		.pack = pack, .forward = forward, .backward = backward, \
	}

static const struct cnn_kernel kernels[] = {
	CHOSEN_KERNEL("conv2d", any_shape),
	CHOSEN_KERNEL("conv2d+relu", any_shape),
	CHOSEN_KERNEL("conv2d+maxpool2d", pooled),
	CHOSEN_KERNEL("conv2d+relu+maxpool2d", pooled),
	DIRECT_KERNEL_OF("conv2d+relu+avgpool2d"),
	DIRECT_KERNEL_OF("conv2d+avgpool2d"),
};

NATIVE_PLUGIN("conv", CNN_KERNELS(kernels));
