/* Broken: the last sample of a microbatch is forgotten in backward. */
#define BAD_FLAGS 0
#define BAD_SAVED 0
#include "bad.h"

static int forward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;

	memcpy(call->out, call->in[0], b->in * call->samples * sizeof(float));
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;

	if (call->grad_in[0])
		memcpy(call->grad_in[0], call->grad_out,
		    b->in * (call->samples - 1) * sizeof(float));
	return CNN_OK;
}

BAD_PLUGIN("flatten");
