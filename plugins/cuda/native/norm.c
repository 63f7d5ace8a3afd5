/* batchnorm2d: out = xhat * weight[c] + bias[c],
 *              xhat = (in - mean[c]) / sqrt(var[c] + eps).
 * in, out (N,C,H,W); weight, bias, running_mean, running_var (C).
 *
 * Training: mean and var = m2 / n of channel c over the n = N H W elements of the whole
 * batch, where m2 = sum of (in - mean)^2. Microbatches give their own mean and m2 (2,C),
 * which are combined pairwise (plugins/cpu/ref/norm.c).
 *   grad_bias[c] = sum of grad_out       grad_weight[c] = sum of grad_out xhat
 *   grad_in = weight / sqrt(var + eps)
 *             (grad_out - grad_bias / n - xhat grad_weight / n)
 * with the last two over the whole batch, from the microbatches' sums (2,C).
 * saved: mean (C) and 1 / sqrt(var + eps) (C) as double. Where var + eps is 0 the factor
 * is 0, like in PyTorch.
 * (S. Ioffe and C. Szegedy, "Batch Normalization", ICML 2015.)
 */
#include "kernels.h"
#include "native.h"

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };

struct batchnorm2d {
	struct native native;
	struct native_norm norm;
};

/* --- the plan --------------------------------------------------------------------- */

/* Enough splits to keep the card busy, each with enough elements for a block. They
 * depend on the shape alone: the order of a sum must not depend on the card's size. */
static uint32_t splits_of(const struct native_norm *s, uint32_t batch)
{
	const size_t blocks = s->is_nhwc ? (s->channels + 31) / 32 : s->channels;
	const size_t most = blocks < 2 ? 512 : 1024 / blocks;
	size_t splits = (size_t)batch * s->area / (s->is_nhwc ? 256 : 4096);

	if (splits > most)
		splits = most;
	return splits < 1 ? 1 : (uint32_t)splits;
}

static int batchnorm2d_create(const struct cnn_host *host,
    const struct cnn_kernel *kernel, const struct cnn_run *run, struct cnn_plan *plan,
    void **instance)
{
	const struct cnn_arg_value *args = run->nodes[0].args;
	const size_t *dims = run->output.dims;
	int r = native_create(host, run, plan, sizeof(struct batchnorm2d), instance);
	struct batchnorm2d *b = *instance;

	(void)kernel;
	if (r != CNN_OK)
		return r;
	b->norm = (struct native_norm){
		.is_nhwc = b->native.layout == CNN_NHWC,
		.channels = (uint32_t)dims[0],
		.area = (uint32_t)(dims[1] * dims[2]),
		.eps = args[0].f,
		.momentum = args[1].f,
	};
	b->norm.splits = splits_of(&b->norm, run->batch);
	plan->flags = CNN_KEEP_INPUT | CNN_INPLACE_BACKWARD;
	if (!run->training)
		return CNN_OK;
	plan->saved_bytes = 2 * dims[0] * sizeof(double);
	plan->reduce_forward = plan->reduce_backward = 2 * dims[0];
	r = native_bytes(host, 2 * dims[0], b->norm.splits + 1, sizeof(double),
	    &plan->scratch_bytes);
	if (r != CNN_OK)
		native_destroy(b);
	return r;
}

/* --- calls ------------------------------------------------------------------------ */

/* scratch: the microbatch's sums (2,C), followed by those of its parts. */
static double *parts_of(const struct batchnorm2d *b, const struct cnn_call *call)
{
	return (double *)call->scratch + 2 * (size_t)b->norm.channels;
}

static double elements(const struct batchnorm2d *b, uint64_t samples)
{
	return (double)samples * (double)b->norm.area;
}

/* One element per channel has no variance to divide by. */
static int check_total(const struct batchnorm2d *b, uint64_t total)
{
	if (elements(b, total) > 1)
		return CNN_OK;
	return b->native.host->fail(b->native.host, CNN_EDATA,
	    "batchnorm2d: training needs more than one value per channel");
}

static int batchnorm2d_reduce_forward(void *instance, const struct cnn_call *call)
{
	const struct batchnorm2d *b = instance;

	return native_done(b->native.host, "batchnorm2d sums",
	    native_norm_sums(call->queue, b->native.dtype, call->partial, call->in[0],
		parts_of(b, call), &b->norm, call->samples),
	    call->queue);
}

static void combine(void *instance, double *into, uint64_t into_samples,
    const double *from, uint64_t from_samples)
{
	const struct batchnorm2d *b = instance;
	const uint32_t channels = b->norm.channels;
	const double all = (double)(into_samples + from_samples);
	const double share = (double)from_samples / all;
	const double weight = elements(b, into_samples) * share;

	for (uint32_t c = 0; c < channels; c++) {
		const double d = from[c] - into[c];

		into[c] += d * share;
		into[channels + c] += from[channels + c] + d * d * weight;
	}
}

static int batchnorm2d_forward(void *instance, const struct cnn_call *call)
{
	const struct batchnorm2d *b = instance;
	const double *sums = call->training ? call->reduced : NULL;
	int r;

	if (call->training && (r = check_total(b, call->total)) != CNN_OK)
		return r;
	return native_done(b->native.host, "batchnorm2d forward",
	    native_norm_forward(call->queue, b->native.dtype, call->out, call->saved,
		call->in[0], sums, elements(b, call->total),
		(const float *const *)call->params, &b->norm, call->samples),
	    call->queue);
}

static int gradient_sums(const struct batchnorm2d *b, const struct cnn_call *call,
    double *sums)
{
	return native_done(b->native.host, "batchnorm2d gradient sums",
	    native_norm_gradient_sums(call->queue, b->native.dtype, sums, call->in[0],
		call->grad_out, call->saved, parts_of(b, call), &b->norm,
		call->samples),
	    call->queue);
}

static int batchnorm2d_reduce_backward(void *instance, const struct cnn_call *call)
{
	return gradient_sums(instance, call, call->partial);
}

static int batchnorm2d_backward(void *instance, const struct cnn_call *call)
{
	const struct batchnorm2d *b = instance;
	const double *own = call->reduced;
	int r;

	/* If the microbatch is the whole batch, its sums are the batch's. */
	if (call->samples != call->total) {
		own = call->scratch;
		if ((r = gradient_sums(b, call, call->scratch)) != CNN_OK)
			return r;
	}
	return native_done(b->native.host, "batchnorm2d backward",
	    native_norm_backward(call->queue, b->native.dtype, call->grad_in[0],
		call->grad_params[WEIGHT], call->grad_params[BIAS], call->in[0],
		call->grad_out, call->saved, call->reduced, elements(b, call->total),
		own, call->params[WEIGHT], &b->norm, call->samples),
	    call->queue);
}

static int batchnorm2d_update_buffers(void *instance, void *queue,
    const struct cnn_state *state, const double *reduced, uint64_t total,
    void *const *params)
{
	const struct batchnorm2d *b = instance;
	int r;

	if ((r = check_total(b, total)) != CNN_OK)
		return r;
	return native_done(b->native.host, "batchnorm2d update",
	    native_norm_update(queue, params[RUNNING_MEAN], params[RUNNING_VAR], state,
		reduced, elements(b, total), &b->norm),
	    queue);
}

static const struct cnn_kernel kernels[] = {
	NATIVE_KERNEL("batchnorm2d", batchnorm2d, native_cost,
	    .reduce_forward = batchnorm2d_reduce_forward,
	    .reduce_backward = batchnorm2d_reduce_backward,
	    .update_buffers = batchnorm2d_update_buffers, .combine = combine),
};

NATIVE_PLUGIN("norm", CNN_KERNELS(kernels));
