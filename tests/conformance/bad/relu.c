/* Broken: backward reads the input, which it did not ask to be kept. */
#define BAD_FLAGS 0
#define BAD_SAVED 0
#include "bad.h"

static int forward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;
	const float *in = call->in[0];
	float *out = call->out;

	for (size_t i = 0; i < b->in * call->samples; i++)
		out[i] = in[i] > 0 ? in[i] : 0;
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;
	const float *in = call->in[0], *grad_out = call->grad_out;
	float *grad_in = call->grad_in[0];

	for (size_t i = 0; grad_in && i < b->in * call->samples; i++)
		grad_in[i] = in[i] > 0 ? grad_out[i] : 0;
	return CNN_OK;
}

BAD_PLUGIN("relu");
