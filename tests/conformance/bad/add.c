/* Broken: writes one element too many. */
#define BAD_FLAGS 0
#define BAD_SAVED 0
#include "bad.h"

static int forward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;
	const size_t n = b->in * call->samples;
	float *out = call->out;

	memcpy(out, call->in[0], n * sizeof(float));
	for (uint32_t k = 1; k < b->in_count; k++)
		for (size_t i = 0; i < n; i++)
			out[i] += ((const float *)call->in[k])[i];
	out[n] = 0;
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;

	for (uint32_t k = 0; k < b->in_count; k++)
		if (call->grad_in[k])
			memcpy(call->grad_in[k], call->grad_out,
			    b->in * call->samples * sizeof(float));
	return CNN_OK;
}

BAD_PLUGIN("add");
