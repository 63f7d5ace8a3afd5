/* pool.c - maxpool2d, avgpool2d. */
#include "ref.h"
#include <string.h>

/* in (C,H,W), out (C,OH,OW). */
struct pool {
	struct ref ref;
	size_t c, h, w, oh, ow;
	size_t kernel[2], stride[2], padding[2];
};

/* A window clipped to the image: rows y0 .. y1 - 1, columns x0 .. x1 - 1. */
struct pool_window {
	size_t y0, y1, x0, x1;
};

static void pool_read(struct pool *p, const struct cnn_run *run)
{
	enum { KERNEL, STRIDE, PADDING };
	const struct cnn_arg_value *a = run->nodes[0].args;
	const struct cnn_arg_value *stride = &a[STRIDE];
	const size_t *in = run->inputs[0].shape.dims, *out = run->output.dims;

	p->c = in[0], p->h = in[1], p->w = in[2], p->oh = out[1], p->ow = out[2];
	p->kernel[0] = (size_t)a[KERNEL].i, p->kernel[1] = (size_t)a[KERNEL].j;
	p->stride[0] = (size_t)stride->i, p->stride[1] = (size_t)stride->j;
	p->padding[0] = (size_t)a[PADDING].i, p->padding[1] = (size_t)a[PADDING].j;
}

static void pool_clip(size_t place, size_t stride, size_t padding, size_t kernel,
    size_t size, size_t *begin, size_t *end)
{
	size_t padded = place * stride; /* begin + padding */

	*begin = padded > padding ? padded - padding : 0;
	*end = padded + kernel > padding ? padded + kernel - padding : 0;
	if (*end > size)
		*end = size;
}

static struct pool_window pool_at(const struct pool *p, size_t y, size_t x)
{
	struct pool_window w;

	pool_clip(y, p->stride[0], p->padding[0], p->kernel[0], p->h, &w.y0, &w.y1);
	pool_clip(x, p->stride[1], p->padding[1], p->kernel[1], p->w, &w.x0, &w.x1);
	return w;
}

/* maxpool2d: out[c][y][x] = max of in[c] over the window at (y, x).
 * in (C,H,W), out (C,OH,OW). The first of equal elements wins; a NaN wins over all.
 * saved: for each output, the winner's index in its plane of in. Backward adds the
 * gradient there.
 */
static int maxpool2d_plan(struct ref *r, const struct cnn_run *run, struct cnn_plan *p)
{
	pool_read((struct pool *)r, run);
	if (!run->training)
		return CNN_OK;
	return ref_bytes(r, r->out, run->batch, sizeof(uint32_t), &p->saved_bytes);
}

static size_t winner(const real *plane, size_t width, struct pool_window w)
{
	size_t best = w.y0 * width + w.x0;

	for (size_t y = w.y0; y < w.y1; y++)
		for (size_t x = w.x0; x < w.x1; x++) {
			real v = plane[y * width + x];

			if (v > plane[best] || v != v)
				best = y * width + x;
		}
	return best;
}

static int maxpool2d_forward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;
	const size_t planes = call->samples * p->c;
	const real *in = call->in[0];
	real *out = call->out;
	uint32_t *saved = call->training ? call->saved : NULL;

	for (size_t k = 0; k < planes; k++, in += p->h * p->w)
		for (size_t y = 0; y < p->oh; y++)
			for (size_t x = 0; x < p->ow; x++) {
				size_t best = winner(in, p->w, pool_at(p, y, x));

				*out++ = in[best];
				if (saved)
					*saved++ = (uint32_t)best;
			}
	return CNN_OK;
}

static int maxpool2d_backward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;
	const size_t planes = call->samples * p->c, area = p->oh * p->ow;
	const uint32_t *saved = call->saved;
	const real *grad_out = call->grad_out;
	real *grad_in = call->grad_in[0];

	if (!grad_in)
		return CNN_OK;
	memset(grad_in, 0, planes * p->h * p->w * sizeof(real));
	for (size_t k = 0; k < planes; k++, grad_in += p->h * p->w)
		for (size_t i = 0; i < area; i++)
			grad_in[*saved++] += *grad_out++;
	return CNN_OK;
}

static const struct ref_layer maxpool2d = {
	.instance_size = sizeof(struct pool),
	.forward_ns = 4,
	.backward_ns = 0.6,
	.plan = maxpool2d_plan,
	.forward = maxpool2d_forward,
	.backward = maxpool2d_backward,
};

/* avgpool2d: out[c][y][x] = sum of in[c] over the window at (y, x) / (KH KW).
 * in (C,H,W), out (C,OH,OW). Padding counts as zeros.
 */
static int avgpool2d_plan(struct ref *r, const struct cnn_run *run, struct cnn_plan *p)
{
	(void)p;
	pool_read((struct pool *)r, run);
	return CNN_OK;
}

static int avgpool2d_forward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;
	const size_t planes = call->samples * p->c;
	const real size = (real)(p->kernel[0] * p->kernel[1]);
	const real *in = call->in[0];
	real *out = call->out;

	for (size_t k = 0; k < planes; k++, in += p->h * p->w)
		for (size_t y = 0; y < p->oh; y++)
			for (size_t x = 0; x < p->ow; x++) {
				const struct pool_window w = pool_at(p, y, x);
				real sum = 0;

				for (size_t i = w.y0; i < w.y1; i++)
					for (size_t j = w.x0; j < w.x1; j++)
						sum += in[i * p->w + j];
				*out++ = sum / size;
			}
	return CNN_OK;
}

static int avgpool2d_backward(void *instance, const struct cnn_call *call)
{
	const struct pool *p = instance;
	const size_t planes = call->samples * p->c;
	const real size = (real)(p->kernel[0] * p->kernel[1]);
	const real *grad_out = call->grad_out;
	real *grad_in = call->grad_in[0];

	if (!grad_in)
		return CNN_OK;
	memset(grad_in, 0, planes * p->h * p->w * sizeof(real));
	for (size_t k = 0; k < planes; k++, grad_in += p->h * p->w)
		for (size_t y = 0; y < p->oh; y++)
			for (size_t x = 0; x < p->ow; x++) {
				const struct pool_window w = pool_at(p, y, x);
				const real share = *grad_out++ / size;

				for (size_t i = w.y0; i < w.y1; i++)
					for (size_t j = w.x0; j < w.x1; j++)
						grad_in[i * p->w + j] += share;
			}
	return CNN_OK;
}

static const struct ref_layer avgpool2d = {
	.instance_size = sizeof(struct pool),
	.forward_ns = 1.4,
	.backward_ns = 2,
	.plan = avgpool2d_plan,
	.forward = avgpool2d_forward,
	.backward = avgpool2d_backward,
};

static const struct cnn_kernel kernels[] = {
	REF_KERNEL("maxpool2d", maxpool2d),
	REF_KERNEL("avgpool2d", avgpool2d),
};

REF_PLUGIN("pool", CNN_KERNELS(kernels));
