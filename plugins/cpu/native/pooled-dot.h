/* pooled-dot.h - forward of the wide form in bfloat16 for 3 x 3 kernels, with instructions
 * that add two products at once; part of pooled-kernels.c for levels that have them. For
 * larger kernels the transform of pooled-winograd.h is faster.
 *
 * The kernel computes DOT_WINDOWS adjacent windows for two blocks of output channels:
 * 24 vectors of sums.
 *
 * packed: [pairs of blocks][9][c / 2][o of the pair][2], rounded
 */
#define DOT_WINDOWS 3
#define DOT_TAPS 9

static size_t dot_packed(const struct conv *v)
{
	return v->in_blocks * v->out_blocks * LANES * DOT_TAPS * LANES *
	    sizeof(uint16_t);
}

/* Packs one tap for one block of input channels and one of output channels. weight is
 * [o][c], with rows DOT_TAPS vectors apart; out is [c / 2][o of the pair][2]. */
static void dot_pack_square(const float *weight, uint16_t *out, size_t pair)
{
	vec square[LANES];

	for (size_t o = 0; o < LANES; o++)
		square[o] = *(const vec *)(weight + o * DOT_TAPS * LANES);
	transpose(square);
	for (size_t c = 0; c < LANES; c += 2)
		_mm512_storeu_si512(out + c * pair, pairs(square[c], square[c + 1]));
}

static void dot_pack(const struct conv *v, const float *weight, void *packed)
{
	const size_t channels = v->in_blocks * LANES;

	for (size_t ib = 0; ib < v->in_blocks; ib++)
		for (size_t ob = 0; ob < v->out_blocks; ob++) {
			size_t first = ob / 2 * 2;
			size_t pair = (v->out_blocks - first > 1 ? 2 : 1) * LANES;
			const float *from = weight +
			    (ib * v->out_blocks + ob) * LANES * DOT_TAPS * LANES;
			uint16_t *to = (uint16_t *)packed +
			    first * LANES * DOT_TAPS * channels + ib * LANES * pair +
			    (ob - first) * 2 * LANES;

			for (size_t k = 0; k < DOT_TAPS; k++)
				dot_pack_square(from + k * LANES,
				    to + k * channels * pair, pair);
		}
}

/* sums [window][4][blocks] += the products of `count` adjacent windows. x is the first
 * window's 4 x 4 in the first block. */
INLINE void dot_windows(const struct conv *v, size_t count, size_t blocks,
    const uint16_t *x, const uint16_t *weight, vec *sums)
{
	const __m512i *w = (const __m512i *)weight;

	for (size_t k = 0; k < DOT_TAPS; k++)
		for (size_t b = 0; b < v->in_blocks; b++) {
			const uint16_t *at = x +
			    ((b * v->rows + k / 3) * v->row + k % 3) * LANES;
			const native_pair *top = (const native_pair *)at;
			const native_pair *bottom =
			    (const native_pair *)(at + v->row * LANES);

			for (size_t c = 0; c < LANES / 2; c++, w += blocks)
				UNROLL
			for (size_t i = 0; i < 4 * count; i++) {
				size_t column = i / 4 * 2 + i % 2;
				int32_t two =
				    (i % 4 < 2 ? top : bottom)[column * LANES / 2 + c];

				UNROLL
				for (size_t o = 0; o < blocks; o++)
					sums[i * blocks + o] =
					    dot(sums[i * blocks + o], two, w[o]);
			}
		}
}

INLINE void dot_part(const struct conv *v, size_t count, size_t blocks,
    const uint16_t *x, const uint16_t *weight, const float *bias, uint16_t *out,
    int8_t *codes)
{
	vec sums[4 * DOT_WINDOWS * 2];

	UNROLL
	for (size_t i = 0; i < 4 * count; i++)
		UNROLL
	for (size_t o = 0; o < blocks; o++)
		sums[i * blocks + o] = bias ? *(const vec *)(bias + o * LANES) :
					      (vec){ 0 };
	dot_windows(v, count, blocks, x, weight, sums);
	UNROLL
	for (size_t i = 0; i < count; i++)
		UNROLL
	for (size_t o = 0; o < blocks; o++) {
		size_t at = o * v->windows + i;
		vec four[4];

		UNROLL
		for (size_t k = 0; k < 4; k++)
			four[k] = sums[(4 * i + k) * blocks + o];
		store_half(pool(four, v->relu, codes ? codes + at * LANES : NULL),
		    out + at * LANES);
	}
}

INLINE void dot_blocks(const struct conv *v, size_t blocks, const uint16_t *x,
    const uint16_t *weight, const float *bias, uint16_t *out, int8_t *codes)
{
	for (size_t y = 0; y < v->ph; y++)
		for (size_t i = 0; i < v->pw;) {
			const uint16_t *at = x + (y * v->row + i) * 2 * LANES;
			size_t p = y * v->pw + i, left = v->pw - i;
			int8_t *code = codes ? codes + p * LANES : NULL;
			uint16_t *to = out + p * LANES;

			if (left >= 3)
				dot_part(v, 3, blocks, at, weight, bias, to, code);
			else if (left == 2)
				dot_part(v, 2, blocks, at, weight, bias, to, code);
			else
				dot_part(v, 1, blocks, at, weight, bias, to, code);
			i += left >= 3 ? 3 : left;
		}
}

static void dot_forward(const struct conv *v, const struct cnn_call *c)
{
	const size_t block = v->windows * LANES;
	const float *bias = v->has_bias ? c->params[1] : NULL;
	uint16_t *out = c->out, *room = c->scratch;
	int8_t *codes = c->training ? c->saved : NULL;

	native_clear(room, half_scratch(v));
	for (size_t n = 0; n < c->samples; n++) {
		const uint16_t *x = half_image(v, c->in[0], n, room);

		for (size_t ob = 0; ob < v->out_blocks; ob += 2) {
			const uint16_t *weight = (const uint16_t *)c->packed +
			    ob * LANES * DOT_TAPS * v->in_blocks * LANES;
			const float *start = bias ? bias + ob * LANES : NULL;
			size_t at = (n * v->out_blocks + ob) * block;
			int8_t *code = codes ? codes + at : NULL;

			if (v->out_blocks - ob > 1)
				dot_blocks(v, 2, x, weight, start, out + at, code);
			else
				dot_blocks(v, 1, x, weight, start, out + at, code);
		}
	}
}
