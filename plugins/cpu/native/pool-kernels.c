/* pool-kernels.c - the kernels of pool.h for one level. */
#include "pool.h"

#include "simd.h"

/* The part of a window that is within the image: its rows top .. bottom - 1 and columns
 * left .. right - 1. `at` is the pixel of its place (0, 0); it may be before the image,
 * and wraps around then. */
struct window {
	size_t top, bottom, left, right, at;
};

INLINE void clip(size_t place, size_t stride, size_t padding, size_t kernel,
    size_t size, size_t *first, size_t *end)
{
	const size_t padded = place * stride, last = size + padding - padded;

	*first = padded < padding ? padding - padded : 0;
	*end = kernel < last ? kernel : last;
}

INLINE struct window window_at(const struct pool *v, size_t y, size_t x)
{
	struct window window = {
		.at = (y * v->sy - v->py) * v->w + x * v->sx - v->px,
	};

	clip(y, v->sy, v->py, v->kh, v->h, &window.top, &window.bottom);
	clip(x, v->sx, v->px, v->kw, v->w, &window.left, &window.right);
	return window;
}

/* The largest of a plane's window, and the winner's code. */
INLINE vec largest(const struct pool *v, const void *in, size_t plane,
    const struct window *window, bool half, ivec *winner)
{
	const size_t first = window->top * v->w + window->left;
	vec best = load(in, plane + window->at + first, half);

	*winner = (ivec){ 0 } + (int32_t)(window->top * v->kw + window->left);
	for (size_t i = window->top; i < window->bottom; i++)
		for (size_t j = window->left; j < window->right; j++) {
			const vec x = load(in, plane + window->at + i * v->w + j, half);
			const ivec wins = (x > best) | is_nan(x);

			best = choose(wins, x, best);
			*winner = (*winner & ~wins) | (wins & (int32_t)(i * v->kw + j));
		}
	return best;
}

/* Pools a plane. Stores the winners' codes at `codes`, if that is not NULL. */
INLINE void max_plane(const struct pool *v, const struct cnn_call *c, size_t plane,
    void *codes, bool half)
{
	const size_t from = plane * v->h * v->w, to = plane * v->oh * v->ow;

	for (size_t i = 0; i < v->oh * v->ow; i++) {
		const struct window window = window_at(v, i / v->ow, i % v->ow);
		ivec winner;
		vec best = largest(v, c->in[0], from, &window, half, &winner);

		if (v->relu) {
			winner |= best <= (vec){ 0 };
			best = above_zero(best);
		}
		store(c->out, to + i, half, best);
		if (codes && pool_has_bytes(v))
			store_codes((int8_t *)codes + i * LANES, winner);
		else if (codes)
			((ivec *)codes)[i] = winner;
	}
}

INLINE void mean_plane(const struct pool *v, const struct cnn_call *c, size_t plane,
    bool half)
{
	const size_t from = plane * v->h * v->w, to = plane * v->oh * v->ow;
	const float share = 1 / (float)(v->kh * v->kw);

	for (size_t i = 0; i < v->oh * v->ow; i++) {
		const struct window window = window_at(v, i / v->ow, i % v->ow);
		vec sum = { 0 };

		for (size_t y = window.top; y < window.bottom; y++)
			for (size_t x = window.left; x < window.right; x++)
				sum += load(c->in[0], from + window.at + y * v->w + x,
				    half);
		store(c->out, to + i, half, sum * share);
	}
}

/* Bytes of a plane's codes. */
static size_t code_bytes(const struct pool *v)
{
	return v->oh * v->ow * LANES * (pool_has_bytes(v) ? 1 : sizeof(int32_t));
}

INLINE void forward_planes(const struct pool *v, const struct cnn_call *c, bool half)
{
	for (size_t p = 0; p < c->samples * v->blocks; p++)
		if (!v->max)
			mean_plane(v, c, p, half);
		else if (c->training)
			max_plane(v, c, p, (char *)c->saved + p * code_bytes(v), half);
		else
			max_plane(v, c, p, NULL, half);
}

static void pool_forward(const struct pool *v, const struct cnn_call *c)
{
	if (v->half)
		forward_planes(v, c, true);
	else
		forward_planes(v, c, false);
}

/* What a gradient gives to place (y, x) of its window. */
INLINE vec part_of(const struct pool *v, vec g, ivec code, size_t y, size_t x)
{
	if (!v->max)
		return g * (1 / (float)(v->kh * v->kw));
	return (vec)((ivec)g & (code == (int32_t)(y * v->kw + x)));
}

INLINE ivec code_at(const struct pool *v, const void *codes, size_t i)
{
	if (!v->max)
		return (ivec){ 0 };
	return pool_has_bytes(v) ? load_codes((const int8_t *)codes + i * LANES) :
				   ((const ivec *)codes)[i];
}

/* grad_in of a plane if no element is in two windows. */
INLINE void place_plane(const struct pool *v, const struct cnn_call *c, size_t plane,
    const void *codes, bool half)
{
	const size_t from = plane * v->oh * v->ow, to = plane * v->h * v->w;

	if (v->oh * v->kh < v->h || v->ow * v->kw < v->w)
		memset((char *)c->grad_in[0] + to * sizeof(vec) / (half ? 2 : 1), 0,
		    v->h * v->w * sizeof(vec) / (half ? 2 : 1));
	/* Row by row of grad_in. */
	for (size_t r = 0; r < v->oh * v->kh; r++)
		for (size_t i = 0; i < v->ow; i++) {
			const size_t window = r / v->kh * v->ow + i;
			const vec g = load(c->grad_out, from + window, half);
			const ivec code = code_at(v, codes, window);

			for (size_t x = 0; x < v->kw; x++)
				store(c->grad_in[0], to + r * v->w + i * v->kw + x,
				    half, part_of(v, g, code, r % v->kh, x));
		}
}

/* grad [h][w] += what the plane's windows give. */
INLINE void spread_plane(const struct pool *v, const struct cnn_call *c, size_t plane,
    const void *codes, vec *grad, bool half)
{
	const size_t from = plane * v->oh * v->ow;

	for (size_t i = 0; i < v->oh * v->ow; i++) {
		const struct window window = window_at(v, i / v->ow, i % v->ow);
		const vec g = load(c->grad_out, from + i, half);
		const ivec code = code_at(v, codes, i);

		for (size_t y = window.top; y < window.bottom; y++)
			for (size_t x = window.left; x < window.right; x++)
				grad[window.at + y * v->w + x] +=
				    part_of(v, g, code, y, x);
	}
}

INLINE void backward_planes(const struct pool *v, const struct cnn_call *c, bool half)
{
	const bool apart = v->kh == v->sy && v->kw == v->sx && v->py == 0 && v->px == 0;
	const size_t area = v->h * v->w;

	for (size_t p = 0; p < c->samples * v->blocks; p++) {
		const void *codes =
		    v->max ? (const char *)c->saved + p * code_bytes(v) : NULL;
		vec *grad = half ? c->scratch : (vec *)c->grad_in[0] + p * area;

		if (apart) {
			place_plane(v, c, p, codes, half);
			continue;
		}
		memset(grad, 0, area * sizeof *grad);
		spread_plane(v, c, p, codes, grad, half);
		for (size_t i = 0; half && i < area; i++)
			store(c->grad_in[0], p * area + i, true, grad[i]);
	}
}

static void pool_backward(const struct pool *v, const struct cnn_call *c)
{
	if (!c->grad_in[0])
		return;
	if (v->half)
		backward_planes(v, c, true);
	else
		backward_planes(v, c, false);
}

const struct pool_kernels LEVEL_NAME(pool_kernels) = {
	LANES,
	pool_forward,
	pool_backward,
};
