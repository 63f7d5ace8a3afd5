/* maxpool2d: out[c][y][x] = max of in[c] over the window at (y, x).
 * in (C,H,W), out (C,OH,OW). The first of equal elements wins; a NaN wins over all.
 * saved: for each output, the winner's index in its window, in as few bytes as the
 * window allows.
 */
#include "pool.h"

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	int code = pool_create(host, run, plan, instance);
	struct pool *p = *instance;
	uint64_t places;

	if (code != CNN_OK)
		return code;
	places = (uint64_t)p->shape.kernel[0] * p->shape.kernel[1];
	p->shape.index_size = places <= 256 ? 1 : places <= 65536 ? 2 : 4;
	if (run->training && (code = native_bytes(host, p->native.out, run->batch,
			p->shape.index_size, &plan->saved_bytes)) != CNN_OK)
		native_destroy(p);
	return code;
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;

	return native_done(p->native.host, "maxpool2d forward", native_maxpool_forward(
		call->queue, p->native.dtype, call->out, call->training ? call->saved : NULL,
		call->in[0], &p->shape, call->samples), call->queue);
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;

	if (!call->grad_in[0])
		return CNN_OK;
	return native_done(p->native.host, "maxpool2d backward", native_maxpool_backward(
		call->queue, p->native.dtype, call->grad_in[0], call->saved, call->grad_out,
		&p->shape, call->samples), call->queue);
}

NATIVE_PLUGIN("maxpool2d", true);
