/* pooled-narrow-dot.h - forward of the narrow form in bfloat16, with instructions that
 * add two products at once; part of pooled-kernels.c for levels that have them.
 *
 * In each row of a window's 4 x 4, the first two numbers are one pair and the last two
 * another. The left kernels weight these pairs with (w0,w1),(w2,0), the right ones with
 * (0,w0),(w1,w2).
 *
 * packed: [blocks of o][c][3 rows][4 pairs][o of the block][2], rounded
 */
#define ROW_PAIRS 4
#define DOT_PAIRS (3 * ROW_PAIRS)

static size_t narrow_dot_packed(const struct conv *v)
{
	return v->out_blocks * v->c * DOT_PAIRS * LANES * 2 * sizeof(uint16_t);
}

static void narrow_dot_pack(const struct conv *v, const float *weight, void *packed)
{
	const size_t tap = v->out_blocks * LANES;
	__m512i *out = packed;

	for (size_t b = 0; b < v->out_blocks; b++)
		for (size_t i = 0; i < v->c * 3; i++, out += ROW_PAIRS) {
			const float *row = weight + i * 3 * tap + b * LANES;
			vec zero = { 0 }, w0 = *(const vec *)row;
			vec w1 = *(const vec *)(row + tap);
			vec w2 = *(const vec *)(row + 2 * tap);

			out[0] = pairs(w0, w1);
			out[1] = pairs(w2, zero);
			out[2] = pairs(zero, w0);
			out[3] = pairs(w1, w2);
		}
}

/* sums += one channel's part of the four kernels of the window whose 4 x 4 begins at
 * column x of four rows. There are twice four sums, for the left and the right pairs,
 * because successive additions to one sum would wait for each other. */
INLINE void narrow_dot_window(vec *sums, const __m512i *w, const uint16_t *const *rows,
    size_t x)
{
	UNROLL
	for (size_t r = 0; r < 4; r++) {
		const native_pair *two = (const native_pair *)(rows[r] + x);

		UNROLL
		for (size_t dy = 0; dy < 2; dy++)
			if (r - dy < 3)
				UNROLL
		for (size_t i = 0; i < ROW_PAIRS; i++)
			sums[i % 2 * 4 + 2 * dy + i / 2] =
			    dot(sums[i % 2 * 4 + 2 * dy + i / 2], two[i % 2],
				w[(r - dy) * ROW_PAIRS + i]);
	}
}

INLINE bool is_half_empty(const uint16_t *const *rows, size_t x)
{
	return (*(const native_four *)(rows[0] + x) |
		   *(const native_four *)(rows[1] + x) |
		   *(const native_four *)(rows[2] + x) |
		   *(const native_four *)(rows[3] + x)) == 0;
}

/* Adds the part of the other channels, whose weights are not in registers. */
INLINE void narrow_dot_others(const struct conv *v, vec *sums, const __m512i *packed,
    const uint16_t *const *rows, size_t x)
{
	const size_t plane = v->rows * v->row;

	for (size_t c = 1; c < v->c; c++) {
		const uint16_t *of_c[] = { rows[0] + c * plane, rows[1] + c * plane,
			rows[2] + c * plane, rows[3] + c * plane };

		narrow_dot_window(sums, packed + c * DOT_PAIRS, of_c, x);
	}
}

/* Computes one block of output channels of one sample, from one input channel (single)
 * or several. */
INLINE void narrow_dot_block(const struct conv *v, bool single, const uint16_t *x,
    const __m512i *packed, vec bias, uint16_t *out, int8_t *codes)
{
	vec of_empty[4] = { bias, bias, bias, bias };
	int8_t empty_codes[LANES];
	vec empty = pool(of_empty, empty_codes);
	__m512i w[DOT_PAIRS];
	size_t p = 0;

	UNROLL
	for (size_t i = 0; i < DOT_PAIRS; i++)
		w[i] = packed[i];
	for (size_t y = 0; y < v->ph; y++, x += 2 * v->row) {
		const uint16_t *rows[] = { x, x + v->row, x + 2 * v->row,
			x + 3 * v->row };

		for (size_t i = 0; i < v->pw; i++, p++) {
			vec sums[8] = { bias, bias, bias, bias };

			if (single && is_half_empty(rows, 2 * i)) {
				store_half(empty, out + p * LANES);
				if (codes)
					memcpy(codes + p * LANES, empty_codes, LANES);
				continue;
			}
			narrow_dot_window(sums, w, rows, 2 * i);
			if (!single)
				narrow_dot_others(v, sums, packed, rows, 2 * i);
			UNROLL
			for (size_t k = 0; k < 4; k++)
				sums[k] += sums[4 + k];
			store_half(pool(sums, codes ? codes + p * LANES : NULL),
			    out + p * LANES);
		}
	}
}

NOINLINE void narrow_dot_one(const struct conv *v, const uint16_t *x,
    const __m512i *packed, const float *bias, uint16_t *out, int8_t *codes)
{
	narrow_dot_block(v, true, x, packed, bias ? *(const vec *)bias : (vec){ 0 },
	    out, codes);
}

NOINLINE void narrow_dot_few(const struct conv *v, const uint16_t *x,
    const __m512i *packed, const float *bias, uint16_t *out, int8_t *codes)
{
	narrow_dot_block(v, false, x, packed, bias ? *(const vec *)bias : (vec){ 0 },
	    out, codes);
}

static void narrow_dot_forward(const struct conv *v, const struct cnn_call *c)
{
	const size_t block = v->windows * LANES;
	const float *bias = v->has_bias ? c->params[1] : NULL;
	int8_t *codes = c->training ? c->saved : NULL;
	uint16_t *out = c->out;

	native_clear(c->scratch, half_scratch(v));
	for (size_t n = 0; n < c->samples; n++) {
		const uint16_t *x = half_image(v, c->in[0], n, c->scratch);

		for (size_t b = 0; b < v->out_blocks; b++) {
			(v->c == 1 ? narrow_dot_one : narrow_dot_few)(v, x,
			    (const __m512i *)c->packed + b * v->c * DOT_PAIRS,
			    bias ? bias + b * LANES : NULL, out, codes);
			out += block;
			codes = codes ? codes + block : NULL;
		}
	}
}
