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

/* sums += one channel's part of the four kernels of the window whose 4 x 4 begins at
 * column x of four rows. */
INLINE void narrow_window(vec *sums, const vec *weight, const float *const *rows,
    size_t x)
{
	UNROLL
	for (size_t k = 0; k < TAPS; k++)
		UNROLL
	for (size_t i = 0; i < 4; i++)
		sums[i] += weight[k] * splat(rows[k / 3 + i / 2][x + k % 3 + i % 2]);
}

/* Adds the part of the other channels, whose weights are no longer in registers. */
INLINE void narrow_others(const struct conv *v, vec *sums, const float *weight,
    size_t tap, const float *const *rows, size_t x)
{
	const size_t plane = v->rows * v->row;

	for (size_t c = 1; c < v->c; c++) {
		const float *of_c[] = { rows[0] + c * plane, rows[1] + c * plane,
			rows[2] + c * plane, rows[3] + c * plane };
		vec w[TAPS];

		UNROLL
		for (size_t k = 0; k < TAPS; k++)
			w[k] = *(const vec *)(weight + (c * TAPS + k) * tap);
		narrow_window(sums, w, of_c, x);
	}
}

/* Computes one block of output channels of one sample, from one input channel (single)
 * or several. weight is that of the block, with taps `tap` apart. */
INLINE void narrow_block(const struct conv *v, bool single, const float *x,
    const float *weight, size_t tap, vec bias, void *out, int8_t *codes)
{
	vec w[TAPS], of_empty[4] = { bias, bias, bias, bias };
	int8_t empty_codes[LANES];
	vec empty = pool(of_empty, empty_codes);
	size_t p = 0;

	UNROLL
	for (size_t k = 0; k < TAPS; k++)
		w[k] = *(const vec *)(weight + k * tap);
	for (size_t y = 0; y < v->ph; y++, x += 2 * v->row) {
		const float *rows[] = { x, x + v->row, x + 2 * v->row, x + 3 * v->row };

		for (size_t i = 0; i < v->pw; i++, p++) {
			vec sums[4] = { bias, bias, bias, bias };

			if (single && is_empty(rows, 2 * i)) {
				store(out, p, v->half, empty);
				if (codes)
					memcpy(codes + p * LANES, empty_codes, LANES);
				continue;
			}
			narrow_window(sums, w, rows, 2 * i);
			if (!single)
				narrow_others(v, sums, weight, tap, rows, 2 * i);
			store(out, p, v->half,
			    pool(sums, codes ? codes + p * LANES : NULL));
		}
	}
}

NOINLINE void narrow_one(const struct conv *v, const float *x, const float *weight,
    size_t tap, const float *bias, void *out, int8_t *codes)
{
	narrow_block(v, true, x, weight, tap, bias ? *(const vec *)bias : (vec){ 0 },
	    out, codes);
}

NOINLINE void narrow_few(const struct conv *v, const float *x, const float *weight,
    size_t tap, const float *bias, void *out, int8_t *codes)
{
	narrow_block(v, false, x, weight, tap, bias ? *(const vec *)bias : (vec){ 0 },
	    out, codes);
}

static void narrow_forward(const struct conv *v, const struct cnn_call *c)
{
	const size_t block = v->windows * LANES, element = v->half ? 2 : 4;
	const float *bias = v->has_bias ? c->params[1] : NULL;
	int8_t *codes = c->training ? c->saved : NULL;
	float *room = c->scratch;
	char *out = c->out;

	native_clear(room, narrow_forward_scratch(v));
	for (size_t n = 0; n < c->samples; n++) {
		const float *x = padded_image(v, c->in[0], n, room);

		for (size_t b = 0; b < v->out_blocks; b++) {
			const float *weight = (const float *)c->params[0] + b * LANES;
			const float *start = bias ? bias + b * LANES : NULL;

			(v->c == 1 ? narrow_one : narrow_few)(v, x, weight,
			    v->out_blocks * LANES, start, out, codes);
			out += block * element;
			codes = codes ? codes + block : NULL;
		}
	}
}

/* --- the gradients of weights and bias -------------------------------------------- */

/* sums[k] += grad times element code + tap k of the 4 x 4 that begins at column x of
 * four rows. */
INLINE void narrow_taps(vec *sums, const float *const *rows, size_t x, ivec code,
    vec grad)
{
#if AVX512
	/* One register holds the 4 x 4, from which each lane takes the element that its
	 * code selects. Where no place won, grad is 0. */
	__m512 patch = _mm512_castps128_ps512(_mm_loadu_ps(rows[0] + x));

	patch = _mm512_insertf32x4(patch, _mm_loadu_ps(rows[1] + x), 1);
	patch = _mm512_insertf32x4(patch, _mm_loadu_ps(rows[2] + x), 2);
	patch = _mm512_insertf32x4(patch, _mm_loadu_ps(rows[3] + x), 3);
	UNROLL
	for (int k = 0; k < TAPS; k++)
		sums[k] += grad *
		    (vec)_mm512_permutexvar_ps((__m512i)(code + (k / 3 * 4 + k % 3)),
			patch);
#else
	static const int8_t places[] = CODES;

	UNROLL
	for (size_t i = 0; i < 4; i++) {
		vec part = (vec)((ivec)grad & (code == places[i]));

		UNROLL
		for (size_t k = 0; k < TAPS; k++)
			sums[k] += part * splat(rows[i / 2 + k / 3][x + i % 2 + k % 3]);
	}
#endif
}

/* Adds the gradients of one sample and one input channel to weight and bias, for
 * `count` adjacent blocks of output channels. Taps of weight are `tap` apart. */
INLINE void narrow_gradient(const struct conv *v, size_t count, const float *x,
    const void *grad_out, const int8_t *codes, float *weight, size_t tap, float *bias)
{
	vec sums[2][TAPS], total[2];
	size_t p = 0;

	UNROLL
	for (size_t b = 0; b < count; b++) {
		UNROLL
		for (size_t k = 0; k < TAPS; k++)
			sums[b][k] = *(const vec *)(weight + k * tap + b * LANES);
		total[b] = *(const vec *)(bias + b * LANES);
	}
	for (size_t y = 0; y < v->ph; y++, x += 2 * v->row) {
		const float *rows[] = { x, x + v->row, x + 2 * v->row, x + 3 * v->row };

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
			if (is_empty(rows, 2 * i))
				continue;
			UNROLL
			for (size_t b = 0; b < count; b++)
				narrow_taps(sums[b], rows, 2 * i, code[b], grad[b]);
		}
	}
	UNROLL
	for (size_t b = 0; b < count; b++) {
		UNROLL
		for (size_t k = 0; k < TAPS; k++)
			*(vec *)(weight + k * tap + b * LANES) = sums[b][k];
		*(vec *)(bias + b * LANES) = total[b];
	}
}

NOINLINE void narrow_gradient_pair(const struct conv *v, const float *x,
    const void *grad_out, const int8_t *codes, float *weight, size_t tap, float *bias)
{
	narrow_gradient(v, 2, x, grad_out, codes, weight, tap, bias);
}

NOINLINE void narrow_gradient_one(const struct conv *v, const float *x,
    const void *grad_out, const int8_t *codes, float *weight, size_t tap, float *bias)
{
	narrow_gradient(v, 1, x, grad_out, codes, weight, tap, bias);
}

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

	for (size_t i = 0; i < v->c; i++)
		for (size_t b = 0; b < v->out_blocks; b += AVX512 ? 2 : 1) {
			const bool pair = AVX512 && v->out_blocks - b > 1;
			const size_t from = at + b * v->windows * LANES;

			(pair ? narrow_gradient_pair : narrow_gradient_one)(v,
			    x + i * v->rows * v->row,
			    (const char *)c->grad_out + from * (v->half ? 2 : 4),
			    (const int8_t *)c->saved + from,
			    (float *)c->grad_params[0] + i * TAPS * outs + b * LANES,
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
	native_clear(c->grad_params[0], v->c * TAPS * outs * sizeof(float));
	for (size_t n = 0; n < c->samples; n++)
		narrow_sample(v, c, padded_image(v, c->in[0], n, room),
		    n * v->out_blocks * v->windows * LANES, bias, unused);
	if (c->grad_in[0])
		sparse_backward(v, c, conv_wide_weights(v, c->packed), NULL, unused,
		    scratch);
}
