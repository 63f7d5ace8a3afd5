/* linear-kernels.c - the kernels of linear.h for one level. */
#include "linear.h"

#include "simd.h"

/* Inputs that grad_weight and grad_in process at a time, so that their sums fit the
 * registers. */
#if AVX512
#define WEIGHT_INPUTS 8
#define IN_INPUTS 16
#else
#define WEIGHT_INPUTS 4
#define IN_INPUTS 8
#endif

/* LANES samples, transposed; i and o count whole vectors. */
struct linear_room {
	float *in;	      /* [i][n] */
	float *grad, *turned; /* g, [n][o] and [o][n] */
};

static void linear_take(struct linear_room *r, const struct linear *v,
    struct native_room *room)
{
	const size_t outs = v->blocks * LANES;

	r->in = native_take(room, (v->i + LANES) * LANES * sizeof(float));
	r->grad = native_take(room, v->training * LANES * outs * sizeof(float));
	r->turned = native_take(room, v->training * LANES * outs * sizeof(float));
}

static size_t linear_scratch(const struct linear *v)
{
	struct native_room room = { NULL, 0 };
	struct linear_room r;

	linear_take(&r, v, &room);
	return room.used;
}

/* r->in = `count` samples from n on, transposed, with zeros for the remaining lanes. */
NOINLINE void linear_turn(const struct linear_room *r, const struct linear *v,
    const struct cnn_call *c, size_t n, size_t count)
{
	for (size_t i = 0; i < v->i; i += LANES) {
		vec square[LANES];

		for (size_t k = 0; k < LANES; k++)
			square[k] = k < count ?
			    load_some(c->in[0], (n + k) * v->i + i, v->i - i, v->half) :
			    (vec){ 0 };
		transpose(square);
		for (size_t k = 0; k < LANES; k++)
			((vec *)r->in)[i + k] = square[k];
	}
}

/* --- forward ---------------------------------------------------------------------- */

/* Computes s of one block of outputs and all LANES samples. */
NOINLINE void linear_sums(const float *in, const float *weight, size_t inputs, vec bias,
    vec *out)
{
	vec sums[LANES];

	UNROLL
	for (size_t n = 0; n < LANES; n++)
		sums[n] = bias;
	for (size_t i = 0; i < inputs; i++) {
		vec w = ((const vec *)weight)[i];

		UNROLL
		for (size_t n = 0; n < LANES; n++)
			sums[n] += w * splat(in[i * LANES + n]);
	}
	UNROLL
	for (size_t n = 0; n < LANES; n++)
		out[n] = sums[n];
}

/* Stores out of samples n .. n + count - 1 and block b. */
static void linear_put(const struct linear *v, const struct cnn_call *c, size_t n,
    size_t count, size_t b, const vec *sums)
{
	for (size_t k = 0; k < count; k++) {
		vec y = v->relu ? (vec)((ivec)sums[k] & ~(sums[k] <= (vec){ 0 })) :
				  sums[k];

		store_some(c->out, (n + k) * v->o + b * LANES, v->o - b * LANES,
		    v->half, y);
	}
}

static void forward(const struct linear *v, const struct cnn_call *c)
{
	struct native_room room = { c->scratch, 0 };
	struct linear_room r;

	linear_take(&r, v, &room);
	for (size_t n = 0; n < c->samples; n += LANES) {
		size_t count = c->samples - n < LANES ? c->samples - n : LANES;

		linear_turn(&r, v, c, n, count);
		for (size_t b = 0; b < v->blocks; b++) {
			vec sums[LANES];

			linear_sums(r.in,
			    (const float *)c->params[0] + b * v->i * LANES, v->i,
			    v->has_bias ? ((const vec *)c->params[1])[b] : (vec){ 0 },
			    sums);
			linear_put(v, c, n, count, b, sums);
		}
	}
}

/* --- backward --------------------------------------------------------------------- */

/* r->grad = g of samples n .. n + count - 1, with zeros for the remaining lanes. Adds
 * their sums to bias. */
static void linear_mask(const struct linear_room *r, const struct linear *v,
    const struct cnn_call *c, size_t n, size_t count, float *bias)
{
	for (size_t b = 0; b < v->blocks; b++) {
		vec sum = { 0 };

		for (size_t k = 0; k < LANES; k++) {
			size_t at = (n + k) * v->o + b * LANES, left = v->o - b * LANES;
			vec g = { 0 };

			if (k < count)
				g = load_some(c->grad_out, at, left, v->half);
			if (k < count && v->relu) {
				vec y = load_some(c->out, at, left, v->half);

				g = (vec)((ivec)g & ~(y <= (vec){ 0 }));
			}
			((vec *)r->grad)[k * v->blocks + b] = g;
			sum += g;
		}
		if (bias)
			((vec *)bias)[b] += sum;
	}
}

/* weight[count vectors] = or += the products of those inputs and g of one block, over
 * all samples. */
INLINE void linear_grad_weight(vec *weight, const float *in, const vec *grad,
    size_t count, bool add)
{
	vec sums[WEIGHT_INPUTS];

	UNROLL
	for (size_t i = 0; i < count; i++)
		sums[i] = add ? weight[i] : (vec){ 0 };
	UNROLL
	for (size_t n = 0; n < LANES; n++)
		UNROLL
	for (size_t i = 0; i < count; i++)
		sums[i] += grad[n] * splat(in[i * LANES + n]);
	UNROLL
	for (size_t i = 0; i < count; i++)
		weight[i] = sums[i];
}

NOINLINE void linear_block_grad_weight(const struct linear_room *r,
    const struct linear *v, float *weight, size_t block, bool add)
{
	vec grad[LANES];
	size_t i = 0;

	UNROLL
	for (size_t n = 0; n < LANES; n++)
		grad[n] = ((const vec *)r->grad)[n * v->blocks + block];
	for (; i + WEIGHT_INPUTS <= v->i; i += WEIGHT_INPUTS)
		linear_grad_weight((vec *)weight + i, r->in + i * LANES, grad,
		    WEIGHT_INPUTS, add);
	for (; i < v->i; i++)
		linear_grad_weight((vec *)weight + i, r->in + i * LANES, grad, 1, add);
}

/* Computes grad_in of `count` inputs from i on; the lanes are samples. */
INLINE void linear_grad_in(const struct linear_room *r, const struct linear *v,
    const float *weight, size_t i, size_t count, vec *sums)
{
	UNROLL
	for (size_t k = 0; k < count; k++)
		sums[k] = (vec){ 0 };
	for (size_t b = 0; b < v->blocks; b++) {
		const float *w = weight + (b * v->i + i) * LANES;
		const vec *grad = (const vec *)r->turned + b * LANES;

		for (size_t o = 0; o < LANES; o++)
			UNROLL
		for (size_t k = 0; k < count; k++)
			sums[k] += grad[o] * splat(w[k * LANES + o]);
	}
}

NOINLINE void linear_all_grad_in(const struct linear_room *r, const struct linear *v,
    const struct cnn_call *c, size_t n, size_t count)
{
	for (size_t b = 0; b < v->blocks; b++) {
		vec square[LANES];

		for (size_t k = 0; k < LANES; k++)
			square[k] = ((const vec *)r->grad)[k * v->blocks + b];
		transpose(square);
		for (size_t o = 0; o < LANES; o++)
			((vec *)r->turned)[b * LANES + o] = square[o];
	}
	for (size_t i = 0; i < v->i; i += LANES) {
		vec square[LANES];

		if (v->i - i >= LANES) {
			UNROLL
			for (size_t k = 0; k < LANES; k += IN_INPUTS)
				linear_grad_in(r, v, c->params[0], i + k, IN_INPUTS,
				    square + k);
		} else {
			for (size_t k = 0; k < LANES; k++)
				square[k] = (vec){ 0 };
			for (size_t k = 0; k < v->i - i; k++)
				linear_grad_in(r, v, c->params[0], i + k, 1,
				    square + k);
		}
		transpose(square);
		for (size_t k = 0; k < count; k++)
			store_some(c->grad_in[0], (n + k) * v->i + i, v->i - i, v->half,
			    square[k]);
	}
}

static void backward(const struct linear *v, const struct cnn_call *c)
{
	struct native_room room = { c->scratch, 0 };
	float *bias = v->has_bias ? c->grad_params[1] : NULL;
	struct linear_room r;

	linear_take(&r, v, &room);
	if (bias)
		native_clear(bias, v->blocks * LANES * sizeof *bias);
	for (size_t n = 0; n < c->samples; n += LANES) {
		size_t count = c->samples - n < LANES ? c->samples - n : LANES;

		linear_turn(&r, v, c, n, count);
		linear_mask(&r, v, c, n, count, bias);
		for (size_t b = 0; b < v->blocks; b++)
			linear_block_grad_weight(&r, v,
			    (float *)c->grad_params[0] + b * v->i * LANES, b, n > 0);
		if (c->grad_in[0])
			linear_all_grad_in(&r, v, c, n, count);
	}
}

const struct linear_kernels LEVEL_NAME(linear_kernels) = {
	LANES,
	linear_scratch,
	forward,
	backward,
};
