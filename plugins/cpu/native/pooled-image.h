/* pooled-image.h - reads a sample with its padding, and pools a window's four sums; part
 * of pooled-kernels.c. */

/* Returns the sample in floats, surrounded by zeros, which `room` already holds. */
static const float *padded_image(const struct conv *v, const void *in, size_t n,
    float *room)
{
	const size_t unit = v->narrow ? 1 : LANES;
	const size_t width = v->w * unit, planes = v->narrow ? v->c : v->in_blocks;
	const size_t first = n * planes * v->h * width;

	if (conv_takes_as_is(v))
		return (const float *)in + first;
	for (size_t r = 0; r < planes * v->h; r++) {
		size_t y = r / v->h * v->rows + r % v->h + v->pad, x = 0;
		float *to = room + (y * v->row + v->pad) * unit;
		const float *from = (const float *)in + first + r * width;
		const uint16_t *half = (const uint16_t *)in + first + r * width;

		for (; x + LANES <= width; x += LANES)
			*(vec_u *)(to + x) = v->half ?
			    load_half(half + x) :
			    (vec) * (const vec_u *)(from + x);
		for (; x < width; x++)
			to[x] = v->half ? from_half(half[x]) : from[x];
	}
	return room;
}

/* rows[i] = row i of the square of `side` rows whose first is x. */
#define SET_ROWS(rows, x, row, side) \
	do { \
		UNROLL \
		for (size_t i_ = 0; i_ < (side); i_++) \
			(rows)[i_] = (x) + i_ * (row); \
	} while (0)

/* True if a square of `side` rows and columns, 4 or 6, is all zeros, as in the even
 * background of a picture. The sums are then the bias. It begins at column x. */
INLINE bool is_empty(const float *const *rows, size_t x, size_t side)
{
	native_bits any = { 0 };

	UNROLL
	for (size_t r = 0; r < side; r++)
		UNROLL
	for (size_t first = 0; first + 4 <= side; first += 2) {
		native_bits bits;

		memcpy(&bits, rows[r] + x + first, sizeof bits);
		any |= bits;
	}
	return (any[0] | any[1]) == 0;
}

#if DOT
static size_t half_scratch(const struct conv *v)
{
	return v->pad ? native_align(v->image * sizeof(uint16_t)) : 0;
}

/* Likewise in bfloat16. */
static const uint16_t *half_image(const struct conv *v, const uint16_t *in, size_t n,
    uint16_t *room)
{
	const size_t unit = v->narrow ? 1 : LANES, width = v->w * unit;
	const size_t planes = v->narrow ? v->c : v->in_blocks;
	const uint16_t *from = in + n * planes * v->h * width;

	if (!v->pad)
		return from;
	for (size_t r = 0; r < planes * v->h; r++)
		memcpy(room +
			((r / v->h * v->rows + r % v->h + v->pad) * v->row + v->pad) *
			    unit,
		    from + r * width, width * sizeof *room);
	return room;
}
#endif

#define NAN_BITS 0x7fc00000

/* Returns the largest of four, with relu at least 0; or NaN if one of the four is NaN.
 * If codes is not NULL, stores the code of the winner there. */
INLINE vec pool(const vec *s, bool relu, int8_t *codes)
{
	static const int8_t places[] = CODES;
#if AVX512
	const __m512 zero = _mm512_setzero_ps();
	__m512 a = (__m512)s[0], b = (__m512)s[1], c = (__m512)s[2], d = (__m512)s[3];
	__m512 ab = _mm512_max_ps(a, b), cd = _mm512_max_ps(c, d);
	__m512 best = _mm512_max_ps(ab, cd);
	__mmask16 lives = relu ? _mm512_cmp_ps_mask(best, zero, _CMP_NLE_UQ) : 0xffff;
	__mmask16 odd = _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q) |
	    _mm512_cmp_ps_mask(c, d, _CMP_UNORD_Q);

	if (codes) {
		__m512i above =
		    _mm512_maskz_set1_epi32(_mm512_cmp_ps_mask(b, a, _CMP_GT_OQ),
			places[1]);
		__m512i below = _mm512_mask_set1_epi32(_mm512_set1_epi32(places[2]),
		    _mm512_cmp_ps_mask(d, c, _CMP_GT_OQ), places[3]);
		__m512i code = _mm512_mask_mov_epi32(above,
		    _mm512_cmp_ps_mask(cd, ab, _CMP_GT_OQ), below);

		code = _mm512_mask_mov_epi32(_mm512_set1_epi32(CODE_NONE), lives, code);
		store_codes(codes, (ivec)code);
	}
	return (vec)_mm512_mask_mov_ps(_mm512_maskz_mov_ps(lives, best), odd,
	    _mm512_set1_ps(NAN));
#else
	ivec b_wins = s[1] > s[0], d_wins = s[3] > s[2];
	vec above = choose(b_wins, s[1], s[0]);
	vec below = choose(d_wins, s[3], s[2]);
	ivec below_wins = below > above;
	vec best = choose(below_wins, below, above);
	ivec dead = (best <= (vec){ 0 }) & -(int32_t)relu;
	ivec odd = is_nan(s[0]) | is_nan(s[1]) | is_nan(s[2]) | is_nan(s[3]);

	if (codes) {
		ivec code = (~below_wins & b_wins & places[1]) |
		    (below_wins & ((d_wins & places[3]) | (~d_wins & places[2])));

		store_codes(codes, code | dead);
	}
	return (vec)(((ivec)best & ~dead & ~odd) | (odd & NAN_BITS));
#endif
}
