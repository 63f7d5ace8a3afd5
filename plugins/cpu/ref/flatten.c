/* flatten: out = in, both in C order. */
#include "ref.h"
#include <string.h>

static int forward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;

	if (call->out != call->in[0])
		memcpy(call->out, call->in[0], r->in * call->samples * sizeof(real));
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	void *grad_in = call->grad_in[0];

	if (grad_in && grad_in != call->grad_out)
		memcpy(grad_in, call->grad_out, r->in * call->samples * sizeof(real));
	return CNN_OK;
}

static const struct ref_layer layer = {
	.instance_size = sizeof(struct ref),
	.flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD,
	.forward = forward, .backward = backward,
};

REF_PLUGIN("flatten", layer);
