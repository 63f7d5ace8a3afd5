/* avgpool2d: out[c][y][x] = sum of in[c] over the window at (y, x) / (KH KW).
 * in (C,H,W), out (C,OH,OW). Padding counts as zeros.
 */
#include "pool.h"

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	return pool_create(host, run, plan, instance);
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;

	return native_done(p->native.host, "avgpool2d forward", native_avgpool_forward(
		call->queue, p->native.dtype, call->out, call->in[0], &p->shape,
		call->samples), call->queue);
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;

	if (!call->grad_in[0])
		return CNN_OK;
	return native_done(p->native.host, "avgpool2d backward", native_avgpool_backward(
		call->queue, p->native.dtype, call->grad_in[0], call->grad_out, &p->shape,
		call->samples), call->queue);
}

NATIVE_PLUGIN("avgpool2d", true);
