/* Broken: numbers the elements anew in each microbatch. */
#define BAD_FLAGS 0
#define BAD_SAVED sizeof(float)
#include "bad.h"

static int forward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;
	const float p = (float)b->args[0].f, *in = call->in[0];
	float *out = call->out, *factor = call->saved;

	if (!call->training) {
		memcpy(out, in, b->in * call->samples * sizeof(float));
		return CNN_OK;
	}
	b->host->uniform(call->state->seed, b->random_stream, call->state->step, 0,
	    b->in * call->samples, factor);
	for (size_t i = 0; i < b->in * call->samples; i++) {
		factor[i] = factor[i] >= p ? 1 / (1 - p) : 0;
		out[i] = in[i] * factor[i];
	}
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;
	const float *grad_out = call->grad_out, *factor = call->saved;
	float *grad_in = call->grad_in[0];

	for (size_t i = 0; grad_in && i < b->in * call->samples; i++)
		grad_in[i] = grad_out[i] * factor[i];
	return CNN_OK;
}

BAD_PLUGIN("dropout");
