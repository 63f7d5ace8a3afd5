/* elementwise.c - relu, add, flatten, dropout. */
#include "ref.h"
#include <string.h>

/* relu: out = max(in, 0); grad_in = grad_out where out is above 0, else 0. A NaN stays
 * NaN. */
static int relu_forward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	const size_t n = r->in * call->samples;
	const real *in = call->in[0];
	real *out = call->out;

	for (size_t i = 0; i < n; i++)
		out[i] = in[i] <= 0 ? 0 : in[i];
	return CNN_OK;
}

static int relu_backward(void *instance, const struct cnn_call *call)
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

static const struct ref_layer relu = {
	.instance_size = sizeof(struct ref),
	.flags = CNN_KEEP_OUTPUT | CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD,
	.forward = relu_forward, .backward = relu_backward,
};

/* add: out = in[0] + in[1] + ..., in this order; each grad_in = grad_out. */
static int add_forward(void *instance, const struct cnn_call *call)
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

static int add_backward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;

	for (uint32_t k = 0; k < r->in_count; k++)
		if (call->grad_in[k] && call->grad_in[k] != call->grad_out)
			memcpy(call->grad_in[k], call->grad_out,
				r->in * call->samples * sizeof(real));
	return CNN_OK;
}

static const struct ref_layer add = {
	.instance_size = sizeof(struct ref),
	.flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD,
	.forward = add_forward, .backward = add_backward,
};

/* flatten: out = in, both in C order. */
static int flatten_forward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;

	if (call->out != call->in[0])
		memcpy(call->out, call->in[0], r->in * call->samples * sizeof(real));
	return CNN_OK;
}

static int flatten_backward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	void *grad_in = call->grad_in[0];

	if (grad_in && grad_in != call->grad_out)
		memcpy(grad_in, call->grad_out, r->in * call->samples * sizeof(real));
	return CNN_OK;
}

static const struct ref_layer flatten = {
	.instance_size = sizeof(struct ref),
	.flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD,
	.forward = flatten_forward, .backward = flatten_backward,
};

/* dropout: in training out[i] = in[i] mask[i] / (1 - p), and grad_in[i] = grad_out[i]
 * mask[i] / (1 - p). mask[i] is 1 if the i-th uniform of the step is at least p (as a
 * float), else 0. Otherwise out = in.
 * saved: mask, one byte per element.
 */
#define CHUNK 1024                           /* uniforms generated at once */

struct dropout {
	struct ref ref;
	float p;
	uint32_t random_stream;
	real scale;
};

static int dropout_plan(struct ref *r, const struct cnn_run *run, struct cnn_plan *plan)
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

static int dropout_forward(void *instance, const struct cnn_call *call)
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

static int dropout_backward(void *instance, const struct cnn_call *call)
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

static const struct ref_layer dropout = {
	.instance_size = sizeof(struct dropout),
	.flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD,
	.plan = dropout_plan, .forward = dropout_forward, .backward = dropout_backward,
};

static const struct cnn_kernel kernels[] = {
	REF_KERNEL("relu", relu),
	REF_KERNEL("add", add),
	REF_KERNEL("flatten", flatten),
	REF_KERNEL("dropout", dropout),
};

REF_PLUGIN("elementwise", CNN_KERNELS(kernels));
