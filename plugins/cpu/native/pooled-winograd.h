/* pooled-winograd.h - forward of the wide form in float; part of pooled-kernels.c.
 *
 * Winograd's F(2 x 2, 3 x 3) computes the four sums of a window with 16 products per
 * pair of channels instead of 36 (A. Lavin, S. Gray, "Fast Algorithms for Convolutional
 * Neural Networks", 2015):
 *   s = A' [sum over c of (G g G') * (B' d B)] A
 * Here d is the window's 4 x 4 of in, g the 3 x 3 of weight, and * is elementwise. The
 * sums over c are 16 matrix products, over TILE windows at a time.
 *
 * packed: U [pairs of blocks][16][c][o of the pair], U = G g G'
 * scratch: V [16][TILE][c], V = B' d B; M [16][TILE][o of a pair], the products
 */

/* Windows whose sums for two blocks fit the registers. A partial tile is processed FEW
 * windows at a time. */
#if AVX512
#define TILE 12
#define FEW 4
#else
#define TILE 6
#define FEW 2
#endif

static size_t winograd_packed(const struct conv *v)
{
	return 16 * v->c * v->out_blocks * LANES * sizeof(float);
}

static size_t winograd_scratch(const struct conv *v)
{
	return (conv_takes_as_is(v) ? 0 : native_align(v->image * sizeof(float))) +
	    16 * TILE * (v->in_blocks + 2) * LANES * sizeof(float);
}

/* out[4 steps] = G applied to in[3 steps] */
INLINE void winograd_g(const vec *in, vec *out, size_t step)
{
	vec outer = 0.5f * (in[0] + in[2 * step]), inner = 0.5f * in[step];

	out[0] = in[0];
	out[step] = outer + inner;
	out[2 * step] = outer - inner;
	out[3 * step] = in[2 * step];
}

/* Packs one block of input channels and one of output channels. weight is [o][TAPS][c],
 * u is [16][all c][o of the pair]. */
static void winograd_pack_block(const float *weight, float *u, size_t channels,
    size_t all, size_t pair)
{
	vec squares[16][LANES];

	for (size_t o = 0; o < LANES; o++) {
		const vec *g = (const vec *)weight + o * TAPS;
		vec rows[12], u_o[16];

		UNROLL
		for (size_t j = 0; j < 3; j++)
			winograd_g(g + j, rows + j, 3);
		UNROLL
		for (size_t i = 0; i < 4; i++)
			winograd_g(rows + 3 * i, u_o + 4 * i, 1);
		UNROLL
		for (size_t e = 0; e < 16; e++)
			squares[e][o] = u_o[e];
	}
	for (size_t e = 0; e < 16; e++) {
		transpose(squares[e]);
		for (size_t c = 0; c < channels; c++)
			*(vec *)(u + (e * all + c) * pair) = squares[e][c];
	}
}

static void winograd_pack(const struct conv *v, const float *weight, void *packed)
{
	for (size_t ib = 0; ib < v->in_blocks; ib++) {
		size_t c = ib * LANES, channels = v->c - c < LANES ? v->c - c : LANES;

		for (size_t ob = 0; ob < v->out_blocks; ob++) {
			size_t first = ob / 2 * 2;
			size_t pair = (v->out_blocks - first > 1 ? 2 : 1) * LANES;
			float *u = (float *)packed + 16 * v->c * first * LANES +
			    (ob - first) * LANES;

			winograd_pack_block(weight +
				(ib * v->out_blocks + ob) * LANES * TAPS * LANES,
			    u + c * pair, channels, v->c, pair);
		}
	}
}

/* out[4] = B' in[4] */
INLINE void winograd_b(const vec *in, vec *out, size_t step)
{
	out[0] = in[0] - in[2 * step];
	out[step] = in[step] + in[2 * step];
	out[2 * step] = in[2 * step] - in[step];
	out[3 * step] = in[step] - in[3 * step];
}

/* Computes V of one window. x is its 4 x 4 in the first block. */
static void winograd_input(const struct conv *v, const float *x, float *out)
{
	const size_t channels = v->in_blocks * LANES;

	for (size_t b = 0; b < v->in_blocks; b++, x += v->rows * v->row * LANES) {
		vec d[16], t[16], r[16];

		UNROLL
		for (size_t i = 0; i < 16; i++)
			d[i] = *(const vec *)(x + (i / 4 * v->row + i % 4) * LANES);
		UNROLL
		for (size_t j = 0; j < 4; j++)
			winograd_b(d + j, t + j, 4);
		UNROLL
		for (size_t i = 0; i < 4; i++)
			winograd_b(t + 4 * i, r + 4 * i, 1);
		UNROLL
		for (size_t e = 0; e < 16; e++)
			*(vec *)(out + e * TILE * channels + b * LANES) = r[e];
	}
}

/* Computes all 16 products for `count` windows. */
INLINE void winograd_products(const struct conv *v, size_t blocks, size_t count,
    const float *x, const float *u, float *m)
{
	const size_t channels = v->in_blocks * LANES;

	for (size_t e = 0; e < 16; e++, x += TILE * channels,
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

/* out[2] = A' in[4] */
INLINE void winograd_a(const vec *in, vec *out, size_t step, size_t out_step)
{
	out[0] = in[0] + in[step] + in[2 * step];
	out[out_step] = in[step] - in[2 * step] - in[3 * step];
}

/* Computes the four sums of a window and block from its products, which are `apart`
 * floats from each other. */
INLINE void winograd_output(const float *m, size_t apart, vec bias, vec *sums)
{
	vec p[16], t[8];

	UNROLL
	for (size_t e = 0; e < 16; e++)
		p[e] = *(const vec *)(m + e * apart);
	UNROLL
	for (size_t j = 0; j < 4; j++)
		winograd_a(p + j, t + j, 4, 4);
	winograd_a(t, sums, 1, 1);
	winograd_a(t + 4, sums + 2, 1, 1);
	UNROLL
	for (size_t i = 0; i < 4; i++)
		sums[i] += bias;
}

/* Computes a tile of windows. `first` is the index of its first window in the call. */
static void winograd_tile(const struct conv *v, const struct cnn_call *c, size_t first,
    size_t count, const float *x, float *m)
{
	const float *bias = v->has_bias ? c->params[1] : NULL;
	int8_t *codes = c->training ? c->saved : NULL;

	for (size_t ob = 0; ob < v->out_blocks; ob += 2) {
		size_t blocks = v->out_blocks - ob > 1 ? 2 : 1;
		size_t apart = TILE * blocks * LANES;
		const float *u = (const float *)c->packed + 16 * v->c * ob * LANES;

		if (blocks == 2)
			winograd_products(v, 2, count, x, u, m);
		else
			winograd_products(v, 1, count, x, u, m);
		for (size_t t = 0; t < count; t++)
			for (size_t b = 0; b < blocks; b++) {
				size_t n = (first + t) / v->windows;
				size_t p = (first + t) % v->windows;
				size_t at = (n * v->out_blocks + ob + b) * v->windows +
				    p;
				vec sums[4];

				winograd_output(m + (t * blocks + b) * LANES, apart,
				    bias ? *(const vec *)(bias + (ob + b) * LANES) :
					   (vec){ 0 },
				    sums);
				store(c->out, at, v->half,
				    pool(sums, codes ? codes + at * LANES : NULL));
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
	float *x =
	    native_take(&scratch, 16 * TILE * v->in_blocks * LANES * sizeof(float));
	float *m = native_take(&scratch, 16 * TILE * 2 * LANES * sizeof(float));
	size_t first = 0, count = 0;

	native_clear(room, room_bytes);
	for (size_t n = 0; n < c->samples; n++) {
		const float *image = padded_image(v, c->in[0], n, room);

		for (size_t p = 0; p < v->windows; p++) {
			const float *at = image +
			    (p / v->pw * 2 * v->row + p % v->pw * 2) * LANES;

			winograd_input(v, at, x + count * v->in_blocks * LANES);
			if (++count < TILE && first + count < all)
				continue;
			winograd_tile(v, c, first, count, x, m);
			first += count;
			count = 0;
		}
	}
}
