/* relu: out = max(in, 0); grad_in = grad_out where out is above 0, else 0. A NaN stays
 * NaN. */
#include "ref.h"

static int forward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	const size_t n = r->in * call->samples;
	const real *in = call->in[0];
	real *out = call->out;

	for (size_t i = 0; i < n; i++)
		out[i] = in[i] <= 0 ? 0 : in[i];
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	const size_t n = r->in * call->samples;
	const real *out = call->out, *grad_out = call->grad_out;
	real *grad_in = call->grad_in[0];

	for (size_t i = 0; grad_in && i < n; i++) {
		const real g = grad_out[i];  /* read unconditionally, to vectorise the
		                              * loop */

		grad_in[i] = out[i] <= 0 ? 0 : g;
	}
	return CNN_OK;
}

static const struct ref_layer layer = {
	.instance_size = sizeof(struct ref),
	.flags = CNN_KEEP_OUTPUT | CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD,
	.forward = forward, .backward = backward,
};

REF_PLUGIN("relu", layer);
