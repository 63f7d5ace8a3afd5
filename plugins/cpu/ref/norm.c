/* batchnorm2d: out = xhat * weight[c] + bias[c],
 *              xhat = (in - mean[c]) / sqrt(var[c] + eps).
 * in, out (N,C,H,W); weight, bias, running_mean, running_var (C).
 *
 * Training: mean and var = m2 / n of channel c over the n = N H W elements of the whole
 * batch, where m2 = sum of (in - mean)^2. Microbatches give their own mean and m2 (2,C),
 * which are combined pairwise, so that a mean far from 0 costs no precision
 * (T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm
 * for Computing Sample Variances", 1979).
 *   grad_bias[c] = sum of grad_out       grad_weight[c] = sum of grad_out xhat
 *   grad_in = weight / sqrt(var + eps)
 *             (grad_out - grad_bias / n - xhat grad_weight / n)
 * with the last two over the whole batch, from the microbatches' sums (2,C).
 * saved: mean (C) and 1 / sqrt(var + eps) (C) as double. Where var + eps is 0 the factor
 * is 0, like in PyTorch: all elements of the channel are the mean.
 * (S. Ioffe and C. Szegedy, "Batch Normalization", ICML 2015.)
 */
#include "ref.h"
#include <math.h>

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };

struct batchnorm2d {
	struct ref ref;
	size_t c, area;
	double eps, momentum;
};

static int plan(struct ref *r, const struct cnn_run *run, struct cnn_plan *p)
{
	struct batchnorm2d *b = (struct batchnorm2d *)r;

	b->c = run->output.dims[0];
	b->area = run->output.dims[1] * run->output.dims[2];
	b->eps = run->nodes[0].args[0].f;
	b->momentum = run->nodes[0].args[1].f;
	if (run->training) {
		p->saved_bytes = 2 * b->c * sizeof(double);
		p->reduce_forward = 2 * b->c;
		p->reduce_backward = 2 * b->c;
	}
	return CNN_OK;
}

static int reduce_forward(void *instance, const struct cnn_call *call)
{
	const struct batchnorm2d *b = instance;
	const double n = (double)call->samples * (double)b->area;
	const real *in = call->in[0];

	for (size_t c = 0; c < b->c; c++) {
		double mean = 0, m2 = 0;

		for (size_t s = 0; s < call->samples; s++) {
			const real *x = &in[(s * b->c + c) * b->area];

			for (size_t i = 0; i < b->area; i++)
				mean += x[i];
		}
		mean /= n;
		for (size_t s = 0; s < call->samples; s++) {
			const real *x = &in[(s * b->c + c) * b->area];

			for (size_t i = 0; i < b->area; i++)
				m2 += (x[i] - mean) * (x[i] - mean);
		}
		call->partial[c] = mean;
		call->partial[b->c + c] = m2;
	}
	return CNN_OK;
}

static void combine(void *instance, double *into, uint64_t into_samples,
    const double *from, uint64_t from_samples)
{
	const struct batchnorm2d *b = instance;
	const double all = (double)(into_samples + from_samples);
	const double share = (double)from_samples / all;
	const double weight = (double)into_samples * share * (double)b->area;

	for (size_t c = 0; c < b->c; c++) {
		const double d = from[c] - into[c];

		into[c] += d * share;
		into[b->c + c] += from[b->c + c] + d * d * weight;
	}
}

/* One element per channel has no variance to divide by. */
static int check_total(const struct batchnorm2d *b, uint64_t total)
{
	if (total * b->area > 1)
		return CNN_OK;
	return b->ref.host->fail(b->ref.host, CNN_EDATA,
	    "batchnorm2d: training needs more than one value per channel");
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct batchnorm2d *b = instance;
	const real *in = call->in[0];
	const real *const *params = (const real *const *)call->params;
	const double n = (double)call->total * (double)b->area;
	double *saved = call->saved;
	real *out = call->out;
	int r;

	if (call->training && (r = check_total(b, call->total)) != CNN_OK)
		return r;
	for (size_t c = 0; c < b->c; c++) {
		double mean, var, scale;

		if (call->training) {
			mean = call->reduced[c];
			var = call->reduced[b->c + c] / n;
		} else {
			mean = params[RUNNING_MEAN][c];
			var = params[RUNNING_VAR][c];
		}
		scale = var + b->eps == 0 ? 0 : 1 / sqrt(var + b->eps);
		if (call->training) {
			saved[c] = mean;
			saved[b->c + c] = scale;
		}
		scale *= params[WEIGHT][c];
		for (size_t k = 0; k < call->samples; k++) {
			size_t first = (k * b->c + c) * b->area;

			for (size_t i = first; i < first + b->area; i++)
				out[i] =
				    (real)((in[i] - mean) * scale + params[BIAS][c]);
		}
	}
	return CNN_OK;
}

/* The microbatch's sums of grad_out and of grad_out xhat in channel c. */
static void gradient_sums(const struct batchnorm2d *b, const struct cnn_call *call,
    size_t c, double *sum, double *product)
{
	const double *saved = call->saved, mean = saved[c], scale = saved[b->c + c];
	const real *in = call->in[0], *grad_out = call->grad_out;

	*sum = *product = 0;
	for (size_t n = 0; n < call->samples; n++) {
		size_t first = (n * b->c + c) * b->area;

		for (size_t i = first; i < first + b->area; i++) {
			*sum += grad_out[i];
			*product += grad_out[i] * (in[i] - mean) * scale;
		}
	}
}

static int reduce_backward(void *instance, const struct cnn_call *call)
{
	const struct batchnorm2d *b = instance;

	for (size_t c = 0; c < b->c; c++)
		gradient_sums(b, call, c, &call->partial[c], &call->partial[b->c + c]);
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct batchnorm2d *b = instance;
	const double n = (double)call->total * (double)b->area, *saved = call->saved;
	const real *in = call->in[0], *grad_out = call->grad_out;
	const real *weight = call->params[WEIGHT];
	real *grad_in = call->grad_in[0];

	for (size_t c = 0; c < b->c; c++) {
		const double mean = saved[c], scale = saved[b->c + c];
		const double mean_grad = call->reduced[c] / n;
		const double mean_product = call->reduced[b->c + c] / n;
		double sum, product;

		gradient_sums(b, call, c, &sum, &product);
		((real *)call->grad_params[WEIGHT])[c] = (real)product;
		((real *)call->grad_params[BIAS])[c] = (real)sum;
		for (size_t s = 0; grad_in && s < call->samples; s++) {
			size_t first = (s * b->c + c) * b->area;

			for (size_t i = first; i < first + b->area; i++)
				grad_in[i] = (real)(weight[c] * scale *
				    (grad_out[i] - mean_grad -
					(in[i] - mean) * scale * mean_product));
		}
	}
	return CNN_OK;
}

static int update_buffers(void *instance, void *queue, const struct cnn_state *state,
    const double *reduced, uint64_t total, void *const *params)
{
	const struct batchnorm2d *b = instance;
	const double n = (double)total * (double)b->area;
	real *running_mean = params[RUNNING_MEAN], *running_var = params[RUNNING_VAR];
	int r;

	(void)queue;
	if ((r = check_total(b, total)) != CNN_OK || state->bad)
		return r;
	for (size_t c = 0; c < b->c; c++) {
		running_mean[c] = (real)((1 - b->momentum) * running_mean[c] +
		    b->momentum * reduced[c]);
		running_var[c] = (real)((1 - b->momentum) * running_var[c] +
		    b->momentum * (reduced[b->c + c] / (n - 1)));
	}
	return CNN_OK;
}

static const struct ref_layer layer = {
	.instance_size = sizeof(struct batchnorm2d),
	.forward_ns = 2,
	.backward_ns = 8,
	.flags = CNN_KEEP_INPUT,
	.plan = plan,
	.forward = forward,
	.backward = backward,
	.reduce_forward = reduce_forward,
	.reduce_backward = reduce_backward,
};

static const struct cnn_kernel kernels[] = {
	REF_KERNEL("batchnorm2d", layer, .reduce_forward = ref_reduce_forward,
	    .reduce_backward = ref_reduce_backward, .update_buffers = update_buffers,
	    .combine = combine),
};

REF_PLUGIN("norm", CNN_KERNELS(kernels));
