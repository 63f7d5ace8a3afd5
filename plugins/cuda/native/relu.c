/* relu: out = max(in, 0); grad_in = grad_out where out is above 0, else 0. A NaN stays
 * NaN. */
#include "kernels.h"
#include "native.h"

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	plan->flags = CNN_KEEP_OUTPUT | CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD;
	return native_create(host, run, plan, sizeof(struct native), instance);
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct native *n = instance;

	return native_done(n->host, "relu forward", native_relu_forward(call->queue,
		n->dtype, call->out, call->in[0], n->in * call->samples), call->queue);
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct native *n = instance;

	if (!call->grad_in[0])
		return CNN_OK;
	return native_done(n->host, "relu backward", native_relu_backward(call->queue,
		n->dtype, call->grad_in[0], call->out, call->grad_out,
		n->in * call->samples), call->queue);
}

NATIVE_PLUGIN("relu", true);
