/* norm-kernels.c - the kernels of norm.h for one level. */
#include "norm.h"

#include "simd.h"

#include <float.h>
#include <math.h>

/* Pixels of a block whose sums are made in float. They fit the L1 cache. */
#define PIECE 256

/* Pixels that are summed at a time, each to sums of its own. */
#define WAYS 4

/* Part of a block: `pixels` of each of `samples` samples that lie `apart` elements
 * apart, from element `first` of in and grad_out on. */
struct piece {
	size_t first, apart, samples, pixels;
};

/* Sums of LANES channels. */
struct lane_sums {
	double a[LANES], b[LANES];
};

/* Calls that a microbatch's block is cut into pieces for: of many small images or of
 * part of a large one. */
typedef void use_piece(const struct norm *, const struct cnn_call *,
    const struct piece *, void *context);

INLINE void each_piece(const struct norm *v, const struct cnn_call *c, size_t block,
    use_piece *use, void *context)
{
	const size_t many = v->area < PIECE ? PIECE / v->area : 1;
	const size_t image = v->blocks * v->area * LANES;

	for (size_t s = 0; s < c->samples; s += many)
		for (size_t p = 0; p < v->area; p += PIECE) {
			const size_t left = c->samples - s, rest = v->area - p;
			const struct piece piece = {
				.first = s * image + (block * v->area + p) * LANES,
				.apart = image,
				.samples = left < many ? left : many,
				.pixels = rest < PIECE ? rest : PIECE,
			};

			use(v, c, &piece, context);
		}
}

INLINE const void *at(const void *x, size_t element, bool half)
{
	return half ? (const void *)((const uint16_t *)x + element) :
		      (const void *)((const float *)x + element);
}

/* The number of channels of a block. */
static size_t block_channels(const struct norm *v, size_t block)
{
	const size_t left = v->c - block * LANES;

	return left < LANES ? left : LANES;
}

static void put_lanes(const struct norm *v, size_t block, const double *lanes,
    double *to)
{
	memcpy(to + block * LANES, lanes, block_channels(v, block) * sizeof *to);
}

/* --- mean and m2 ------------------------------------------------------------------ */

/* *sum and *square = the sums of in - shift and of its square. */
INLINE void sum_piece(const void *in, const struct piece *p, vec shift, vec *sum,
    vec *square, bool half)
{
	vec a[WAYS] = { { 0 } }, b[WAYS] = { { 0 } };

	for (size_t s = 0; s < p->samples; s++) {
		const void *x = at(in, p->first + s * p->apart, half);
		size_t i = 0;

		for (; i + WAYS <= p->pixels; i += WAYS) {
			UNROLL
			for (size_t k = 0; k < WAYS; k++) {
				vec d = load(x, i + k, half) - shift;

				a[k] += d;
				b[k] += d * d;
			}
		}
		for (; i < p->pixels; i++) {
			vec d = load(x, i, half) - shift;

			a[0] += d;
			b[0] += d * d;
		}
	}
	*sum = (a[0] + a[1]) + (a[2] + a[3]);
	*square = (b[0] + b[1]) + (b[2] + b[3]);
}

/* The number of elements so far, their mean and m2. */
struct moments {
	double n, mean[LANES], m2[LANES];
};

static void add_moments(struct moments *m, double n, const double *mean,
    const double *m2)
{
	const double share = n / (m->n + n), weight = m->n * share;

	for (size_t i = 0; i < LANES; i++) {
		const double d = mean[i] - m->mean[i];

		m->mean[i] += d * share;
		m->m2[i] += m2[i] + d * d * weight;
	}
	m->n += n;
}

/* In double: of numbers whose sums are not finite in float. */
NOINLINE void moments_in_double(const struct norm *v, const void *in,
    const struct piece *p, double *mean, double *m2)
{
	const double n = (double)(p->samples * p->pixels);

	for (size_t lane = 0; lane < LANES; lane++) {
		mean[lane] = m2[lane] = 0;
		for (int pass = 0; pass < 2; pass++) {
			for (size_t i = 0; i < p->samples * p->pixels; i++) {
				const size_t k = p->first + i / p->pixels * p->apart +
				    i % p->pixels * LANES + lane;
				const double x = v->half ?
				    from_half(((const uint16_t *)in)[k]) :
				    ((const float *)in)[k];

				if (pass == 0)
					mean[lane] += x;
				else
					m2[lane] += (x - mean[lane]) * (x - mean[lane]);
			}
			if (pass == 0)
				mean[lane] /= n;
		}
	}
}

INLINE void piece_moments(const struct norm *v, const struct cnn_call *c,
    const struct piece *p, struct moments *m, bool half)
{
	const float n = (float)(p->samples * p->pixels);
	double mean[LANES], m2[LANES];
	vec shift, sum, square;
	bool finite = true;

	sum_piece(c->in[0], p, (vec){ 0 }, &sum, &square, half);
	shift = sum / n;
	sum_piece(c->in[0], p, shift, &sum, &square, half);
	for (size_t i = 0; i < LANES; i++) {
		const double d = (double)sum[i] / n;

		finite &= fabsf(square[i]) <= FLT_MAX;
		mean[i] = (double)shift[i] + d;
		m2[i] = (double)square[i] - (double)sum[i] * d;
		m2[i] = m2[i] < 0 ? 0 : m2[i];
	}
	if (!finite)
		moments_in_double(v, c->in[0], p, mean, m2);
	add_moments(m, n, mean, m2);
}

static void piece_moments_float(const struct norm *v, const struct cnn_call *c,
    const struct piece *p, void *m)
{
	piece_moments(v, c, p, m, false);
}

static void piece_moments_half(const struct norm *v, const struct cnn_call *c,
    const struct piece *p, void *m)
{
	piece_moments(v, c, p, m, true);
}

static void norm_reduce_forward(const struct norm *v, const struct cnn_call *c)
{
	for (size_t b = 0; b < v->blocks; b++) {
		struct moments m = { 0 };

		each_piece(v, c, b, v->half ? piece_moments_half : piece_moments_float,
		    &m);
		put_lanes(v, b, m.mean, c->partial);
		put_lanes(v, b, m.m2, c->partial + v->c);
	}
}

/* --- the constants of a block's channels ------------------------------------------ */

/* y = (in - high) factor + term, where mean = high + low and factor = scale * weight.
 * The lanes that pad the block have zeros. */
struct channels {
	vec high, factor, term;
	double low[LANES], scale[LANES];
};

static void set_channels(const struct norm *v, const struct cnn_call *c, size_t block,
    struct channels *k)
{
	const float *const *params = (const float *const *)c->params;
	const double *saved = c->saved;

	memset(k, 0, sizeof *k);
	for (size_t i = 0; i < block_channels(v, block); i++) {
		const size_t ch = block * LANES + i;
		const double mean = c->training ? saved[ch] : params[NORM_MEAN][ch];
		const double scale = c->training ? saved[v->c + ch] :
						   norm_scale(v, params[NORM_VAR][ch]);
		const double factor = scale * params[NORM_WEIGHT][ch];
		const float high = (float)mean;

		k->low[i] = isfinite(high) ? mean - high : 0;
		k->scale[i] = scale;
		k->high[i] = high;
		k->factor[i] = (float)factor;
		k->term[i] = (float)(params[NORM_BIAS][ch] - k->low[i] * factor);
	}
}

/* --- forward ---------------------------------------------------------------------- */

INLINE void forward_block(const struct norm *v, const struct cnn_call *c, size_t block,
    bool half, bool relu)
{
	struct channels k;

	set_channels(v, c, block, &k);
	for (size_t s = 0; s < c->samples; s++) {
		const size_t first = (s * v->blocks + block) * v->area * LANES;
		const void *x = at(c->in[0], first, half);
		void *out = (void *)at(c->out, first, half);

		for (size_t i = 0; i < v->area; i++) {
			vec y = (load(x, i, half) - k.high) * k.factor + k.term;

			store(out, i, half, relu ? above_zero(y) : y);
		}
	}
}

static void norm_forward(const struct norm *v, const struct cnn_call *c)
{
	for (size_t b = 0; b < v->blocks; b++)
		if (v->half && v->relu)
			forward_block(v, c, b, true, true);
		else if (v->half)
			forward_block(v, c, b, true, false);
		else if (v->relu)
			forward_block(v, c, b, false, true);
		else
			forward_block(v, c, b, false, false);
}

/* --- backward --------------------------------------------------------------------- */

/* Loads g and in - high of pixel i. */
INLINE void load_gradient(const struct channels *k, const void *x, const void *grad,
    size_t i, vec *g, vec *d, bool half, bool relu)
{
	*g = load(grad, i, half);
	*d = load(x, i, half) - k->high;
	if (relu)
		*g = where_above(*d * k->factor + k->term, *g);
}

struct gradient_sums {
	struct channels k;
	double g[LANES], product[LANES]; /* of g, and of g (in - high) */
};

INLINE void sum_gradients(const struct cnn_call *c, const struct piece *p,
    struct gradient_sums *to, bool half, bool relu)
{
	vec a[WAYS] = { { 0 } }, b[WAYS] = { { 0 } }, g, d;

	for (size_t s = 0; s < p->samples; s++) {
		const size_t first = p->first + s * p->apart;
		const void *x = at(c->in[0], first, half);
		const void *grad = at(c->grad_out, first, half);
		size_t i = 0;

		for (; i + WAYS <= p->pixels; i += WAYS) {
			UNROLL
			for (size_t w = 0; w < WAYS; w++) {
				load_gradient(&to->k, x, grad, i + w, &g, &d, half,
				    relu);
				a[w] += g;
				b[w] += g * d;
			}
		}
		for (; i < p->pixels; i++) {
			load_gradient(&to->k, x, grad, i, &g, &d, half, relu);
			a[0] += g;
			b[0] += g * d;
		}
	}
	a[0] = (a[0] + a[1]) + (a[2] + a[3]);
	b[0] = (b[0] + b[1]) + (b[2] + b[3]);
	for (size_t i = 0; i < LANES; i++) {
		to->g[i] += (double)a[0][i];
		to->product[i] += (double)b[0][i];
	}
}

#define SUM_GRADIENTS(NAME, HALF, RELU) \
	static void NAME(const struct norm *v, const struct cnn_call *c, \
	    const struct piece *p, void *to) \
	{ \
		(void)v; \
		sum_gradients(c, p, to, HALF, RELU); \
	}

SUM_GRADIENTS(sum_float, false, false)
SUM_GRADIENTS(sum_float_relu, false, true)
SUM_GRADIENTS(sum_half, true, false)
SUM_GRADIENTS(sum_half_relu, true, true)

static void norm_reduce_backward(const struct norm *v, const struct cnn_call *c)
{
	static use_piece *const uses[2][2] = {
		{ sum_float, sum_float_relu },
		{ sum_half, sum_half_relu },
	};

	for (size_t b = 0; b < v->blocks; b++) {
		struct gradient_sums s;

		memset(&s, 0, sizeof s);
		set_channels(v, c, b, &s.k);
		each_piece(v, c, b, uses[v->half][v->relu], &s);
		for (size_t i = 0; i < LANES; i++)
			s.product[i] = s.k.scale[i] *
			    (s.product[i] - s.k.low[i] * s.g[i]);
		put_lanes(v, b, s.g, c->partial);
		put_lanes(v, b, s.product, c->partial + v->c);
	}
}

/* grad_in = g factor - (in - high) in_factor - rest */
INLINE void backward_block(const struct norm *v, const struct cnn_call *c, size_t block,
    bool half, bool relu)
{
	const double n = (double)c->total * (double)v->area;
	vec in_factor = { 0 }, rest = { 0 }, g, d;
	struct channels k;

	set_channels(v, c, block, &k);
	for (size_t i = 0; i < block_channels(v, block); i++) {
		const size_t ch = block * LANES + i;
		const double factor = k.scale[i] *
		    ((const float *)c->params[NORM_WEIGHT])[ch];
		const double by_in = factor * k.scale[i] * (c->reduced[v->c + ch] / n);

		in_factor[i] = (float)by_in;
		rest[i] = (float)(factor * (c->reduced[ch] / n) - k.low[i] * by_in);
	}
	for (size_t s = 0; s < c->samples; s++) {
		const size_t first = (s * v->blocks + block) * v->area * LANES;
		const void *x = at(c->in[0], first, half);
		const void *grad = at(c->grad_out, first, half);
		void *out = (void *)at(c->grad_in[0], first, half);

		for (size_t i = 0; i < v->area; i++) {
			load_gradient(&k, x, grad, i, &g, &d, half, relu);
			store(out, i, half, g * k.factor - d * in_factor - rest);
		}
	}
}

static void norm_backward(const struct norm *v, const struct cnn_call *c)
{
	for (size_t b = 0; b < v->blocks; b++)
		if (v->half && v->relu)
			backward_block(v, c, b, true, true);
		else if (v->half)
			backward_block(v, c, b, true, false);
		else if (v->relu)
			backward_block(v, c, b, false, true);
		else
			backward_block(v, c, b, false, false);
}

const struct norm_kernels LEVEL_NAME(norm_kernels) = {
	LANES,
	norm_reduce_forward,
	norm_forward,
	norm_reduce_backward,
	norm_backward,
};
