/* avgpool2d: out[c][y][x] = sum of in[c] over the window at (y, x) / (KH KW).
 * in (C,H,W), out (C,OH,OW). Padding counts as zeros.
 */
#include "pool.h"
#include <string.h>

static int plan(struct ref *r, const struct cnn_run *run, struct cnn_plan *p)
{
	(void)p;
	pool_read((struct pool *)r, run);
	return CNN_OK;
}

static int forward(void *instance, const struct cnn_call *call)
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

static int backward(void *instance, const struct cnn_call *call)
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

static const struct ref_layer layer = {
	.instance_size = sizeof(struct pool),
	.plan = plan, .forward = forward, .backward = backward,
};

REF_PLUGIN("avgpool2d", layer);
