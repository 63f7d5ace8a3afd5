/* cross_entropy:
 *   out[n][0] = log(sum over k of exp(in[n][k])) - in[n][target[n]]
 *   out[n][1] = 1 if in[n][target[n]] is the largest, the first of equals, else 0
 * in (N,K), target (N), out (N,2).
 *   grad_in[n][k] = (softmax(in[n])[k] - (k == target[n])) * loss_scale / total
 * saved: the first factor of grad_in (N,K).
 */
#include "kernels.h"
#include "native.h"

static int cross_entropy_create(const struct cnn_host *host,
    const struct cnn_kernel *kernel, const struct cnn_run *run, struct cnn_plan *plan,
    void **instance)
{
	int r = native_create(host, run, plan, sizeof(struct native), instance);
	const struct native *n = *instance;

	(void)kernel;
	if (r == CNN_OK && run->training &&
	    (r = native_bytes(host, n->in, run->batch, sizeof(float),
		 &plan->saved_bytes)) != CNN_OK)
		native_destroy(*instance);
	return r;
}

static int cross_entropy_forward(void *instance, const struct cnn_call *call)
{
	const struct native *n = instance;

	return native_done(n->host, "cross_entropy forward",
	    native_cross_entropy_forward(call->queue, call->out,
		call->training ? call->saved : NULL, call->in[0], call->in[1],
		call->samples, n->in),
	    call->queue);
}

static int cross_entropy_backward(void *instance, const struct cnn_call *call)
{
	const struct native *n = instance;

	if (!call->grad_in[0])
		return CNN_OK;
	return native_done(n->host, "cross_entropy backward",
	    native_cross_entropy_backward(call->queue, call->grad_in[0], call->saved,
		call->state, call->total, n->in * call->samples),
	    call->queue);
}

static const struct cnn_kernel kernels[] = {
	NATIVE_KERNEL("cross_entropy", cross_entropy, native_cost_float),
};

NATIVE_PLUGIN("loss", CNN_KERNELS(kernels));
