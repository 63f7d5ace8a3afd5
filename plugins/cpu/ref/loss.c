/* cross_entropy: out[n] = log(sum over k of exp(in[n][k])) - in[n][label[n]].
 * The row's maximum is subtracted from each exponent, so that none overflows.
 * in (N,K), labels and out (N).
 *   grad_in[n][k] = (softmax(in[n])[k] - (k == label[n])) * loss_scale / total
 * saved: softmax(in) (N,K).
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
	real *out = call->out, *softmax = call->training ? call->saved : NULL;

	for (size_t n = 0; n < call->samples; n++) {
		const real *x = (const real *)call->in[0] + n * r->in;
		double max = x[0], sum = 0;

		for (size_t k = 1; k < r->in; k++)
			max = x[k] > max ? x[k] : max;
		for (size_t k = 0; k < r->in; k++)
			sum += exp(x[k] - max);
		out[n] = (real)(log(sum) - (x[call->labels[n]] - max));
		for (size_t k = 0; softmax && k < r->in; k++)
			softmax[n * r->in + k] = (real)(exp(x[k] - max) / sum);
	}
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	const real *softmax = call->saved;
	real *grad_in = call->grad_in[0];
	const float scale = call->state->loss_scale / (float)call->total;

	for (size_t n = 0; grad_in && n < call->samples; n++)
		for (size_t k = 0; k < r->in; k++) {
			size_t i = n * r->in + k;
			int hot = k == (size_t)call->labels[n];

			grad_in[i] = (softmax[i] - (real)hot) * (real)scale;
		}
	return CNN_OK;
}

static const struct ref_layer layer = {
	.instance_size = sizeof(struct ref),
	.real_only = true,
	.plan = plan, .forward = forward, .backward = backward,
};

static const struct cnn_kernel kernels[] = {
	REF_KERNEL("cross_entropy", layer),
};

REF_PLUGIN("loss", CNN_KERNELS(kernels));
