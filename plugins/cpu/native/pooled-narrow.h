/* pooled-narrow.h - the narrow form; part of pooled-kernels.c. Vectors run over output
 * channels; the few input channels are read as scalars. */

static size_t narrow_packed(const struct conv *v)
{
	(void)v;
	return 0;
}

static size_t narrow_forward_scratch(const struct conv *v)
{
	return conv_takes_as_is(v) ? 0 : native_align(v->image * sizeof(float));
}

static void narrow_pack(const struct conv *v, const float *weight, void *packed)
{
	(void)v, (void)weight, (void)packed;
}

/* sums += one channel's part of the four kernels of the window whose square begins at
 * column x of the rows. */
INLINE void narrow_window(vec *sums, const vec *weight, const float *const *rows,
    size_t x, size_t kernel)
{
	UNROLL
	for (size_t k = 0; k < kernel * kernel; k++)
		UNROLL
	for (size_t i = 0; i < 4; i++)
		sums[i] += weight[k] *
		    splat(rows[k / kernel + i / 2][x + k % kernel + i % 2]);
}

/* Adds the part of the other channels, whose weights are no longer in registers. */
INLINE void narrow_others(const struct conv *v, vec *sums, const float *weight,
    size_t tap, const float *const *rows, size_t x, size_t kernel)
{
	for (size_t c = 1; c < v->c; c++) {
		const float *of_c[MAX_KERNEL + 1] = { NULL };
		vec w[MAX_TAPS];

		UNROLL
		for (size_t i = 0; i < kernel + 1; i++)
			of_c[i] = rows[i] + c * v->rows * v->row;
		UNROLL
		for (size_t k = 0; k < kernel * kernel; k++)
			w[k] = *(const vec *)(weight + (c * kernel * kernel + k) * tap);
		narrow_window(sums, w, of_c, x, kernel);
	}
}

/* Computes one block of output channels of one sample, from one input channel (single)
 * or several. weight is that of the block, with taps `tap` apart; bias may be NULL. */
INLINE void narrow_block(const struct conv *v, const float *x, const float *weight,
    size_t tap, const float *bias, void *out, int8_t *codes, bool single, size_t kernel)
{
	const vec first = bias ? *(const vec *)bias : (vec){ 0 };
	vec w[MAX_TAPS], of_empty[4] = { first, first, first, first };
	int8_t empty_codes[LANES];
	vec empty = pool(of_empty, v->relu, empty_codes);
	size_t p = 0;

	UNROLL
	for (size_t k = 0; k < kernel * kernel; k++)
		w[k] = *(const vec *)(weight + k * tap);
	for (size_t y = 0; y < v->ph; y++, x += 2 * v->row) {
		const float *rows[MAX_KERNEL + 1] = { NULL };

		SET_ROWS(rows, x, v->row, kernel + 1);
		for (size_t i = 0; i < v->pw; i++, p++) {
			vec sums[4] = { first, first, first, first };

			if (single && is_empty(rows, 2 * i, kernel + 1)) {
				store(out, p, v->half, empty);
				if (codes)
					memcpy(codes + p * LANES, empty_codes, LANES);
				continue;
			}
			narrow_window(sums, w, rows, 2 * i, kernel);
			if (!single)
				narrow_others(v, sums, weight, tap, rows, 2 * i,
				    kernel);
			store(out, p, v->half,
			    pool(sums, v->relu, codes ? codes + p * LANES : NULL));
		}
	}
}

#define NARROW_BLOCK(NAME, SINGLE, KERNEL) \
	NOINLINE void NAME(const struct conv *v, const float *x, const float *weight, \
	    size_t tap, const float *bias, void *out, int8_t *codes) \
	{ \
		narrow_block(v, x, weight, tap, bias, out, codes, SINGLE, KERNEL); \
	}
NARROW_BLOCK(narrow_one_3, true, 3)
NARROW_BLOCK(narrow_few_3, false, 3)
NARROW_BLOCK(narrow_one_5, true, 5)
NARROW_BLOCK(narrow_few_5, false, 5)

static void narrow_forward(const struct conv *v, const struct cnn_call *c)
{
	const size_t block = v->windows * LANES, element = v->half ? 2 : 4;
	const float *bias = v->has_bias ? c->params[1] : NULL;
	int8_t *codes = c->training ? c->saved : NULL;
	float *room = c->scratch;
	char *out = c->out;
	const bool small = v->kernel == 3;

	native_clear(room, narrow_forward_scratch(v));
	for (size_t n = 0; n < c->samples; n++) {
		const float *x = padded_image(v, c->in[0], n, room);

		for (size_t b = 0; b < v->out_blocks; b++) {
			const float *weight = (const float *)c->params[0] + b * LANES;
			const float *start = bias ? bias + b * LANES : NULL;

			(v->c == 1 ? (small ? narrow_one_3 : narrow_one_5) :
				     (small ? narrow_few_3 : narrow_few_5))(v, x,
			    weight, v->out_blocks * LANES, start, out, codes);
			out += block * element;
			codes = codes ? codes + block : NULL;
		}
	}
}

/* --- the gradients of weights and bias -------------------------------------------- */

#if AVX512
/* The two rows from which the winners' row `first` of the kernel is taken, side by side:
 * element 8 y + x is that of a code's place (y, x) in the first column. */
INLINE __m512 two_rows(const float *const *rows, size_t first, size_t x, size_t side)
{
	const __mmask8 some = (__mmask8)((1 << side) - 1);
	const __m256 top = _mm256_maskz_loadu_ps(some, rows[first] + x);
	const __m256 bottom = _mm256_maskz_loadu_ps(some, rows[first + 1] + x);

	return _mm512_insertf32x8(_mm512_castps256_ps512(top), bottom, 1);
}
#endif

/* sums[k] += grad times tap k of the kernel at each lane's winner. The window's square
 * begins at column x of the rows. Where no place won, grad is 0. */
INLINE void narrow_taps(vec *sums, const float *const *rows, size_t x, ivec code,
    vec grad, size_t kernel)
{
#if AVX512
	const ivec place = (code & 4) * 2 + (code & 1);

	UNROLL
	for (size_t i = 0; i < kernel; i++) {
		const __m512 two = two_rows(rows, i, x, kernel + 1);

		UNROLL
		for (size_t j = 0; j < kernel; j++)
			sums[i * kernel + j] += grad *
			    (vec)_mm512_permutexvar_ps((__m512i)(place + (int32_t)j),
				two);
	}
#else
	static const int8_t places[] = CODES;

	UNROLL
	for (size_t i = 0; i < 4; i++) {
		vec part = (vec)((ivec)grad & (code == places[i]));

		UNROLL
		for (size_t k = 0; k < kernel * kernel; k++)
			sums[k] += part *
			    splat(rows[i / 2 + k / kernel][x + i % 2 + k % kernel]);
	}
#endif
}

/* Adds the gradients of one sample and one input channel to weight and bias, for
 * `count` adjacent blocks of output channels. Taps of weight are `tap` apart. */
INLINE void narrow_gradient(const struct conv *v, const float *x, const void *grad_out,
    const int8_t *codes, float *weight, size_t tap, float *bias, size_t count,
    size_t kernel)
{
	vec sums[2][MAX_TAPS], total[2];
	size_t p = 0;

	UNROLL
	for (size_t b = 0; b < count; b++) {
		UNROLL
		for (size_t k = 0; k < kernel * kernel; k++)
			sums[b][k] = *(const vec *)(weight + k * tap + b * LANES);
		total[b] = *(const vec *)(bias + b * LANES);
	}
	for (size_t y = 0; y < v->ph; y++, x += 2 * v->row) {
		const float *rows[MAX_KERNEL + 1] = { NULL };

		SET_ROWS(rows, x, v->row, kernel + 1);
		for (size_t i = 0; i < v->pw; i++, p++) {
			ivec code[2];
			vec grad[2];

			UNROLL
			for (size_t b = 0; b < count; b++) {
				size_t at = b * v->windows + p;

				code[b] = load_codes(codes + at * LANES);
				grad[b] = (vec)((ivec)load(grad_out, at, v->half) &
				    (code[b] >= 0));
				total[b] += grad[b];
			}
			if (is_empty(rows, 2 * i, kernel + 1))
				continue;
			UNROLL
			for (size_t b = 0; b < count; b++)
				narrow_taps(sums[b], rows, 2 * i, code[b], grad[b],
				    kernel);
		}
	}
	UNROLL
	for (size_t b = 0; b < count; b++) {
		UNROLL
		for (size_t k = 0; k < kernel * kernel; k++)
			*(vec *)(weight + k * tap + b * LANES) = sums[b][k];
		*(vec *)(bias + b * LANES) = total[b];
	}
}

#define NARROW_GRADIENT(NAME, COUNT, KERNEL) \
	NOINLINE void NAME(const struct conv *v, const float *x, const void *grad_out, \
	    const int8_t *codes, float *weight, size_t tap, float *bias) \
	{ \
		narrow_gradient(v, x, grad_out, codes, weight, tap, bias, COUNT, \
		    KERNEL); \
	}
NARROW_GRADIENT(narrow_gradient_pair, 2, 3)
NARROW_GRADIENT(narrow_gradient_3, 1, 3)
NARROW_GRADIENT(narrow_gradient_5, 1, 5)

static size_t narrow_backward_scratch(const struct conv *v)
{
	size_t own = narrow_forward_scratch(v);
	size_t sparse = v->wants_gradient ? sparse_scratch(v) : 0;

	return native_align(v->out_blocks * LANES * sizeof(float)) +
	    (own > sparse ? own : sparse);
}

/* Adds the gradients of one sample, for all channels. `at` is the index of its first
 * element of out. */
static void narrow_sample(const struct conv *v, const struct cnn_call *c,
    const float *x, size_t at, float *bias, float *unused)
{
	const size_t outs = v->out_blocks * LANES;
	/* The sums of two blocks fit the registers. */
	const bool pairs_fit = AVX512 && v->kernel == 3;

	for (size_t i = 0; i < v->c; i++)
		for (size_t b = 0; b < v->out_blocks; b += pairs_fit ? 2 : 1) {
			const size_t from = at + b * v->windows * LANES;

			(pairs_fit && v->out_blocks - b > 1 ? narrow_gradient_pair :
				v->kernel == 3		    ? narrow_gradient_3 :
							      narrow_gradient_5)(v,
			    x + i * v->rows * v->row,
			    (const char *)c->grad_out + from * (v->half ? 2 : 4),
			    (const int8_t *)c->saved + from,
			    (float *)c->grad_params[0] + i * v->taps * outs + b * LANES,
			    outs, (i == 0 ? bias : unused) + b * LANES);
		}
}

static void narrow_backward(const struct conv *v, const struct cnn_call *c)
{
	const size_t outs = v->out_blocks * LANES;
	struct native_room scratch = { c->scratch, 0 };
	float *unused = native_take(&scratch, outs * sizeof(float));
	struct native_room own = scratch;
	float *room = native_take(&own, narrow_forward_scratch(v));
	float *bias = v->has_bias ? c->grad_params[1] : unused;

	native_clear(room, narrow_forward_scratch(v));
	native_clear(unused, outs * sizeof(float));
	native_clear(bias, outs * sizeof(float));
	native_clear(c->grad_params[0], v->c * v->taps * outs * sizeof(float));
	for (size_t n = 0; n < c->samples; n++)
		narrow_sample(v, c, padded_image(v, c->in[0], n, room),
		    n * v->out_blocks * v->windows * LANES, bias, unused);
	if (c->grad_in[0])
		sparse_backward(v, c, conv_wide_weights(v, c->packed), NULL, unused,
		    scratch);
}
