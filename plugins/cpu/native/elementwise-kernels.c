/* elementwise-kernels.c - the kernels of elementwise.h for one level. */
#include "elementwise.h"

#include "simd.h"

/* out[at ...] = the sum of `inputs` vectors; only `left` elements remain there. */
INLINE void add_vector(const struct cnn_call *c, uint32_t inputs, size_t at,
    size_t left, bool half, bool relu)
{
	vec y = load_some(c->in[0], at, left, half);

	for (uint32_t k = 1; k < inputs; k++)
		y += load_some(c->in[k], at, left, half);
	store_some(c->out, at, left, half, relu ? above_zero(y) : y);
}

INLINE void add_all(const struct add *v, const struct cnn_call *c, uint32_t inputs,
    bool half, bool relu)
{
	const size_t n = v->count * c->samples;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		add_vector(c, inputs, i, LANES, half, relu);
	if (i < n)
		add_vector(c, inputs, i, n - i, half, relu);
}

NOINLINE void add_forward(const struct add *v, const struct cnn_call *c)
{
	if (v->inputs != 2)
		add_all(v, c, v->inputs, v->half, v->relu);
	else if (v->half && v->relu)
		add_all(v, c, 2, true, true);
	else if (v->half)
		add_all(v, c, 2, true, false);
	else if (v->relu)
		add_all(v, c, 2, false, true);
	else
		add_all(v, c, 2, false, false);
}

INLINE void mask_all(const struct add *v, const struct cnn_call *c, void *grad_in,
    bool half)
{
	const size_t n = v->count * c->samples;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		store_some(grad_in, i, LANES, half,
		    where_above(load_some(c->out, i, LANES, half),
			load_some(c->grad_out, i, LANES, half)));
	if (i < n)
		store_some(grad_in, i, n - i, half,
		    where_above(load_some(c->out, i, n - i, half),
			load_some(c->grad_out, i, n - i, half)));
}

/* The inputs with a gradient get the same: all but the first are copies. */
NOINLINE void add_backward(const struct add *v, const struct cnn_call *c)
{
	const size_t bytes = v->count * c->samples * (v->half ? 2 : 4);
	const void *from = c->grad_out;
	bool masked = !v->relu;

	for (uint32_t k = 0; k < v->inputs; k++) {
		void *to = c->grad_in[k];

		if (!to)
			continue;
		if (!masked && v->half)
			mask_all(v, c, to, true);
		else if (!masked)
			mask_all(v, c, to, false);
		else if (to != from)
			memcpy(to, from, bytes);
		masked = true;
		from = to;
	}
}

const struct add_kernels LEVEL_NAME(add_kernels) = { add_forward, add_backward };
