/* pooled-narrow-dot.h - forward of the narrow form in bfloat16, with instructions that
 * add two products at once; part of pooled-kernels.c for levels that have them.
 *
 * Each row of a window's 4 x 4 or 6 x 6 is two or three pairs of numbers. The left kernels
 * weight these pairs with (w0,w1),(w2,0), the right ones with (0,w0),(w1,w2); larger ones
 * likewise with (w0,w1),(w2,w3),(w4,0) and (0,w0),(w1,w2),(w3,w4).
 *
 * packed: [blocks of o][c][rows of the kernel][left and right][pairs][o of the block][2],
 * rounded
 */
#define MAX_DOT_PAIRS (MAX_KERNEL * (MAX_KERNEL + 1))

/* Vectors of packed for a channel and block. */
static size_t dot_pairs(const struct conv *v)
{
	return v->kernel * (v->kernel + 1);
}

static size_t narrow_dot_packed(const struct conv *v)
{
	return v->out_blocks * v->c * dot_pairs(v) * LANES * 2 * sizeof(uint16_t);
}

static void narrow_dot_pack(const struct conv *v, const float *weight, void *packed)
{
	const size_t tap = v->out_blocks * LANES;
	__m512i *out = packed;

	for (size_t b = 0; b < v->out_blocks; b++)
		for (size_t i = 0; i < v->c * v->kernel; i++) {
			const float *row = weight + i * v->kernel * tap + b * LANES;
			vec w[MAX_KERNEL + 2] = {
				0
			}; /* with zeros before and behind */

			for (size_t k = 0; k < v->kernel; k++)
				w[1 + k] = *(const vec *)(row + k * tap);
			for (size_t k = 1; k <= v->kernel; k += 2)
				*out++ = pairs(w[k], w[k + 1]);
			for (size_t k = 0; k < v->kernel; k += 2)
				*out++ = pairs(w[k], w[k + 1]);
		}
}

/* sums += one channel's part of the four kernels of the window whose square begins at
 * column x of the rows. There are twice four sums, for even and odd pairs, because
 * successive additions to one sum would wait for each other. */
INLINE void narrow_dot_window(vec *sums, const __m512i *w, const uint16_t *const *rows,
    size_t x, size_t kernel)
{
	const size_t of_side = (kernel + 1) / 2;

	UNROLL
	for (size_t r = 0; r < kernel + 1; r++) {
		const native_pair *two = (const native_pair *)(rows[r] + x);

		UNROLL
		for (size_t dy = 0; dy < 2; dy++)
			if (r - dy < kernel)
				UNROLL
		for (size_t i = 0; i < kernel + 1; i++) {
			const size_t side = i / of_side, pair = i % of_side;
			vec *sum = &sums[pair % 2 * 4 + 2 * dy + side];

			*sum = dot(*sum, two[pair], w[(r - dy) * (kernel + 1) + i]);
		}
	}
}

/* As is_empty(). */
INLINE bool is_half_empty(const uint16_t *const *rows, size_t x, size_t side)
{
	uint64_t any = 0;

	UNROLL
	for (size_t r = 0; r < side; r++)
		UNROLL
	for (size_t first = 0; first + 4 <= side; first += 2)
		any |= *(const native_four *)(rows[r] + x + first);
	return any == 0;
}

/* Adds the part of the other channels, whose weights are not in registers. */
INLINE void narrow_dot_others(const struct conv *v, vec *sums, const __m512i *packed,
    const uint16_t *const *rows, size_t x, size_t kernel)
{
	for (size_t c = 1; c < v->c; c++) {
		const uint16_t *of_c[MAX_KERNEL + 1] = { NULL };

		UNROLL
		for (size_t i = 0; i < kernel + 1; i++)
			of_c[i] = rows[i] + c * v->rows * v->row;
		narrow_dot_window(sums, packed + c * kernel * (kernel + 1), of_c, x,
		    kernel);
	}
}

/* Computes one block of output channels of one sample, from one input channel (single)
 * or several. bias may be NULL. */
INLINE void narrow_dot_block(const struct conv *v, const uint16_t *x,
    const __m512i *packed, const float *bias, uint16_t *out, int8_t *codes, bool single,
    size_t kernel)
{
	const vec first = bias ? *(const vec *)bias : (vec){ 0 };
	vec of_empty[4] = { first, first, first, first };
	int8_t empty_codes[LANES];
	vec empty = pool(of_empty, v->relu, empty_codes);
	__m512i w[MAX_DOT_PAIRS];
	size_t p = 0;

	UNROLL
	for (size_t i = 0; i < kernel * (kernel + 1); i++)
		w[i] = packed[i];
	for (size_t y = 0; y < v->ph; y++, x += 2 * v->row) {
		const uint16_t *rows[MAX_KERNEL + 1] = { NULL };

		SET_ROWS(rows, x, v->row, kernel + 1);
		for (size_t i = 0; i < v->pw; i++, p++) {
			vec sums[8] = { first, first, first, first };

			if (single && is_half_empty(rows, 2 * i, kernel + 1)) {
				store_half(empty, out + p * LANES);
				if (codes)
					memcpy(codes + p * LANES, empty_codes, LANES);
				continue;
			}
			narrow_dot_window(sums, w, rows, 2 * i, kernel);
			if (!single)
				narrow_dot_others(v, sums, packed, rows, 2 * i, kernel);
			UNROLL
			for (size_t k = 0; k < 4; k++)
				sums[k] += sums[4 + k];
			store_half(pool(sums, v->relu,
				       codes ? codes + p * LANES : NULL),
			    out + p * LANES);
		}
	}
}

#define NARROW_DOT_BLOCK(NAME, SINGLE, KERNEL) \
	NOINLINE void NAME(const struct conv *v, const uint16_t *x, \
	    const __m512i *packed, const float *bias, uint16_t *out, int8_t *codes) \
	{ \
		narrow_dot_block(v, x, packed, bias, out, codes, SINGLE, KERNEL); \
	}
NARROW_DOT_BLOCK(narrow_dot_one_3, true, 3)
NARROW_DOT_BLOCK(narrow_dot_few_3, false, 3)
NARROW_DOT_BLOCK(narrow_dot_one_5, true, 5)
NARROW_DOT_BLOCK(narrow_dot_few_5, false, 5)

static void narrow_dot_forward(const struct conv *v, const struct cnn_call *c)
{
	const size_t block = v->windows * LANES;
	const float *bias = v->has_bias ? c->params[1] : NULL;
	int8_t *codes = c->training ? c->saved : NULL;
	uint16_t *out = c->out;
	const bool small = v->kernel == 3;

	native_clear(c->scratch, half_scratch(v));
	for (size_t n = 0; n < c->samples; n++) {
		const uint16_t *x = half_image(v, c->in[0], n, c->scratch);

		for (size_t b = 0; b < v->out_blocks; b++) {
			(v->c == 1 ? (small ? narrow_dot_one_3 : narrow_dot_one_5) :
				     (small ? narrow_dot_few_3 : narrow_dot_few_5))(v,
			    x, (const __m512i *)c->packed + b * v->c * dot_pairs(v),
			    bias ? bias + b * LANES : NULL, out, codes);
			out += block;
			codes = codes ? codes + block : NULL;
		}
	}
}
