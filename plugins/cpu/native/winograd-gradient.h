/* winograd-gradient.h - the gradients of the parameters; part of winograd-kernels.c. */

INLINE void transform_gradient_tile(const struct tile *t, float *out, size_t apart,
    bool masked, bool half)
{
	vec column[4], r[24], row[6];

	UNROLL
	for (size_t j = 0; j < 4; j++) {
		load_column(t, j, column, 4, masked, half);
		transform_g4(column, r + j, 4);
	}
	UNROLL
	for (size_t i = 0; i < 6; i++) {
		transform_g4(r + 4 * i, row, 1);
		UNROLL
		for (size_t j = 0; j < 6; j++)
			*(vec *)(out + (6 * i + j) * apart) = row[j];
	}
}

/* W of tile t: at out[block * block_apart + e * apart], in floats. `p` is a pass that
 * reads the gradient of s. */
INLINE void transform_gradient(const struct pass *p, size_t t, float *out, size_t apart,
    size_t block_apart, bool half)
{
	const size_t n = t / p->tiles, at = t % p->tiles;
	const ptrdiff_t y = (ptrdiff_t)(at / p->tiles_x * 4);
	const ptrdiff_t x = (ptrdiff_t)(at % p->tiles_x * 4);

	for (size_t b = 0; b < p->in_blocks; b++, out += block_apart) {
		struct tile tile;

		set_tile(p, n * p->in_blocks + b, y, x, 4, half, &tile);
		if (p->mask)
			transform_gradient_tile(&tile, out, apart, true, half);
		else
			transform_gradient_tile(&tile, out, apart, false, half);
	}
}

NOINLINE void gradient_float(const struct pass *p, size_t t, float *out, size_t apart,
    size_t block_apart)
{
	transform_gradient(p, t, out, apart, block_apart, false);
}

NOINLINE void gradient_half(const struct pass *p, size_t t, float *out, size_t apart,
    size_t block_apart)
{
	transform_gradient(p, t, out, apart, block_apart, true);
}

/* m [GRAD_CHANNELS][blocks] = the sums over `count` tiles of V and W; both are [tile]
 * [LANES], the blocks of W `apart` floats apart. */
INLINE void multiply_gradient(size_t blocks, const float *x, const float *w,
    size_t apart, size_t count, vec *m)
{
	vec sums[2 * GRAD_CHANNELS];

	UNROLL
	for (size_t i = 0; i < GRAD_CHANNELS * blocks; i++)
		sums[i] = (vec){ 0 };
	for (size_t t = 0; t < count; t++) {
		vec g[2];

		UNROLL
		for (size_t b = 0; b < blocks; b++)
			g[b] = *(const vec *)(w + b * apart + t * LANES);
		UNROLL
		for (size_t i = 0; i < GRAD_CHANNELS; i++) {
			const vec one = splat(x[t * LANES + i]);

			UNROLL
			for (size_t b = 0; b < blocks; b++)
				sums[i * blocks + b] += one * g[b];
		}
	}
	UNROLL
	for (size_t i = 0; i < GRAD_CHANNELS * blocks; i++)
		m[i] = sums[i];
}

/* grad [TAPS][outs] += A3' m A3; m is [36][GRAD_CHANNELS][blocks] */
INLINE void add_weights(const vec *m, size_t apart, float *grad, size_t outs)
{
	vec column[6], r[18], g[TAPS];

	UNROLL
	for (size_t j = 0; j < 6; j++) {
		UNROLL
		for (size_t i = 0; i < 6; i++)
			column[i] = m[(6 * i + j) * apart];
		transform_a3(column, r + j, 6);
	}
	UNROLL
	for (size_t i = 0; i < 3; i++)
		transform_a3(r + 6 * i, g + 3 * i, 1);
	UNROLL
	for (size_t k = 0; k < TAPS; k++)
		*(vec *)(grad + k * outs) += g[k];
}

/* Adds what a chunk of tiles gives for channels c .. c + GRAD_CHANNELS - 1 of in and
 * one or two blocks of out from `b` on. */
INLINE void weight_chunk(const struct winograd *v, const struct winograd_room *room,
    size_t count, size_t c, size_t b, float *grad, size_t blocks)
{
	const size_t outs = v->out_blocks * LANES, apart = apart_of(GRAD_CHUNK);
	const size_t slice = POINTS * apart;
	const float *x = room->x + c / LANES * slice + c % LANES;
	const float *w = room->m + b * slice;
	vec m[POINTS * GRAD_CHANNELS * 2];

	for (size_t e = 0; e < POINTS; e++)
		multiply_gradient(blocks, x + e * apart, w + e * apart, slice, count,
		    m + e * GRAD_CHANNELS * blocks);
	for (size_t i = 0; i < GRAD_CHANNELS && c + i < v->c; i++)
		for (size_t k = 0; k < blocks; k++)
			add_weights(m + i * blocks + k, GRAD_CHANNELS * blocks,
			    grad + (c + i) * TAPS * outs + (b + k) * LANES, outs);
}

NOINLINE void weight_chunk_one(const struct winograd *v,
    const struct winograd_room *room, size_t count, size_t c, size_t b, float *grad)
{
	weight_chunk(v, room, count, c, b, grad, 1);
}

NOINLINE void weight_chunk_two(const struct winograd *v,
    const struct winograd_room *room, size_t count, size_t c, size_t b, float *grad)
{
	weight_chunk(v, room, count, c, b, grad, 2);
}

/* `in` reads in, `from` reads the gradient of s. */
static void weight_gradient(const struct pass *in, const struct pass *from,
    const struct winograd_room *room, float *grad)
{
	const struct winograd *v = in->v;
	const size_t all = in->samples * in->tiles;
	const size_t apart = apart_of(GRAD_CHUNK), slice = POINTS * apart;

	memset(grad, 0, v->c * TAPS * v->out_blocks * LANES * sizeof *grad);
	for (size_t first = 0; first < all; first += GRAD_CHUNK) {
		const size_t left = all - first;
		const size_t count = left < GRAD_CHUNK ? left : GRAD_CHUNK;

		for (size_t t = 0; t < count; t++) {
			(v->half ? input_half : input_float)(in, first + t,
			    room->x + t * LANES, apart, slice);
			(v->half ? gradient_half : gradient_float)(from, first + t,
			    room->m + t * LANES, apart, slice);
		}
		for (size_t b = 0; b < v->out_blocks; b += 2)
			for (size_t c = 0; c < v->c; c += GRAD_CHANNELS)
				(v->out_blocks - b > 1 ?
					weight_chunk_two :
					weight_chunk_one)(v, room, count, c, b, grad);
	}
}

static void bias_gradient(const struct pass *from, float *grad)
{
	const struct winograd *v = from->v;
	const size_t area = from->h * from->w;

	for (size_t b = 0; b < v->out_blocks; b++) {
		vec sum = { 0 };

		for (size_t n = 0; n < from->samples; n++) {
			const size_t first = (n * v->out_blocks + b) * area;
			vec part = { 0 };

			for (size_t i = first; i < first + area; i++) {
				vec g = load(from->in, i, v->half);

				part += from->mask ?
				    where_above(load(from->mask, i, v->half), g) :
				    g;
			}
			sum += part;
		}
		*(vec *)(grad + b * LANES) = sum;
	}
}
