/* linear: out[n][o] = bias[o] + sum over i of weight[o][i] in[n][i].
 * in (N,I), out (N,O), weight (O,I), bias (O). So
 *   grad_in = grad_out weight
 *   grad_weight = grad_out' in
 *   grad_bias[o] = sum over n of grad_out[n][o].
 */
#include "ref.h"
#include <string.h>

static int forward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	const real *bias = r->param_count > 1 ? call->params[1] : NULL;
	real *out = call->out;

	for (size_t n = 0; n < call->samples; n++)
		for (size_t o = 0; o < r->out; o++)
			out[n * r->out + o] = bias ? bias[o] : 0;
	ref_matmul_t(out, call->in[0], call->params[0], call->samples, r->out, r->in);
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	const real *grad_out = call->grad_out;
	real *grad_weight = call->grad_params[0], *grad_in = call->grad_in[0];

	memset(grad_weight, 0, r->out * r->in * sizeof(real));
	ref_matmul(grad_weight, grad_out, 1, r->out, call->in[0], r->out, r->in,
	    call->samples);
	if (r->param_count > 1) {
		real *grad_bias = call->grad_params[1];

		memset(grad_bias, 0, r->out * sizeof(real));
		for (size_t n = 0; n < call->samples; n++)
			for (size_t o = 0; o < r->out; o++)
				grad_bias[o] += grad_out[n * r->out + o];
	}
	if (grad_in) {
		memset(grad_in, 0, call->samples * r->in * sizeof(real));
		ref_matmul(grad_in, grad_out, r->out, 1, call->params[0], call->samples,
		    r->in, r->out);
	}
	return CNN_OK;
}

static size_t work(const struct cnn_run *run)
{
	return run->params[0].shape.dims[0] * run->params[0].shape.dims[1];
}

static const struct ref_layer layer = {
	.instance_size = sizeof(struct ref),
	.forward_ns = 0.15,
	.backward_ns = 0.25,
	.work = work,
	.flags = CNN_KEEP_INPUT,
	.rounds_params = true,
	.forward = forward,
	.backward = backward,
};

static const struct cnn_kernel kernels[] = {
	REF_KERNEL("linear", layer),
};

REF_PLUGIN("linear", CNN_KERNELS(kernels));
