/* maxpool2d: out[c][y][x] = max of in[c] over the window at (y, x).
 * in (C,H,W), out (C,OH,OW). The first of equal elements wins; a NaN wins over all.
 * saved: for each output, the winner's index in its plane of in. Backward adds the
 * gradient there.
 */
#include "pool.h"
#include <string.h>

static int plan(struct ref *r, const struct cnn_run *run, struct cnn_plan *p)
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

static int forward(void *instance, const struct cnn_call *call)
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

static int backward(void *instance, const struct cnn_call *call)
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

static const struct ref_layer layer = {
	.instance_size = sizeof(struct pool),
	.plan = plan, .forward = forward, .backward = backward,
};

REF_PLUGIN("maxpool2d", layer);
