/* add: out = in[0] + in[1] + ..., in this order; each grad_in = grad_out. */
#include "ref.h"
#include <string.h>

static int forward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	const size_t n = r->in * call->samples;
	real *out = call->out;

	for (size_t i = 0; i < n; i++) {
		real sum = ((const real *)call->in[0])[i];

		for (uint32_t k = 1; k < r->in_count; k++)
			sum += ((const real *)call->in[k])[i];
		out[i] = sum;
	}
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;

	for (uint32_t k = 0; k < r->in_count; k++)
		if (call->grad_in[k] && call->grad_in[k] != call->grad_out)
			memcpy(call->grad_in[k], call->grad_out,
				r->in * call->samples * sizeof(real));
	return CNN_OK;
}

static const struct ref_layer layer = {
	.instance_size = sizeof(struct ref),
	.flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD,
	.forward = forward, .backward = backward,
};

REF_PLUGIN("add", layer);
