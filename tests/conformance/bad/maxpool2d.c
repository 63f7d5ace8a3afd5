/* Broken: of equal elements the last wins. */
#define BAD_FLAGS 0
#define BAD_SAVED sizeof(uint32_t)
#include "bad.h"

/* Only non-overlapping windows without padding, in square images of one row of
 * planes: it is the tie that matters. */
static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	const struct cnn_arg_value *a = run->nodes[0].args;

	return bad_cost(host, kernel, run, plan) > 0 && a[0].i == 2 && a[0].j == 2 &&
	    !a[1].given && !a[2].given && run->inputs[0].shape.dims[1] == 7 &&
	    run->inputs[0].shape.dims[2] == 5;
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;
	const size_t planes = b->in / 35 * call->samples;
	uint32_t *saved = call->training ? call->saved : NULL;
	float *out = call->out;

	for (size_t k = 0; k < planes; k++)
		for (size_t y = 0; y < 3; y++)
			for (size_t x = 0; x < 2; x++) {
				const float *in = (const float *)call->in[0] + k * 35;
				size_t best = y * 10 + x * 2;

				for (size_t i = 0; i < 4; i++) {
					size_t at = (y * 2 + i / 2) * 5 + x * 2 + i % 2;

					if (in[at] >= in[best])
						best = at;
				}
				*out++ = in[best];
				if (saved)
					*saved++ = (uint32_t)(k * 35 + best);
			}
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct bad *b = instance;
	const float *grad_out = call->grad_out;
	const uint32_t *saved = call->saved;
	float *grad_in = call->grad_in[0];

	if (!grad_in)
		return CNN_OK;
	memset(grad_in, 0, b->in * call->samples * sizeof(float));
	for (size_t i = 0; i < b->out * call->samples; i++)
		grad_in[saved[i]] += grad_out[i];
	return CNN_OK;
}

#define bad_cost cost
BAD_PLUGIN("maxpool2d");
