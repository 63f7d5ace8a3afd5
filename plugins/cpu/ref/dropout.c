/* dropout: in training out[i] = in[i] mask[i] / (1 - p), and grad_in[i] = grad_out[i]
 * mask[i] / (1 - p). mask[i] is 1 if the i-th uniform of the step is at least p (as a
 * float), else 0. Otherwise out = in.
 * saved: mask, one byte per element.
 */
#include "ref.h"
#include <string.h>

#define CHUNK 1024                           /* uniforms generated at once */

struct dropout {
	struct ref ref;
	float p;
	uint32_t random_stream;
	real scale;
};

static int plan(struct ref *r, const struct cnn_run *run, struct cnn_plan *plan)
{
	struct dropout *d = (struct dropout *)r;
	double p = run->nodes[0].args[0].f;

	d->p = (float)p;
	d->scale = p < 1 ? (real)(1 / (1 - p)) : 0;
	d->random_stream = run->nodes[0].random_stream;
	if (!run->training)
		return CNN_OK;
	return ref_bytes(r, r->in, run->batch, 1, &plan->saved_bytes);
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct dropout *d = instance;
	const uint64_t first = call->first_sample * d->ref.in;
	const size_t n = d->ref.in * call->samples;
	const real *in = call->in[0];
	real *out = call->out;
	unsigned char *mask = call->saved;
	float u[CHUNK];

	if (!call->training) {
		if (out != in)
			memcpy(out, in, n * sizeof(real));
		return CNN_OK;
	}
	for (size_t i = 0; i < n; i++) {
		if (i % CHUNK == 0)
			d->ref.host->uniform(call->state->seed, d->random_stream,
				call->state->step, first + i,
				n - i < CHUNK ? n - i : CHUNK, u);
		mask[i] = u[i % CHUNK] >= d->p;
		out[i] = mask[i] ? in[i] * d->scale : 0;
	}
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct dropout *d = instance;
	const size_t n = d->ref.in * call->samples;
	const unsigned char *mask = call->saved;
	const real *grad_out = call->grad_out;
	real *grad_in = call->grad_in[0];

	for (size_t i = 0; grad_in && i < n; i++)
		grad_in[i] = mask[i] ? grad_out[i] * d->scale : 0;
	return CNN_OK;
}

static const struct ref_layer layer = {
	.instance_size = sizeof(struct dropout),
	.flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD,
	.plan = plan, .forward = forward, .backward = backward,
};

REF_PLUGIN("dropout", layer);
