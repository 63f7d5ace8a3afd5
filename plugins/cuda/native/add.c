/* add: out = in[0] + in[1] + ..., in this order; each grad_in = grad_out. */
#include "kernels.h"
#include "native.h"

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	plan->flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD;
	return native_create(host, run, plan, sizeof(struct native), instance);
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct native *n = instance;

	return native_done(n->host, "add forward", native_add_inputs(call->queue, n->dtype,
		call->out, call->in, n->in_count, n->in * call->samples), call->queue);
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct native *n = instance;
	const size_t bytes = n->in * call->samples * native_size(n->dtype);
	int code = CNN_OK;

	for (uint32_t k = 0; code == CNN_OK && k < n->in_count; k++)
		if (call->grad_in[k])
			code = native_copy(n->host, call->grad_in[k], call->grad_out, bytes,
				call->queue);
	return code;
}

NATIVE_PLUGIN("add", true);
