/* winograd-kernels.c - the kernels of winograd.h for one level. */
#include "winograd.h"

#include "simd.h"

#define POINTS WINOGRAD_POINTS
#define TAPS WINOGRAD_TAPS

/* Tiles of one product whose sums for two blocks fit the registers; and input channels
 * in a product of the weights' gradient. */
#if AVX512
#define TILE_COUNT 12
#define FEW_TILES 4
#define GRAD_CHANNELS 8
#else
#define TILE_COUNT 6
#define FEW_TILES 2
#define GRAD_CHANNELS 4
#endif

/* Floats of V and M that are made at a time, so that they stay in the L2 cache beside U;
 * and the most tiles. */
#define CHUNK_FLOATS (96 << 10)
#define CHUNK_TILES 96

#include "winograd-transform.h"

/* --- one convolution -------------------------------------------------------------- */

/* Out of in, or grad_in of the gradient of s. */
struct pass {
	const struct winograd *v;
	const void *in, *mask; /* in counts where mask, if any, is above 0 */
	void *out;
	const float *u, *bias; /* bias may be NULL */
	const float *weight;
	size_t channels, in_blocks, h, w, py, px;
	size_t out_blocks, oh, ow;
	size_t samples, tiles_x, tiles; /* tiles of a sample */
	bool relu, is_back;
};

/* Memory of a call. */
struct winograd_room {
	float *x; /* V or W: [36][chunk][channels], or [blocks][36][chunk][LANES] */
	float *m; /* M [36][chunk][a pair of blocks], or W */
};

/* From one point to the next, in floats: not a power of two, or all points of a tile would
 * share a set of the cache. */
static size_t apart_of(size_t vectors)
{
	return (vectors + 1) * LANES;
}

static size_t most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Tiles that are transformed at a time, whole products if possible. */
static size_t chunk_of(size_t blocks)
{
	const size_t n = CHUNK_FLOATS / (POINTS * (blocks + 2) * LANES);

	return n > CHUNK_TILES ? CHUNK_TILES :
	    n < 2 * TILE_COUNT ? 2 * TILE_COUNT :
				 n / TILE_COUNT * TILE_COUNT;
}

/* Of the weights' gradient: it gains by long sums. */
#define GRAD_CHUNK 64

static void winograd_take(struct winograd_room *r, const struct winograd *v,
    struct native_room *room)
{
	size_t x = apart_of(chunk_of(v->in_blocks) * v->in_blocks);
	size_t m = apart_of(2 * CHUNK_TILES);

	if (v->wants_gradient)
		x = most(x, apart_of(chunk_of(v->out_blocks) * v->out_blocks));
	if (v->training) {
		x = most(x, apart_of(GRAD_CHUNK) * v->in_blocks);
		m = most(m, apart_of(GRAD_CHUNK) * v->out_blocks);
	}
	r->x = native_take(room, POINTS * x * sizeof(float));
	r->m = native_take(room, POINTS * m * sizeof(float));
}

static size_t winograd_scratch(const struct winograd *v)
{
	struct native_room room = { NULL, 0 };
	struct winograd_room r;

	winograd_take(&r, v, &room);
	return room.used;
}

/* Vector `at` of in, or 0 where the mask is. */
INLINE vec masked(const struct pass *p, size_t at, bool half)
{
	const vec value = load(p->in, at, half);

	return p->mask ? where_above(load(p->mask, at, half), value) : value;
}

/* A tile of one plane: pixels j = `left` to `right` - 1 of each row exist. */
struct tile {
	size_t left, right;
	uintptr_t in[6], mask[6]; /* the rows' addresses, of pixel j = 0 */
};

/* Sets the tile of `size` rows from pixel (y, x) of a plane on. Rows outside of the image
 * are read from zeros. */
INLINE void set_tile(const struct pass *p, size_t plane, ptrdiff_t y, ptrdiff_t x,
    ptrdiff_t size, bool half, struct tile *t)
{
	static const vec zeros[6];
	const ptrdiff_t h = (ptrdiff_t)p->h, w = (ptrdiff_t)p->w;
	const size_t bytes = half ? sizeof(vec) / 2 : sizeof(vec);
	size_t at = (plane * p->h + (size_t)y) * p->w + (size_t)x;

	t->left = x < 0 ? (size_t)-x : 0;
	t->right = (size_t)(w - x < size ? w - x : size);
	UNROLL
	for (ptrdiff_t i = 0; i < size; i++, at += p->w) {
		const bool exists = y + i >= 0 && y + i < h;

		t->in[i] = exists ? (uintptr_t)p->in + at * bytes : (uintptr_t)zeros;
		t->mask[i] = exists ? (uintptr_t)p->mask + at * bytes :
				      (uintptr_t)zeros;
	}
}

/* Loads column j of a tile of `size` rows. */
INLINE void load_column(const struct tile *t, size_t j, vec *column, size_t size,
    bool masked, bool half)
{
	UNROLL
	for (size_t i = 0; i < size; i++) {
		if (j < t->left || j >= t->right) {
			column[i] = (vec){ 0 };
			continue;
		}
		column[i] = load((const void *)t->in[i], j, half);
		if (masked)
			column[i] = where_above(load((const void *)t->mask[i], j, half),
			    column[i]);
	}
}

INLINE void transform_tile(const struct tile *t, float *out, size_t apart, bool masked,
    bool half)
{
	vec column[6], r[POINTS], row[6];

	UNROLL
	for (size_t j = 0; j < 6; j++) {
		load_column(t, j, column, 6, masked, half);
		transform_b(column, r + j, 6);
	}
	UNROLL
	for (size_t i = 0; i < 6; i++) {
		transform_b(r + 6 * i, row, 1);
		UNROLL
		for (size_t j = 0; j < 6; j++)
			*(vec *)(out + (6 * i + j) * apart) = row[j];
	}
}

/* V of tile t: at out[e * apart + block * block_apart], in floats. */
INLINE void transform_input(const struct pass *p, size_t t, float *out, size_t apart,
    size_t block_apart, bool half)
{
	const size_t n = t / p->tiles, at = t % p->tiles;
	const ptrdiff_t y = (ptrdiff_t)(at / p->tiles_x * 4) - (ptrdiff_t)p->py;
	const ptrdiff_t x = (ptrdiff_t)(at % p->tiles_x * 4) - (ptrdiff_t)p->px;

	for (size_t b = 0; b < p->in_blocks; b++, out += block_apart) {
		struct tile tile;

		set_tile(p, n * p->in_blocks + b, y, x, 6, half, &tile);
		if (p->mask)
			transform_tile(&tile, out, apart, true, half);
		else
			transform_tile(&tile, out, apart, false, half);
	}
}

NOINLINE void input_float(const struct pass *p, size_t t, float *out, size_t apart,
    size_t block_apart)
{
	transform_input(p, t, out, apart, block_apart, false);
}

NOINLINE void input_half(const struct pass *p, size_t t, float *out, size_t apart,
    size_t block_apart)
{
	transform_input(p, t, out, apart, block_apart, true);
}

/* The products of `count` tiles at one point, for one or two blocks. The rows up to the
 * next multiple of FEW_TILES are computed too. */
INLINE void multiply_tiles(size_t blocks, size_t count, const float *x, size_t apart,
    const float *u, size_t channels, float *m)
{
	size_t t = 0;

	for (; t + TILE_COUNT <= count; t += TILE_COUNT)
		multiply(TILE_COUNT, blocks, x + t * apart, apart, u, channels,
		    m + t * blocks * LANES);
	for (; t < count; t += FEW_TILES)
		multiply(FEW_TILES, blocks, x + t * apart, apart, u, channels,
		    m + t * blocks * LANES);
}

NOINLINE void multiply_one(size_t count, const float *x, size_t apart, const float *u,
    size_t channels, float *m)
{
	multiply_tiles(1, count, x, apart, u, channels, m);
}

NOINLINE void multiply_two(size_t count, const float *x, size_t apart, const float *u,
    size_t channels, float *m)
{
	multiply_tiles(2, count, x, apart, u, channels, m);
}

/* The weights from channel c of in to the LANES channels of out from `first` on. */
static vec weights_at(const struct pass *p, size_t c, size_t tap, size_t first)
{
	const size_t outs = p->v->out_blocks * LANES;
	vec w = { 0 };

	if (!p->is_back)
		return *(const vec *)(p->weight + (c * TAPS + tap) * outs + first);
	for (size_t i = 0; i < LANES && first + i < p->v->c; i++)
		w[i] = p->weight[((first + i) * TAPS + TAPS - 1 - tap) * outs + c];
	return w;
}

/* Pixel (y, x) of a plane of in, or zeros outside of it. */
INLINE vec pixel(const struct pass *p, size_t plane, ptrdiff_t y, ptrdiff_t x)
{
	if (y < 0 || x < 0 || y >= (ptrdiff_t)p->h || x >= (ptrdiff_t)p->w)
		return (vec){ 0 };
	return masked(p, (plane * p->h + (size_t)y) * p->w + (size_t)x, p->v->half);
}

/* One block of output pixel (y, x) of sample n as a plain sum. */
NOINLINE vec plain_sum(const struct pass *p, size_t n, size_t block, size_t y, size_t x)
{
	vec sum = p->bias ? *(const vec *)(p->bias + block * LANES) : (vec){ 0 };

	for (size_t c = 0; c < p->channels; c++)
		for (size_t k = 0; k < TAPS; k++) {
			const vec in = pixel(p, n * p->in_blocks + c / LANES,
			    (ptrdiff_t)(y + k / 3) - (ptrdiff_t)p->py,
			    (ptrdiff_t)(x + k % 3) - (ptrdiff_t)p->px);

			sum += splat(in[c % LANES]) *
			    weights_at(p, c, k, block * LANES);
		}
	return sum;
}

/* A lane is 0, or NaN if one of x is not finite there. */
INLINE vec zero_if_finite(const vec *x, size_t count)
{
	vec sum = { 0 };

	UNROLL
	for (size_t i = 0; i < count; i++)
		sum += 0.f * x[i];
	return sum;
}

INLINE void store_sum(const struct pass *p, size_t at, vec s, bool half)
{
	store(p->out, at, half, p->relu ? above_zero(s) : s);
}

/* Stores block `block` of tile t from its products, which are `apart` floats apart. */
INLINE void transform_output(const struct pass *p, size_t t, size_t block,
    const float *m, size_t apart, bool half)
{
	const size_t n = t / p->tiles, at = t % p->tiles;
	const size_t y = at / p->tiles_x * 4, x = at % p->tiles_x * 4;
	const size_t plane = (n * p->out_blocks + block) * p->oh * p->ow;
	vec bias = { 0 };
	vec column[6], r[24], sums[16];
	bool finite;

	/* U is 576 times as large, see transform_g(). */
	if (p->bias)
		bias = *(const vec *)(p->bias + block * LANES) * 576.f;
	UNROLL
	for (size_t j = 0; j < 6; j++) {
		UNROLL
		for (size_t i = 0; i < 6; i++)
			column[i] = *(const vec *)(m + (6 * i + j) * apart);
		transform_a(column, r + j, 6);
	}
	UNROLL
	for (size_t i = 0; i < 4; i++)
		transform_a(r + 6 * i, sums + 4 * i, 1);
	finite = !any_nan(zero_if_finite(sums, 16));
	if (finite && y + 4 <= p->oh && x + 4 <= p->ow) {
		UNROLL
		for (size_t i = 0; i < 16; i++)
			store_sum(p, plane + (y + i / 4) * p->ow + x + i % 4,
			    (sums[i] + bias) * (1 / 576.f), half);
		return;
	}
	for (size_t i = 0; i < 16; i++) {
		const size_t to_y = y + i / 4, to_x = x + i % 4;
		vec s = (sums[i] + bias) * (1 / 576.f);

		if (to_y >= p->oh || to_x >= p->ow)
			continue;
		if (!finite)
			s = plain_sum(p, n, block, to_y, to_x);
		store_sum(p, plane + to_y * p->ow + to_x, s, half);
	}
}

NOINLINE void output_float(const struct pass *p, size_t t, size_t block, const float *m,
    size_t apart)
{
	transform_output(p, t, block, m, apart, false);
}

NOINLINE void output_half(const struct pass *p, size_t t, size_t block, const float *m,
    size_t apart)
{
	transform_output(p, t, block, m, apart, true);
}

static void run_pass(const struct pass *p, const struct winograd_room *room)
{
	const size_t chunk = chunk_of(p->in_blocks), all = p->samples * p->tiles;
	const size_t channels = p->in_blocks * LANES;
	const size_t x_apart = apart_of(chunk * p->in_blocks);

	for (size_t first = 0; first < all; first += chunk) {
		const size_t left = all - first, count = left < chunk ? left : chunk;

		for (size_t t = 0; t < count; t++)
			(p->v->half ? input_half : input_float)(p, first + t,
			    room->x + t * channels, x_apart, LANES);
		for (size_t b = 0; b < p->out_blocks; b += 2) {
			const size_t blocks = p->out_blocks - b > 1 ? 2 : 1;
			const size_t m_apart = apart_of(chunk * blocks);
			const float *u = p->u + POINTS * p->channels * b * LANES;

			for (size_t e = 0; e < POINTS; e++)
				(blocks == 2 ? multiply_two : multiply_one)(count,
				    room->x + e * x_apart, channels,
				    u + e * p->channels * blocks * LANES, p->channels,
				    room->m + e * m_apart);
			for (size_t t = 0; t < count; t++)
				for (size_t k = 0; k < blocks; k++)
					(p->v->half ? output_half : output_float)(p,
					    first + t, b + k,
					    room->m + (t * blocks + k) * LANES,
					    m_apart);
		}
	}
}

static void set_tiles(struct pass *p)
{
	p->tiles_x = (p->ow + 3) / 4;
	p->tiles = (p->oh + 3) / 4 * p->tiles_x;
}

/* --- weights ---------------------------------------------------------------------- */

/* U of one channel of in and a block of out from its 3 x 3; elements are `apart` floats
 * apart. */
INLINE void transform_weight(const vec *g, float *u, size_t apart)
{
	vec r[18], row[6];

	UNROLL
	for (size_t j = 0; j < 3; j++) {
		const vec column[3] = { g[j], g[3 + j], g[6 + j] };

		transform_g(column, r + j, 3);
	}
	UNROLL
	for (size_t i = 0; i < 6; i++) {
		transform_g(r + 3 * i, row, 1);
		UNROLL
		for (size_t j = 0; j < 6; j++)
			*(vec *)(u + (6 * i + j) * apart) = row[j];
	}
}

/* Packs the weights to one block of a convolution's outputs, in the order of its pass.
 * g is [tap] of channel c. */
NOINLINE void pack_channel(float *packed, size_t channels, size_t blocks, size_t block,
    size_t c, const vec *g)
{
	const size_t first = block / 2 * 2, pair = blocks - first > 1 ? 2 : 1;

	transform_weight(g,
	    packed + POINTS * channels * first * LANES +
		(c * pair + block - first) * LANES,
	    channels * pair * LANES);
}

static void winograd_pack(const struct winograd *v, const float *weight, float *packed)
{
	const size_t outs = v->out_blocks * LANES;

	for (size_t b = 0; b < v->out_blocks; b++)
		for (size_t c = 0; c < v->c; c++) {
			vec g[TAPS];

			for (size_t k = 0; k < TAPS; k++)
				g[k] = *(const vec *)(weight + (c * TAPS + k) * outs +
				    b * LANES);
			pack_channel(packed, v->c, v->out_blocks, b, c, g);
		}
	if (!v->wants_gradient)
		return;
	packed += v->packed_out;
	for (size_t b = 0; b < v->in_blocks; b++)
		for (size_t ob = 0; ob < v->out_blocks; ob++) {
			vec squares[TAPS][LANES];

			/* The last tap first: the kernel is turned. */
			for (size_t k = 0; k < TAPS; k++) {
				for (size_t i = 0; i < LANES; i++)
					squares[k][i] = b * LANES + i < v->c ?
					    *(const vec *)(weight +
						((b * LANES + i) * TAPS + TAPS - 1 -
						    k) *
						    outs +
						ob * LANES) :
					    (vec){ 0 };
				transpose(squares[k]);
			}
			for (size_t i = 0; i < LANES && ob * LANES + i < v->o; i++) {
				vec g[TAPS];

				for (size_t k = 0; k < TAPS; k++)
					g[k] = squares[k][i];
				pack_channel(packed, v->o, v->in_blocks, b,
				    ob * LANES + i, g);
			}
		}
}

#include "winograd-gradient.h"

/* --- calls ------------------------------------------------------------------------ */

static struct pass forward_pass(const struct winograd *v, const struct cnn_call *c)
{
	struct pass p = {
		.v = v,
		.in = c->in[0],
		.out = c->out,
		.u = c->packed,
		.bias = v->has_bias ? c->params[1] : NULL,
		.weight = c->params[0],
		.channels = v->c,
		.in_blocks = v->in_blocks,
		.h = v->h,
		.w = v->w,
		.py = v->py,
		.px = v->px,
		.out_blocks = v->out_blocks,
		.oh = v->oh,
		.ow = v->ow,
		.samples = c->samples,
		.relu = v->relu,
	};

	set_tiles(&p);
	return p;
}

static struct pass backward_pass(const struct winograd *v, const struct cnn_call *c)
{
	struct pass p = {
		.v = v,
		.in = c->grad_out,
		.mask = v->relu ? c->out : NULL,
		.out = c->grad_in[0],
		.u = (const float *)c->packed + v->packed_out,
		.weight = c->params[0],
		.channels = v->o,
		.in_blocks = v->out_blocks,
		.h = v->oh,
		.w = v->ow,
		.py = 2 - v->py,
		.px = 2 - v->px,
		.out_blocks = v->in_blocks,
		.oh = v->h,
		.ow = v->w,
		.samples = c->samples,
		.is_back = true,
	};

	set_tiles(&p);
	return p;
}

static void winograd_forward(const struct winograd *v, const struct cnn_call *c)
{
	const struct pass p = forward_pass(v, c);
	struct native_room room = { c->scratch, 0 };
	struct winograd_room r;

	winograd_take(&r, v, &room);
	run_pass(&p, &r);
}

static void winograd_backward(const struct winograd *v, const struct cnn_call *c)
{
	const struct pass in = forward_pass(v, c), back = backward_pass(v, c);
	struct native_room room = { c->scratch, 0 };
	struct pass from = back;
	struct winograd_room r;

	winograd_take(&r, v, &room);
	/* The tiles of out, as `in` has them. */
	from.tiles_x = in.tiles_x;
	from.tiles = in.tiles;
	weight_gradient(&in, &from, &r, c->grad_params[0]);
	if (v->has_bias)
		bias_gradient(&from, c->grad_params[1]);
	if (c->grad_in[0])
		run_pass(&back, &r);
}

const struct winograd_kernels LEVEL_NAME(winograd_kernels) = {
	LANES,
	winograd_scratch,
	winograd_pack,
	winograd_forward,
	winograd_backward,
};
