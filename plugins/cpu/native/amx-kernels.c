/* amx-kernels.c - the kernels of amx.h. */
#include "amx.h"

#include "simd.h"

#include "tiles.h"

/* Pixels that are computed together, in two tiles; and channels of a pixel of A. */
#define STEP 32
#define PAIR 32

#define BLOCK (LANES * LANES)

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static size_t most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* --- one convolution -------------------------------------------------------------- */

/* Out of in, or grad_in of the gradient of s. */
struct pass {
	const struct amx *v;
	const uint16_t *in, *mask; /* in counts where mask, if any, is above 0 */
	uint16_t *out;
	const uint16_t *b;
	const float *bias; /* may be NULL */
	size_t h, w, py, px, in_blocks;
	size_t oh, ow, out_blocks;
	bool relu;
};

static size_t row_of(const struct pass *p)
{
	return p->w + 2 * p->px;
}

/* Pixels of out, counted as in amx.h, in whole steps. */
static size_t pixels_of(const struct pass *p)
{
	return round_up(p->oh * row_of(p), STEP);
}

/* From an output's pixel to that of its tap k. */
static size_t shift_of(const struct pass *p, size_t k)
{
	const struct amx *v = p->v;

	return k / v->kw * v->dy * row_of(p) + k % v->kw * v->dx;
}

/* Pixels of the padded input, with room for a row's last vector. */
static size_t area_of(const struct pass *p)
{
	return round_up(pixels_of(p) + shift_of(p, p->v->taps - 1) + LANES, STEP);
}

static size_t pairs_of(size_t blocks)
{
	return (blocks + 1) / 2;
}

static struct pass forward_pass(const struct amx *v, const struct cnn_call *c)
{
	return (struct pass){
		.v = v,
		.in = c ? c->in[0] : NULL,
		.out = c ? c->out : NULL,
		.b = c ? c->packed : NULL,
		.bias = c && v->has_bias ? c->params[1] : NULL,
		.h = v->h,
		.w = v->w,
		.py = v->py,
		.px = v->px,
		.in_blocks = v->in_blocks,
		.oh = v->oh,
		.ow = v->ow,
		.out_blocks = v->out_blocks,
		.relu = v->relu,
	};
}

static struct pass backward_pass(const struct amx *v, const struct cnn_call *c)
{
	return (struct pass){
		.v = v,
		.in = c ? c->grad_out : NULL,
		.mask = c && v->relu ? c->out : NULL,
		.out = c ? c->grad_in[0] : NULL,
		.b = c ? (const uint16_t *)c->packed + v->packed_out : NULL,
		.h = v->oh,
		.w = v->ow,
		.py = (v->kh - 1) * v->dy - v->py,
		.px = (v->kw - 1) * v->dx - v->px,
		.in_blocks = v->out_blocks,
		.oh = v->h,
		.ow = v->w,
		.out_blocks = v->in_blocks,
	};
}

/* Pixel `at` of in, or 0 where the mask is. */
INLINE vec masked(const struct pass *p, size_t at)
{
	const vec value = load_half(p->in + at * LANES);

	return p->mask ? where_above(load_half(p->mask + at * LANES), value) : value;
}

/* Copies sample n to x [pairs of blocks][area][PAIR]. The padding keeps its zeros. */
static void copy_padded(const struct pass *p, size_t n, uint16_t *x)
{
	const size_t row = row_of(p), area = area_of(p);

	for (size_t b = 0; b < p->in_blocks; b++)
		for (size_t y = 0; y < p->h; y++) {
			const size_t from = ((n * p->in_blocks + b) * p->h + y) * p->w;
			uint16_t *to = x + b % 2 * LANES +
			    (b / 2 * area + (y + p->py) * row + p->px) * PAIR;

			for (size_t i = 0; i < p->w; i++)
				store_half(masked(p, from + i), to + i * PAIR);
		}
}

/* sums [blocks][STEP][LANES] of the pixels from q on. b is that of the first block. */
INLINE void sum_step(const struct pass *p, const uint16_t *x, size_t q,
    const uint16_t *b, size_t blocks, float *sums)
{
	const size_t taps = p->v->taps, area = area_of(p);
	const size_t pairs = pairs_of(p->in_blocks);
	const uint16_t *b1 = b + pairs * taps * 2 * BLOCK;

	tile_zero(0);
	tile_zero(1);
	tile_zero(2);
	tile_zero(3);
	for (size_t i = 0; i < pairs; i++)
		for (size_t k = 0; k < taps; k++) {
			const uint16_t *a = x + (i * area + q + shift_of(p, k)) * PAIR;

			tile_load(4, a, PAIR * sizeof *a);
			tile_load(5, a + LANES * PAIR, PAIR * sizeof *a);
			tile_load(6, b, 64);
			tile_dot(0, 4, 6);
			tile_dot(1, 5, 6);
			b += 2 * BLOCK;
			if (blocks < 2)
				continue;
			tile_load(7, b1, 64);
			tile_dot(2, 4, 7);
			tile_dot(3, 5, 7);
			b1 += 2 * BLOCK;
		}
	tile_store(0, sums, 64);
	tile_store(1, sums + BLOCK, 64);
	tile_store(2, sums + 2 * BLOCK, 64);
	tile_store(3, sums + 3 * BLOCK, 64);
}

/* Stores a block of those pixels of a step that exist, from q on. */
static void store_step(const struct pass *p, size_t n, size_t block, size_t q,
    const float *sums)
{
	const size_t row = row_of(p);
	const vec bias = p->bias ? *(const vec *)(p->bias + block * LANES) : (vec){ 0 };
	uint16_t *out = p->out + (n * p->out_blocks + block) * p->oh * p->ow * LANES;

	for (size_t i = 0; i < STEP && (q + i) / row < p->oh; i++) {
		const size_t y = (q + i) / row, x = (q + i) % row;
		const vec s = *(const vec *)(sums + i * LANES) + bias;

		if (x < p->ow)
			store_half(p->relu ? above_zero(s) : s,
			    out + (y * p->ow + x) * LANES);
	}
}

static void run_pass(const struct pass *p, size_t samples, uint16_t *x, float *sums)
{
	const size_t pairs = pairs_of(p->in_blocks);

	memset(x, 0, pairs * area_of(p) * PAIR * sizeof *x);
	for (size_t n = 0; n < samples; n++) {
		copy_padded(p, n, x);
		for (size_t o = 0; o < p->out_blocks; o += 2) {
			const size_t blocks = p->out_blocks - o > 1 ? 2 : 1;
			const uint16_t *b = p->b + o * pairs * p->v->taps * 2 * BLOCK;

			for (size_t q = 0; q < pixels_of(p); q += STEP) {
				sum_step(p, x, q, b, blocks, sums);
				for (size_t k = 0; k < blocks; k++)
					store_step(p, n, o + k, q,
					    sums + k * 2 * BLOCK);
			}
		}
	}
}

/* --- weights ---------------------------------------------------------------------- */

/* Packs the half of a B that comes from one block of the sum's channels. w is
 * [channel of the sum][channel of the result]. */
static void pack_half(const vec *w, uint16_t *b)
{
	for (size_t k = 0; k < LANES; k += 2)
		_mm512_storeu_si512(b + k * LANES, pairs(w[k], w[k + 1]));
}

void amx_pack(const struct amx *v, const float *weight, uint16_t *packed)
{
	const size_t in_pairs = pairs_of(v->in_blocks);
	const size_t out_pairs = pairs_of(v->out_blocks);
	uint16_t *back = packed + v->packed_out;

	memset(packed, 0, v->packed_all * sizeof *packed);
	for (size_t i = 0; i < v->in_blocks; i++)
		for (size_t k = 0; k < v->taps; k++)
			for (size_t o = 0; o < v->out_blocks; o++) {
				const size_t turned = v->taps - 1 - k;
				vec w[LANES];

				memcpy(w, weight, sizeof w);
				weight += BLOCK;
				pack_half(w,
				    packed +
					(((o * in_pairs + i / 2) * v->taps + k) * 2 +
					    i % 2) *
					    BLOCK);
				if (!v->wants_gradient)
					continue;
				transpose(w);
				pack_half(w,
				    back +
					(((i * out_pairs + o / 2) * v->taps + turned) *
						2 +
					    o % 2) *
					    BLOCK);
			}
}

/* --- the parameters' gradients ---------------------------------------------------- */

/* Pixels of a channel of the transposed input. */
static size_t line_of(const struct pass *p)
{
	const size_t line = area_of(p);

	/* Lines a multiple of 4 KiB apart would share a set of the cache. */
	return line * sizeof(uint16_t) % 4096 ? line : line + STEP;
}

/* Copies sample n to x [channel][line], padded. The padding keeps its zeros. */
static void copy_transposed(const struct pass *p, size_t n, uint16_t *x)
{
	const size_t row = row_of(p), line = line_of(p);

	for (size_t r = 0; r < p->in_blocks * p->h; r++) {
		const size_t from = (n * p->in_blocks * p->h + r) * p->w;
		uint16_t *to = x + r / p->h * LANES * line + (r % p->h + p->py) * row +
		    p->px;

		for (size_t first = 0; first < p->w; first += LANES) {
			vec square[LANES];

			/* What is beyond a row's end is written again by the next. */
			for (size_t i = 0; i < LANES; i++)
				square[i] = first + i < p->w ?
				    load_half(p->in + (from + first + i) * LANES) :
				    (vec){ 0 };
			transpose(square);
			for (size_t i = 0; i < LANES; i++)
				store_half(square[i], to + i * line + first);
		}
	}
}

/* Copies sample n of the gradient of s to g [block][pixel / 2][channel][2], with pixels
 * counted as in `in`. Pixels that do not exist keep their zeros. Adds the sample's sums
 * to bias. */
static void copy_gradient(const struct pass *in, const struct pass *from, size_t n,
    uint16_t *g, float *bias)
{
	const size_t row = row_of(in), pixels = pixels_of(in);
	/* Two pixels of one pair are never of two rows: without columns between them,
	 * all rows are one. */
	const bool joined = row == from->w;
	const size_t height = joined ? 1 : from->h;
	const size_t width = joined ? from->h * from->w : from->w;

	for (size_t r = 0; r < from->in_blocks * height; r++) {
		const size_t first = (n * from->in_blocks * height + r) * width;
		const size_t b = r / height;
		vec *sum = (vec *)(bias + b * LANES);

		for (size_t x = 0; x < width;) {
			const size_t q = r % height * row + x;
			vec pair[2] = { { 0 }, { 0 } };

			pair[q % 2] = masked(from, first + x++);
			if (q % 2 == 0 && x < width)
				pair[1] = masked(from, first + x++);
			*sum += pair[0] + pair[1];
			_mm512_storeu_si512(g + (b * pixels + q / 2 * 2) * LANES,
			    pairs(pair[0], pair[1]));
		}
	}
}

/* Adds what a sample gives to one tap, for up to two blocks of in and two of out. x, g and
 * grad point to the first of these blocks. */
INLINE void add_weights(const uint16_t *x, size_t line, const uint16_t *g,
    size_t pixels, float *grad, size_t grad_line, size_t ins, size_t outs)
{
	const uint16_t *x1 = ins > 1 ? x + LANES * line : x;
	const uint16_t *g1 = outs > 1 ? g + pixels * LANES : g;
	float *grad1 = grad + grad_line;

	tile_load(0, grad, 64);
	if (outs > 1)
		tile_load(1, grad + BLOCK, 64);
	if (ins > 1)
		tile_load(2, grad1, 64);
	if (ins > 1 && outs > 1)
		tile_load(3, grad1 + BLOCK, 64);
	for (size_t q = 0; q < pixels; q += STEP) {
		tile_load(4, x + q, line * sizeof *x);
		tile_load(6, g + q * LANES, 64);
		tile_dot(0, 4, 6);
		if (outs > 1) {
			tile_load(7, g1 + q * LANES, 64);
			tile_dot(1, 4, 7);
		}
		if (ins > 1) {
			tile_load(5, x1 + q, line * sizeof *x);
			tile_dot(2, 5, 6);
			if (outs > 1)
				tile_dot(3, 5, 7);
		}
	}
	tile_store(0, grad, 64);
	if (outs > 1)
		tile_store(1, grad + BLOCK, 64);
	if (ins > 1)
		tile_store(2, grad1, 64);
	if (ins > 1 && outs > 1)
		tile_store(3, grad1 + BLOCK, 64);
}

/* `in` reads in, `from` reads the gradient of s. */
static void weight_gradient(const struct pass *in, const struct pass *from,
    size_t samples, uint16_t *x, uint16_t *g, float *grad, float *bias)
{
	const struct amx *v = in->v;
	const size_t line = line_of(in), pixels = pixels_of(in);
	const size_t grad_line = v->taps * v->out_blocks * BLOCK;

	memset(grad, 0, v->in_blocks * grad_line * sizeof *grad);
	memset(bias, 0, v->out_blocks * LANES * sizeof *bias);
	memset(x, 0, v->in_blocks * LANES * line * sizeof *x);
	memset(g, 0, v->out_blocks * pixels * LANES * sizeof *g);
	for (size_t n = 0; n < samples; n++) {
		copy_transposed(in, n, x);
		copy_gradient(in, from, n, g, bias);
		for (size_t i = 0; i < v->in_blocks; i += 2)
			for (size_t k = 0; k < v->taps; k++)
				for (size_t o = 0; o < v->out_blocks; o += 2) {
					const size_t ins = v->in_blocks - i;
					const size_t outs = v->out_blocks - o;

					add_weights(x + i * LANES * line +
						shift_of(in, k),
					    line, g + o * pixels * LANES, pixels,
					    grad + i * grad_line +
						(k * v->out_blocks + o) * BLOCK,
					    grad_line, ins, outs);
				}
	}
}

/* --- calls ------------------------------------------------------------------------ */

struct amx_room {
	float *sums, *bias;
	uint16_t *x, *g;
};

static void amx_take(struct amx_room *r, const struct amx *v, struct native_room *room)
{
	const struct pass in = forward_pass(v, NULL), back = backward_pass(v, NULL);
	size_t x = pairs_of(in.in_blocks) * area_of(&in) * PAIR;

	if (v->training)
		x = most(x, in.in_blocks * LANES * line_of(&in));
	if (v->wants_gradient)
		x = most(x, pairs_of(back.in_blocks) * area_of(&back) * PAIR);
	r->sums = native_take(room, 4 * BLOCK * sizeof *r->sums);
	r->bias = native_take(room, v->out_blocks * LANES * sizeof *r->bias);
	r->x = native_take(room, x * sizeof *r->x);
	r->g = native_take(room,
	    v->training * v->out_blocks * pixels_of(&in) * LANES * sizeof *r->g);
}

size_t amx_scratch(const struct amx *v)
{
	struct native_room room = { NULL, 0 };
	struct amx_room r;

	amx_take(&r, v, &room);
	return room.used;
}

void amx_forward(const struct amx *v, const struct cnn_call *c)
{
	const struct pass p = forward_pass(v, c);
	struct native_room room = { c->scratch, 0 };
	struct amx_room r;

	amx_take(&r, v, &room);
	tiles_begin();
	run_pass(&p, c->samples, r.x, r.sums);
	tiles_end();
}

void amx_backward(const struct amx *v, const struct cnn_call *c)
{
	const struct pass in = forward_pass(v, c), back = backward_pass(v, c);
	struct native_room room = { c->scratch, 0 };
	struct amx_room r;

	amx_take(&r, v, &room);
	tiles_begin();
	weight_gradient(&in, &back, c->samples, r.x, r.g, c->grad_params[0],
	    v->has_bias ? c->grad_params[1] : r.bias);
	if (c->grad_in[0])
		run_pass(&back, c->samples, r.x, r.sums);
	tiles_end();
}
