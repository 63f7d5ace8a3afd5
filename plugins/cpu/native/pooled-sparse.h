/* pooled-sparse.h - backward of the wide form; part of pooled-kernels.c. At most one of a
 * window's four gradients is not 0: the winner's. The gradients of a strip of windows
 * and a group of output channels (see pooled.h) are kept in two orders:
 *   by window          with the set of channels that each code won, for the
 *                      input's gradient:
 *                      grad_in around the winner += gradient weight[channel]
 *   by output channel  a list of (winner's place, gradient), for the weights':
 *                      grad_weight[channel] += gradient in around the place
 * Both cost a vector per tap, winner and block of input channels.
 */

/* Windows to allocate for a strip: a multiple of LANES, because whole squares are
 * transposed. */
static size_t sparse_windows(const struct conv *v)
{
	size_t windows = v->pw > STRIP_WINDOWS ? v->pw : STRIP_WINDOWS;

	return (windows + LANES - 1) / LANES * LANES;
}

/* One strip; sparse_take() allocates memory for the largest. */
struct sparse {
	const struct conv *v;
	size_t windows, list; /* allocated, in all and for a list */
	uint32_t *at;	      /* [windows] vectors in grad_out and saved */
	uint32_t *base;	      /* [windows] in floats, from the group's first sample */
	uint64_t *winners;    /* [windows][4]: channels of the group */
	float *grad;	      /* [windows][GROUP_CHANNELS] */
	/* likewise: the winner's place, or -1; only with AVX-512 */
	int32_t *spot;
	uint32_t *place; /* [GROUP_CHANNELS][list] */
	float *place_grad;
	uint32_t count[GROUP_CHANNELS];
	uint32_t offsets[4]; /* from base to the place of each code */
	uint64_t real;	     /* the channels of the group that do not pad a block */
	size_t blocks;	     /* of in */
	float *x, *grad_x;   /* of the group of samples; NULL: unused */
};

static void sparse_take(struct sparse *s, const struct conv *v,
    struct native_room *scratch)
{
	s->v = v;
	s->windows = sparse_windows(v);
	s->list = s->windows + LANES;
	s->blocks = v->narrow ? 1 : v->in_blocks;
	s->at = native_take(scratch, s->windows * sizeof *s->at);
	s->base = native_take(scratch, s->windows * sizeof *s->base);
	s->winners = native_take(scratch, s->windows * 4 * sizeof *s->winners);
	s->grad = native_take(scratch, s->windows * GROUP_CHANNELS * sizeof *s->grad);
	s->spot = native_take(scratch,
	    AVX512 * s->windows * GROUP_CHANNELS * sizeof *s->spot);
	s->place = native_take(scratch, s->list * GROUP_CHANNELS * sizeof *s->place);
	s->place_grad =
	    native_take(scratch, s->list * GROUP_CHANNELS * sizeof *s->place_grad);
	for (uint32_t i = 0; i < 4; i++)
		s->offsets[i] = (uint32_t)((i / 2 * v->row + i % 2) * LANES);
}

/* Finds the channels that each code won in a window. The codes of `blocks` blocks are
 * `apart` bytes from each other. */
INLINE void sparse_winners(const int8_t *codes, size_t apart, size_t blocks,
    uint64_t *winners)
{
	static const int8_t places[] = CODES;
#if AVX512
	__m128i none = _mm_set1_epi8(CODE_NONE), part[4];
	__m512i all;

	for (size_t b = 0; b < 4; b++)
		part[b] = b < blocks ?
		    _mm_loadu_si128((const __m128i *)(codes + b * apart)) :
		    none;
	all = _mm512_castsi128_si512(part[0]);
	all = _mm512_inserti32x4(all, part[1], 1);
	all = _mm512_inserti32x4(all, part[2], 2);
	all = _mm512_inserti32x4(all, part[3], 3);
	for (size_t i = 0; i < 4; i++)
		winners[i] = _mm512_cmpeq_epi8_mask(all, _mm512_set1_epi8(places[i]));
#else
	const uint64_t ones = ~(uint64_t)0 / 255, low = 127 * ones;

	for (size_t i = 0; i < 4; i++)
		winners[i] = 0;
	for (size_t b = 0; b < blocks; b++) {
		uint64_t eight = 0;

		for (size_t i = 0; i < 8; i++)
			eight |= (uint64_t)(uint8_t)codes[b * apart + i] << 8 * i;
		for (size_t i = 0; i < 4; i++) {
			/* Sets the top bit of each byte that equals the code, then
			 * gathers these eight bits in the top byte. */
			uint64_t x = eight ^ (uint64_t)places[i] * ones;
			uint64_t equal = ~(((x & low) + low) | x | low);

			winners[i] |= ((equal >> 7) * 0x0102040810204080 >> 56)
			    << 8 * b;
		}
	}
#endif
}

/* Fills in one window of what is kept by window. */
INLINE void sparse_window(const struct sparse *s, size_t window, size_t blocks,
    const void *grad_out, const int8_t *codes, float *bias)
{
	const size_t at = s->at[window];
	const ivec base = (ivec){ 0 } + (int32_t)s->base[window];
#if AVX512
	const __m512i offsets = _mm512_castsi128_si512(
	    _mm_setr_epi32((int32_t)s->offsets[0], (int32_t)s->offsets[1],
		(int32_t)s->offsets[2], (int32_t)s->offsets[3]));
#endif

	sparse_winners(codes + at * LANES, s->v->windows * LANES, blocks,
	    s->winners + 4 * window);
	for (size_t i = 0; i < 4; i++)
		s->winners[4 * window + i] &= s->real;
	for (size_t b = 0; b < blocks; b++) {
		size_t i = window * (GROUP_CHANNELS / LANES) + b;
		vec grad = load(grad_out, at + b * s->v->windows, s->v->half);
		vec *total = (vec *)(bias + b * LANES);
		ivec code = load_codes(codes + (at + b * s->v->windows) * LANES);
		ivec dead = code < 0;

		((vec *)s->grad)[i] = grad;
		*total += (vec)((ivec)grad & ~dead);
#if AVX512
		/* Codes 0, 1, 4, 5 are offsets 0 to 3. */
		code = (ivec)_mm512_permutexvar_epi32((__m512i)((code >> 1 & 2) |
							  (code & 1)),
		    offsets);
		code = (base + code) | dead;
		((ivec *)s->spot)[i] =
		    (ivec)_mm512_mask_mov_epi32(_mm512_set1_epi32(CODE_NONE),
			(__mmask16)(s->real >> b * LANES), (__m512i)code);
#else
		(void)base, (void)i;
#endif
	}
}

/* Sorts what is kept by window into lists by channel. */
NOINLINE void sparse_turn(struct sparse *s, size_t windows, size_t blocks)
{
	native_clear(s->count, sizeof s->count);
#if AVX512
	/* Transposes squares of windows and channels. Windows past the last one are
	 * marked dead. */
	for (size_t w = windows; w % LANES; w++)
		for (size_t b = 0; b < blocks; b++)
			((ivec *)s->spot)[w * (GROUP_CHANNELS / LANES) + b] =
			    (ivec){ 0 } - 1;
	for (size_t w = 0; w < windows; w += LANES)
		for (size_t b = 0; b < blocks; b++) {
			const size_t first = w * (GROUP_CHANNELS / LANES) + b;
			vec grads[LANES], spots[LANES];

			UNROLL
			for (size_t i = 0; i < LANES; i++) {
				size_t at = first + i * (GROUP_CHANNELS / LANES);

				grads[i] = ((const vec *)s->grad)[at];
				spots[i] = ((const vec *)s->spot)[at];
			}
			transpose(grads);
			transpose(spots);
			for (size_t i = 0; i < LANES; i++) {
				size_t channel = b * LANES + i;
				size_t to = channel * s->list + s->count[channel];
				__mmask16 lives = (__mmask16)~_mm512_movepi32_mask(
				    (__m512i)spots[i]);

				_mm512_storeu_si512(s->place + to,
				    _mm512_maskz_compress_epi32(lives,
					(__m512i)spots[i]));
				_mm512_storeu_ps(s->place_grad + to,
				    _mm512_maskz_compress_ps(lives, (__m512)grads[i]));
				s->count[channel] += (uint32_t)__builtin_popcount(
				    lives);
			}
		}
#else
	(void)blocks;
	for (size_t w = 0; w < windows; w++)
		for (size_t i = 0; i < 4; i++)
			for (uint64_t set = s->winners[4 * w + i]; set;
			     set &= set - 1) {
				size_t channel = (size_t)__builtin_ctzll(set);
				size_t to = channel * s->list + s->count[channel]++;

				s->place[to] = s->base[w] + s->offsets[i];
				s->place_grad[to] =
				    s->grad[w * GROUP_CHANNELS + channel];
			}
#endif
}

/* Prepares rows r0 .. r1 - 1 of the group of samples that begins with n, for the output
 * channels from block ob on. */
NOINLINE void sparse_strip(struct sparse *s, const struct cnn_call *c, size_t n,
    size_t r0, size_t r1, size_t ob, size_t blocks, float *bias)
{
	const struct conv *v = s->v;
	const size_t sample = s->blocks * v->rows * v->row * LANES;
	const size_t left = v->o - ob * LANES;
	size_t window = 0;

	s->real = ~(uint64_t)0 >> (left < GROUP_CHANNELS ? GROUP_CHANNELS - left : 0);
	for (size_t r = r0; r < r1; r++)
		for (size_t x = 0; x < v->pw; x++, window++) {
			size_t i = r / v->ph, y = r % v->ph;

			s->at[window] =
			    (uint32_t)(((n + i) * v->out_blocks + ob) * v->windows +
				y * v->pw + x);
			s->base[window] =
			    (uint32_t)(i * sample + 2 * (y * v->row + x) * LANES);
		}
	for (size_t w = 0; w < window; w++)
		if (blocks == GROUP_CHANNELS / LANES)
			sparse_window(s, w, GROUP_CHANNELS / LANES, c->grad_out,
			    c->saved, bias + ob * LANES);
		else
			sparse_window(s, w, blocks, c->grad_out, c->saved,
			    bias + ob * LANES);
	if (s->x)
		sparse_turn(s, window, blocks);
}

/* The rows of a kernel whose sums fit the registers together. */
INLINE size_t rows_at_once(size_t kernel)
{
	return AVX512 || kernel == 3 ? kernel : 1;
}

/* weight[channel][taps] += gradients times the parts of x at the places, for one block
 * of input channels. weight is that of the group of output channels. */
INLINE void gather(const struct sparse *s, const float *x, float *weight,
    size_t channels, size_t kernel)
{
	const size_t row = s->v->row * LANES, count = rows_at_once(kernel) * kernel;

	for (size_t o = 0; o < channels; o++) {
		const uint32_t *place = s->place + o * s->list;
		const float *grad = s->place_grad + o * s->list;

		for (size_t first = 0; first < kernel; first += count / kernel) {
			vec sums[MAX_TAPS], *to = (vec *)weight + first * kernel;

			UNROLL
			for (size_t k = 0; k < count; k++)
				sums[k] = to[k];
			for (size_t i = 0; i < s->count[o]; i++) {
				const float *top = x + place[i] + first * row;
				const float *rows[MAX_KERNEL] = { NULL };
				vec one = splat(grad[i]);

				SET_ROWS(rows, top, row, count / kernel);
				UNROLL
				for (size_t k = 0; k < count; k++)
					sums[k] += one *
					    *(const vec *)(rows[k / kernel] +
						k % kernel * LANES);
			}
			UNROLL
			for (size_t k = 0; k < count; k++)
				to[k] = sums[k];
		}
		weight += kernel * kernel * LANES;
	}
}

NOINLINE void gather_3(const struct sparse *s, const float *x, float *weight,
    size_t channels)
{
	gather(s, x, weight, channels, 3);
}

NOINLINE void gather_5(const struct sparse *s, const float *x, float *weight,
    size_t channels)
{
	gather(s, x, weight, channels, 5);
}

/* sums[row][column], with rows `apart`, += gradients times the weights of the channels in
 * `set`. weight is that of the first row. */
INLINE void add_winners(vec *sums, size_t apart, uint64_t set, const float *grad,
    const float *weight, size_t kernel, size_t rows)
{
	for (; set; set &= set - 1) {
		size_t channel = (size_t)__builtin_ctzll(set);
		const float *w = weight + channel * kernel * kernel * LANES;
		vec one = splat(grad[channel]);

		UNROLL
		for (size_t k = 0; k < rows * kernel; k++)
			sums[k / kernel * apart + k % kernel] += one *
			    *(const vec *)(w + k * LANES);
	}
}

/* x around the winners += gradients times weight[channel][taps], for each window and
 * code. */
INLINE void spread_by_code(const struct sparse *s, float *x, const float *weight,
    size_t windows, size_t kernel)
{
	const size_t row = s->v->row * LANES, rows = rows_at_once(kernel);

	for (size_t i = 0; i < 4 * windows; i++) {
		const float *grad = s->grad + i / 4 * GROUP_CHANNELS;
		float *top = x + s->base[i / 4] + s->offsets[i % 4];
		vec sums[MAX_TAPS];

		for (size_t first = 0; first < kernel && s->winners[i]; first += rows) {
			float *to = top + first * row;

			UNROLL
			for (size_t k = 0; k < rows * kernel; k++)
				sums[k] = *(const vec *)(to + k / kernel * row +
				    k % kernel * LANES);
			add_winners(sums, kernel, s->winners[i], grad,
			    weight + first * kernel * LANES, kernel, rows);
			UNROLL
			for (size_t k = 0; k < rows * kernel; k++)
				*(vec *)(to + k / kernel * row + k % kernel * LANES) =
				    sums[k];
		}
	}
}

NOINLINE void spread_5(const struct sparse *s, float *x, const float *weight,
    size_t windows)
{
	spread_by_code(s, x, weight, windows, 5);
}

#if AVX512
/* A window's whole 4 x 4 stays in registers. */
NOINLINE void spread_3(const struct sparse *s, float *x, const float *weight,
    size_t windows)
{
	const size_t row = s->v->row * LANES;

	for (size_t window = 0; window < windows; window++) {
		const float *grad = s->grad + window * GROUP_CHANNELS;
		float *rows[4] = { NULL };
		vec sums[16];

		SET_ROWS(rows, x + s->base[window], row, 4);
		UNROLL
		for (size_t k = 0; k < 16; k++)
			sums[k] = *(const vec *)(rows[k / 4] + k % 4 * LANES);
		UNROLL
		for (size_t i = 0; i < 4; i++)
			add_winners(sums + i / 2 * 4 + i % 2, 4,
			    s->winners[4 * window + i], grad, weight, 3, 3);
		UNROLL
		for (size_t k = 0; k < 16; k++)
			*(vec *)(rows[k / 4] + k % 4 * LANES) = sums[k];
	}
}
#else
NOINLINE void spread_3(const struct sparse *s, float *x, const float *weight,
    size_t windows)
{
	spread_by_code(s, x, weight, windows, 3);
}
#endif
