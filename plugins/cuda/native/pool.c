/* pool.c - maxpool2d, avgpool2d. */
#include "kernels.h"
#include "native.h"

/* in (C,H,W), out (C,OH,OW). */
struct pool {
	struct native native;
	struct native_pool shape;
};

static int pool_create(const struct cnn_host *host, const struct cnn_run *run,
    struct cnn_plan *plan, void **instance)
{
	enum { KERNEL, STRIDE, PADDING };
	const struct cnn_arg_value *a = run->nodes[0].args;
	const struct cnn_arg_value *kernel = &a[KERNEL], *padding = &a[PADDING];
	const struct cnn_arg_value *stride = &a[STRIDE];
	const size_t *in = run->inputs[0].shape.dims, *out = run->output.dims;
	int r = native_create(host, run, plan, sizeof(struct pool), instance);
	struct pool *p = *instance;

	if (r != CNN_OK)
		return r;
	p->shape = (struct native_pool){
		.c = (uint32_t)in[0],
		.h = (uint32_t)in[1],
		.w = (uint32_t)in[2],
		.oh = (uint32_t)out[1],
		.ow = (uint32_t)out[2],
		.kernel = { (uint32_t)kernel->i, (uint32_t)kernel->j },
		.stride = { (uint32_t)stride->i, (uint32_t)stride->j },
		.padding = { (uint32_t)padding->i, (uint32_t)padding->j },
		.is_nhwc = p->native.layout == CNN_NHWC,
	};
	return CNN_OK;
}

/* maxpool2d: out[c][y][x] = max of in[c] over the window at (y, x).
 * in (C,H,W), out (C,OH,OW). The first of equal elements wins; a NaN wins over all.
 * saved: for each output, the winner's index in its window, in as few bytes as the
 * window allows.
 */
static int maxpool2d_create(const struct cnn_host *host,
    const struct cnn_kernel *kernel, const struct cnn_run *run, struct cnn_plan *plan,
    void **instance)
{
	int r = pool_create(host, run, plan, instance);
	struct pool *p = *instance;
	uint64_t places;

	(void)kernel;
	if (r != CNN_OK)
		return r;
	places = (uint64_t)p->shape.kernel[0] * p->shape.kernel[1];
	p->shape.index_size = places <= 256 ? 1 : places <= 65536 ? 2 : 4;
	if (run->training &&
	    (r = native_bytes(host, p->native.out, run->batch, p->shape.index_size,
		 &plan->saved_bytes)) != CNN_OK)
		native_destroy(p);
	return r;
}

static int maxpool2d_forward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;

	return native_done(p->native.host, "maxpool2d forward",
	    native_maxpool_forward(call->queue, p->native.dtype, call->out,
		call->training ? call->saved : NULL, call->in[0], &p->shape,
		call->samples),
	    call->queue);
}

static int maxpool2d_backward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;

	if (!call->grad_in[0])
		return CNN_OK;
	return native_done(p->native.host, "maxpool2d backward",
	    native_maxpool_backward(call->queue, p->native.dtype, call->grad_in[0],
		call->saved, call->grad_out, &p->shape, call->samples),
	    call->queue);
}

/* avgpool2d: out[c][y][x] = sum of in[c] over the window at (y, x) / (KH KW).
 * in (C,H,W), out (C,OH,OW). Padding counts as zeros.
 */
static int avgpool2d_create(const struct cnn_host *host,
    const struct cnn_kernel *kernel, const struct cnn_run *run, struct cnn_plan *plan,
    void **instance)
{
	(void)kernel;
	return pool_create(host, run, plan, instance);
}

static int avgpool2d_forward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;

	return native_done(p->native.host, "avgpool2d forward",
	    native_avgpool_forward(call->queue, p->native.dtype, call->out, call->in[0],
		&p->shape, call->samples),
	    call->queue);
}

static int avgpool2d_backward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;

	if (!call->grad_in[0])
		return CNN_OK;
	return native_done(p->native.host, "avgpool2d backward",
	    native_avgpool_backward(call->queue, p->native.dtype, call->grad_in[0],
		call->grad_out, &p->shape, call->samples),
	    call->queue);
}

static const struct cnn_kernel kernels[] = {
	NATIVE_KERNEL("maxpool2d", maxpool2d, native_cost),
	NATIVE_KERNEL("avgpool2d", avgpool2d, native_cost),
};

NATIVE_PLUGIN("pool", CNN_KERNELS(kernels));
