/* dropout: in training out[i] = in[i] mask[i] / (1 - p), and grad_in[i] = grad_out[i]
 * mask[i] / (1 - p). mask[i] is 1 if the uniform of element i is at least p, else 0; i
 * is the NCHW index in the whole batch. Otherwise out = in.
 * saved: mask, one byte per element, in the order of the elements in memory.
 */
#include "kernels.h"
#include "native.h"

struct dropout {
	struct native native;
	struct native_dropout how;
};

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	const struct cnn_node *node = &run->nodes[0];
	const double p = node->args[0].f;
	const size_t *dims = run->inputs[0].shape.dims;
	int code = native_create(host, run, plan, sizeof(struct dropout), instance);
	struct dropout *d = *instance;

	if (code != CNN_OK)
		return code;
	plan->flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD;
	d->how = (struct native_dropout){
		.p = (float)p, .scale = p < 1 ? (float)(1 / (1 - p)) : 0,
		.random_stream = node->random_stream,
		.is_nhwc = d->native.layout == CNN_NHWC, .channels = 1,
	};
	if (d->how.is_nhwc)
		d->how.channels = (uint32_t)dims[0];
	d->how.area = (uint32_t)(d->native.in / d->how.channels);
	if (run->training)
		code = native_bytes(host, d->native.in, run->batch, 1, &plan->saved_bytes);
	if (code != CNN_OK)
		native_destroy(d);
	return code;
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct dropout *d = instance;
	const struct native *n = &d->native;

	if (!call->training)
		return native_copy(n->host, call->out, call->in[0],
			n->in * call->samples * native_size(n->dtype), call->queue);
	return native_done(n->host, "dropout forward", native_dropout_forward(call->queue,
		n->dtype, call->out, call->saved, call->in[0], call->state, &d->how,
		call->first_sample, call->samples), call->queue);
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct dropout *d = instance;
	const struct native *n = &d->native;

	if (!call->grad_in[0])
		return CNN_OK;
	return native_done(n->host, "dropout backward", native_dropout_backward(
		call->queue, n->dtype, call->grad_in[0], call->saved, call->grad_out,
		d->how.scale, n->in * call->samples), call->queue);
}

NATIVE_PLUGIN("dropout", true);
