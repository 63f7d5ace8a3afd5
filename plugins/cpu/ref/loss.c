/* cross_entropy:
 *   out[n][0] = log(sum over k of exp(in[n][k])) - in[n][target[n]]
 *   out[n][1] = 1 if in[n][target[n]] is the largest, the first of equals, else 0
 * The row's maximum is subtracted from each exponent, so that none overflows.
 * in (N,K), target (N), out (N,2).
 *   grad_in[n][k] = (softmax(in[n])[k] - (k == target[n])) * loss_scale / total
 * saved: the first factor of grad_in (N,K).
 */
#include "ref.h"
#include <math.h>

static int plan(struct ref *r, const struct cnn_run *run, struct cnn_plan *p)
{
	if (!run->training)
		return CNN_OK;
	return ref_bytes(r, r->in, run->batch, sizeof(real), &p->saved_bytes);
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	const int32_t *target = call->in[1];
	real *out = call->out, *saved = call->training ? call->saved : NULL;

	for (size_t n = 0; n < call->samples; n++) {
		const real *x = (const real *)call->in[0] + n * r->in;
		const size_t hot = (size_t)target[n];
		double max = x[0], sum = 0;
		bool hit = true;

		for (size_t k = 0; k < r->in; k++) {
			max = x[k] > max ? x[k] : max;
			hit &= k < hot ? x[k] < x[hot] : x[k] <= x[hot];
		}
		for (size_t k = 0; k < r->in; k++)
			sum += exp(x[k] - max);
		out[2 * n] = (real)(log(sum) - (x[hot] - max));
		out[2 * n + 1] = hit;
		for (size_t k = 0; saved && k < r->in; k++)
			saved[n * r->in + k] = (real)(exp(x[k] - max) / sum) -
			    (real)(k == hot);
	}
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	const real scale = (real)(call->state->loss_scale / (float)call->total);
	const real *saved = call->saved;
	real *grad_in = call->grad_in[0];

	for (size_t i = 0; grad_in && i < r->in * call->samples; i++)
		grad_in[i] = saved[i] * scale;
	return CNN_OK;
}

static const struct ref_layer layer = {
	.instance_size = sizeof(struct ref),
	.forward_ns = 40,
	.backward_ns = 1,
	.real_only = true,
	.plan = plan,
	.forward = forward,
	.backward = backward,
};

static const struct cnn_kernel kernels[] = {
	REF_KERNEL("cross_entropy", layer),
};

REF_PLUGIN("loss", CNN_KERNELS(kernels));
