/* Broken: adds to the weight's gradient instead of overwriting it. */
#define BAD_FLAGS CNN_KEEP_INPUT
#define BAD_SAVED 0
#include "bad.h"

static int forward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;
	const float *weight = call->params[0];
	const float *bias = b->args[1].i ? call->params[1] : NULL;

	for (size_t n = 0; n < call->samples; n++)
		for (size_t o = 0; o < b->out; o++) {
			float *out = (float *)call->out + n * b->out + o;

			*out = bias ? bias[o] : 0;
			for (size_t i = 0; i < b->in; i++)
				*out += ((const float *)call->in[0])[n * b->in + i] *
				    weight[o * b->in + i];
		}
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;
	const float *in = call->in[0], *grad_out = call->grad_out;
	const float *weight = call->params[0];
	float *grad_weight = call->grad_params[0], *grad_in = call->grad_in[0];

	if (grad_in)
		memset(grad_in, 0, b->in * call->samples * sizeof(float));
	if (b->args[1].i)
		memset(call->grad_params[1], 0, b->out * sizeof(float));
	for (size_t n = 0; n < call->samples; n++)
		for (size_t o = 0; o < b->out; o++) {
			float g = grad_out[n * b->out + o];

			if (b->args[1].i)
				((float *)call->grad_params[1])[o] += g;
			for (size_t i = 0; i < b->in; i++) {
				grad_weight[o * b->in + i] += g * in[n * b->in + i];
				if (grad_in)
					grad_in[n * b->in + i] += g *
					    weight[o * b->in + i];
			}
		}
	return CNN_OK;
}

BAD_PLUGIN("linear");
