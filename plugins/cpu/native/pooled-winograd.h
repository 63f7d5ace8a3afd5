/* pooled-winograd.h - forward of the wide form in float; part of pooled-kernels.c.
 *
 * Winograd's F(2 x 2, 3 x 3) computes the four sums of a window with 16 products per
 * pair of channels instead of 36, and F(2 x 2, 5 x 5) with 36 instead of 100 (A. Lavin,
 * S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015):
 *   s = A' [sum over c of (G g G') * (B' d B)] A
 * Here d is the window's 4 x 4 or 6 x 6 of in, g is weight, and * is elementwise. The
 * sums over c are 16 or 36 matrix products, over TILE windows at a time.
 *
 * packed: U [pairs of blocks][points][c][o of the pair], U = G g G'
 * scratch: V [points][TILE][c], V = B' d B; M [points][TILE][o of a pair], the products
 */
#include "winograd-transform.h"

/* Windows whose sums for two blocks fit the registers. A partial tile is processed FEW
 * windows at a time. */
#if AVX512
#define TILE 12
#define FEW 4
#else
#define TILE 6
#define FEW 2
#endif

/* The products of a window, and the side of their square. */
#define MAX_SIDE (MAX_KERNEL + 1)
#define MAX_POINTS (MAX_SIDE * MAX_SIDE)

static size_t points_of(const struct conv *v)
{
	return (v->kernel + 1) * (v->kernel + 1);
}

static size_t winograd_packed(const struct conv *v)
{
	return points_of(v) * v->c * v->out_blocks * LANES * sizeof(float);
}

static size_t winograd_scratch(const struct conv *v)
{
	return (conv_takes_as_is(v) ? 0 : native_align(v->image * sizeof(float))) +
	    points_of(v) * TILE * (v->in_blocks + 2) * LANES * sizeof(float);
}

/* One row or column of G, B' and A'. */
INLINE void apply_g(const vec *in, size_t in_step, vec *out, size_t step, size_t kernel)
{
	if (kernel == 3)
		small_g(in, in_step, out, step);
	else
		large_g(in, in_step, out, step);
}

INLINE void apply_b(const vec *in, vec *out, size_t step, size_t kernel)
{
	if (kernel == 3)
		small_b(in, out, step);
	else
		transform_b(in, out, step);
}

INLINE void apply_a(const vec *in, vec *out, size_t step, size_t kernel)
{
	if (kernel == 3)
		small_a(in, out, step);
	else
		large_a(in, out, step);
}

/* Packs one block of input channels and one of output channels. weight is [o][taps][c],
 * u is [points][all c][o of the pair]. */
INLINE void pack_block(const float *weight, float *u, size_t channels, size_t all,
    size_t pair, size_t kernel)
{
	const size_t side = kernel + 1;
	vec squares[MAX_POINTS][LANES];

	for (size_t o = 0; o < LANES; o++) {
		const vec *g = (const vec *)weight + o * kernel * kernel;
		vec rows[MAX_SIDE * MAX_KERNEL], row[MAX_SIDE];

		UNROLL
		for (size_t j = 0; j < kernel; j++)
			apply_g(g + j, kernel, rows + j, kernel, kernel);
		UNROLL
		for (size_t i = 0; i < side; i++) {
			apply_g(rows + kernel * i, 1, row, 1, kernel);
			UNROLL
			for (size_t j = 0; j < side; j++)
				squares[side * i + j][o] = row[j];
		}
	}
	for (size_t e = 0; e < side * side; e++) {
		transpose(squares[e]);
		for (size_t c = 0; c < channels; c++)
			*(vec *)(u + (e * all + c) * pair) = squares[e][c];
	}
}

NOINLINE void pack_block_3(const float *weight, float *u, size_t channels, size_t all,
    size_t pair)
{
	pack_block(weight, u, channels, all, pair, 3);
}

NOINLINE void pack_block_5(const float *weight, float *u, size_t channels, size_t all,
    size_t pair)
{
	pack_block(weight, u, channels, all, pair, 5);
}

static void winograd_pack(const struct conv *v, const float *weight, void *packed)
{
	for (size_t ib = 0; ib < v->in_blocks; ib++) {
		size_t c = ib * LANES, channels = v->c - c < LANES ? v->c - c : LANES;

		for (size_t ob = 0; ob < v->out_blocks; ob++) {
			size_t first = ob / 2 * 2;
			size_t pair = (v->out_blocks - first > 1 ? 2 : 1) * LANES;
			float *u = (float *)packed +
			    points_of(v) * v->c * first * LANES + (ob - first) * LANES;

			(v->kernel == 3 ? pack_block_3 : pack_block_5)(weight +
				(ib * v->out_blocks + ob) * LANES * v->taps * LANES,
			    u + c * pair, channels, v->c, pair);
		}
	}
}

/* Computes V of one window. x is its square in the first block. */
INLINE void transform_window(const struct conv *v, const float *x, float *out,
    size_t kernel)
{
	const size_t channels = v->in_blocks * LANES, side = kernel + 1;

	for (size_t b = 0; b < v->in_blocks; b++, x += v->rows * v->row * LANES) {
		vec column[MAX_SIDE], r[MAX_POINTS], row[MAX_SIDE];

		UNROLL
		for (size_t j = 0; j < side; j++) {
			UNROLL
			for (size_t i = 0; i < side; i++)
				column[i] = *(
				    const vec *)(x + (i * v->row + j) * LANES);
			apply_b(column, r + j, side, kernel);
		}
		UNROLL
		for (size_t i = 0; i < side; i++) {
			apply_b(r + side * i, row, 1, kernel);
			UNROLL
			for (size_t j = 0; j < side; j++)
				*(vec *)(out + (side * i + j) * TILE * channels +
				    b * LANES) = row[j];
		}
	}
}

NOINLINE void transform_window_3(const struct conv *v, const float *x, float *out)
{
	transform_window(v, x, out, 3);
}

NOINLINE void transform_window_5(const struct conv *v, const float *x, float *out)
{
	transform_window(v, x, out, 5);
}

/* Computes all products for `count` windows. */
INLINE void winograd_products(const struct conv *v, size_t blocks, size_t count,
    const float *x, const float *u, float *m)
{
	const size_t channels = v->in_blocks * LANES;

	for (size_t e = 0; e < points_of(v); e++, x += TILE * channels,
		    u += v->c * blocks * LANES, m += TILE * blocks * LANES) {
		if (count == TILE) {
			multiply(TILE, blocks, x, channels, u, v->c, m);
			continue;
		}
		for (size_t t = 0; t < count; t += FEW)
			multiply(FEW, blocks, x + t * channels, channels, u, v->c,
			    m + t * blocks * LANES);
	}
}

/* Computes the four sums of a window and block from its products, which are `apart`
 * floats from each other. */
INLINE void sum_window(const float *m, size_t apart, vec bias, vec *sums, size_t kernel)
{
	const size_t side = kernel + 1;
	vec column[MAX_SIDE], r[2 * MAX_SIDE];

	UNROLL
	for (size_t j = 0; j < side; j++) {
		UNROLL
		for (size_t i = 0; i < side; i++)
			column[i] = *(const vec *)(m + (side * i + j) * apart);
		apply_a(column, r + j, side, kernel);
	}
	UNROLL
	for (size_t i = 0; i < 2; i++)
		apply_a(r + side * i, sums + 2 * i, 1, kernel);
	/* A large U is 576 times as large, see large_g(). */
	UNROLL
	for (size_t i = 0; i < 4; i++)
		sums[i] = kernel == 3 ? sums[i] + bias :
					(sums[i] + bias * 576.f) * (1 / 576.f);
}

/* Stores element `at` of out from its products. bias may be NULL. */
INLINE void finish_window(const struct conv *v, const struct cnn_call *c, size_t at,
    const float *m, size_t apart, const float *bias, size_t kernel)
{
	int8_t *codes = c->training ? (int8_t *)c->saved + at * LANES : NULL;
	vec sums[4];

	sum_window(m, apart, bias ? *(const vec *)bias : (vec){ 0 }, sums, kernel);
	store(c->out, at, v->half, pool(sums, v->relu, codes));
}

NOINLINE void finish_window_3(const struct conv *v, const struct cnn_call *c, size_t at,
    const float *m, size_t apart, const float *bias)
{
	finish_window(v, c, at, m, apart, bias, 3);
}

NOINLINE void finish_window_5(const struct conv *v, const struct cnn_call *c, size_t at,
    const float *m, size_t apart, const float *bias)
{
	finish_window(v, c, at, m, apart, bias, 5);
}

/* Computes a tile of windows. `first` is the index of its first window in the call. */
static void winograd_tile(const struct conv *v, const struct cnn_call *c, size_t first,
    size_t count, const float *x, float *m)
{
	const float *bias = v->has_bias ? c->params[1] : NULL;

	for (size_t ob = 0; ob < v->out_blocks; ob += 2) {
		size_t blocks = v->out_blocks - ob > 1 ? 2 : 1;
		const float *u = (const float *)c->packed +
		    points_of(v) * v->c * ob * LANES;

		if (blocks == 2)
			winograd_products(v, 2, count, x, u, m);
		else
			winograd_products(v, 1, count, x, u, m);
		for (size_t i = 0; i < count * blocks; i++) {
			size_t b = ob + i % blocks, window = first + i / blocks;
			size_t n = window / v->windows, p = window % v->windows;

			(v->kernel == 3 ? finish_window_3 : finish_window_5)(v, c,
			    (n * v->out_blocks + b) * v->windows + p, m + i * LANES,
			    TILE * blocks * LANES, bias ? bias + b * LANES : NULL);
		}
	}
}

static void winograd_forward(const struct conv *v, const struct cnn_call *c)
{
	const size_t room_bytes =
	    conv_takes_as_is(v) ? 0 : native_align(v->image * sizeof(float));
	const size_t all = c->samples * v->windows;
	struct native_room scratch = { c->scratch, 0 };
	float *room = native_take(&scratch, room_bytes);
	const size_t floats = points_of(v) * TILE * LANES;
	float *x = native_take(&scratch, floats * v->in_blocks * sizeof(float));
	float *m = native_take(&scratch, floats * 2 * sizeof(float));
	size_t first = 0, count = 0;

	native_clear(room, room_bytes);
	for (size_t n = 0; n < c->samples; n++) {
		const float *image = padded_image(v, c->in[0], n, room);

		for (size_t p = 0; p < v->windows; p++) {
			const float *at = image +
			    (p / v->pw * 2 * v->row + p % v->pw * 2) * LANES;

			(v->kernel == 3 ? transform_window_3 : transform_window_5)(v,
			    at, x + count * v->in_blocks * LANES);
			if (++count < TILE && first + count < all)
				continue;
			winograd_tile(v, c, first, count, x, m);
			first += count;
			count = 0;
		}
	}
}
