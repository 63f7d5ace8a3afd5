/* few-kernels.c - the kernels of few.h for one level. */
#include "few.h"

#include "simd.h"

/* Pixels of a tile of one or two blocks of channels; taps of a tile of grad_weight. */
#if AVX512
#define PIXELS 12
#define FEW_TAPS 9
#define MANY_TAPS 27
#else
#define PIXELS 6
#define FEW_TAPS 5
#define MANY_TAPS 13
#endif
#define FEW_PIXELS 4

/* An element that all lanes are multiplied with: a float, or a pair of bfloat16. */
typedef uint32_t element __attribute__((aligned(2), may_alias));

struct few_room {
	void *image;	      /* [c][rows][row], padded; zeros around it */
	uint32_t *pairs;      /* rows of pairs */
	const element **from; /* the rows that forward reads */
	vec *grad;	      /* [strip][OW] of one block of channels */
	float *bias;	      /* (O), in place of the gradient if there is no bias */
};

static size_t most(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void take(struct few_room *r, const struct few *v, struct native_room *room)
{
	const size_t image = v->c * v->rows * v->row;
	const size_t pairs = most(v->row_count, v->strip * v->c * v->kh) * v->pair_row;

	r->image = native_take(room,
	    few_takes_as_is(v) ? 0 : image * (v->dots ? sizeof(uint16_t) : 4));
	r->pairs = native_take(room, v->dots * pairs * sizeof *r->pairs);
	r->from = native_take(room, v->row_count * sizeof *r->from);
	r->grad = native_take(room, v->strip * v->ow * sizeof *r->grad);
	r->bias = native_take(room, v->has_bias ? 0 : v->o * sizeof *r->bias);
}

static size_t few_scratch(const struct few *v)
{
	struct native_room room = { NULL, 0 };
	struct few_room r;

	take(&r, v, &room);
	return room.used;
}

/* Clears the borders, which stay zero during a call. */
static void clear_image(const struct few *v, const struct few_room *r)
{
	if (!few_takes_as_is(v))
		native_clear(r->image,
		    v->c * v->rows * v->row * (v->dots ? sizeof(uint16_t) : 4));
}

/* Returns sample n in the type that elements are made of, with its padding. */
static const void *image_of(const struct few *v, const struct few_room *r,
    const void *in, size_t n)
{
	const size_t first = n * v->c * v->h * v->w;

	if (few_takes_as_is(v))
		return (const char *)in + first * (v->half ? 2 : 4);
	for (size_t i = 0; i < v->c * v->h; i++) {
		const size_t to = (i / v->h * v->rows + i % v->h + v->py) * v->row +
		    v->px;
		const float *from = (const float *)in + first + i * v->w;
		const uint16_t *half = (const uint16_t *)in + first + i * v->w;
		float *out = (float *)r->image + to;
		size_t x = 0;

		if (v->dots) {
			memcpy((uint16_t *)r->image + to, half, v->w * sizeof *half);
			continue;
		}
		for (; x + LANES <= v->w; x += LANES)
			*(vec_u *)(out + x) = v->half ?
			    load_half(half + x) :
			    (vec) * (const vec_u *)(from + x);
		for (; x < v->w; x++)
			out[x] = v->half ? from_half(half[x]) : from[x];
	}
	return r->image;
}

/* sum + x times y; of pairs both products. */
INLINE vec add_product(vec sum, const element *x, vec y, bool dots)
{
	float single;

#if DOT
	if (dots)
		return dot(sum, (int32_t)*x, (__m512i)y);
#endif
	(void)dots;
	memcpy(&single, x, sizeof single);
	return sum + splat(single) * y;
}

#if DOT
/* Up to LANES numbers of a row. */
INLINE __m512i load_row(const uint16_t *row, __mmask16 some)
{
	return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, row));
}

/* Interleaves two rows; `second` may be NULL, for zeros. Writes whole vectors. */
static void interleave(const uint16_t *first, const uint16_t *second, size_t n,
    uint32_t *pairs)
{
	for (size_t x = 0; x < n; x += LANES) {
		const __mmask16 some =
		    (__mmask16)(n - x < LANES ? (1u << (n - x)) - 1 : 0xffff);
		__m512i both = load_row(first + x, some);

		if (second)
			both = _mm512_or_si512(both,
			    _mm512_slli_epi32(load_row(second + x, some), 16));
		_mm512_storeu_si512(pairs + x, both);
	}
}

static void few_pack(const struct few *v, const float *weight, void *packed)
{
	const size_t rows = v->c * v->kh;
	__m512i *out = packed;

	for (size_t b = 0; b < v->blocks; b++, weight += v->taps * LANES)
		for (size_t r = 0; r < rows; r += 2)
			for (size_t k = 0; k < v->kw; k++) {
				const float *at = weight + (r * v->kw + k) * LANES;
				vec next = { 0 };

				if (r + 1 < rows)
					next = *(const vec *)(at + v->kw * LANES);
				*out++ = pairs(*(const vec *)at, next);
			}
}
#else
static void few_pack(const struct few *v, const float *weight, void *packed)
{
	(void)v, (void)weight, (void)packed;
}
#endif

/* --- forward ---------------------------------------------------------------------- */

/* A row of out: [blocks][OH OW][LANES] from `out` on. */
struct row_job {
	const struct few *v;
	const element *const *from;
	const vec *weight; /* of the first block */
	const float *bias; /* likewise, or NULL */
	size_t block;	   /* vectors of weight of a block */
	char *out;
};

INLINE void sum_tile(const struct row_job *j, size_t first, size_t pixels,
    size_t blocks, bool dots)
{
	const struct few *v = j->v;
	const size_t size = v->half ? 2 : 4;
	const vec *weight = j->weight;
	vec sums[24];

	UNROLL
	for (size_t b = 0; b < blocks; b++)
		UNROLL
	for (size_t x = 0; x < pixels; x++)
		sums[b * pixels + x] = j->bias ? *(const vec *)(j->bias + b * LANES) :
						 (vec){ 0 };
	for (size_t r = 0; r < v->row_count; r++) {
		const element *from = j->from[r] + first * v->sx;

		for (size_t k = 0; k < v->kw; k++, weight++) {
			const element *at = from + k * v->dx;

			UNROLL
			for (size_t x = 0; x < pixels; x++, at += v->sx)
				UNROLL
			for (size_t b = 0; b < blocks; b++)
				sums[b * pixels + x] = add_product(sums[b * pixels + x],
				    at, weight[b * j->block], dots);
		}
	}
	UNROLL
	for (size_t b = 0; b < blocks; b++)
		UNROLL
	for (size_t x = 0; x < pixels; x++) {
		const vec s = sums[b * pixels + x];

		store(j->out + b * v->oh * v->ow * LANES * size, first + x, v->half,
		    v->relu ? above_zero(s) : s);
	}
}

/* Tiles may overlap at the end of a row. */
INLINE void sum_row(const struct row_job *j, size_t blocks, bool dots)
{
	const size_t n = j->v->ow;
	size_t x = 0;

	for (; x + PIXELS <= n; x += PIXELS)
		sum_tile(j, x, PIXELS, blocks, dots);
	if (n >= FEW_PIXELS)
		for (; x < n; x += FEW_PIXELS)
			sum_tile(j, x + FEW_PIXELS <= n ? x : n - FEW_PIXELS,
			    FEW_PIXELS, blocks, dots);
	else
		for (; x < n; x++)
			sum_tile(j, x, 1, blocks, dots);
}

NOINLINE void sum_row_1(const struct row_job *j)
{
	sum_row(j, 1, false);
}

NOINLINE void sum_row_2(const struct row_job *j)
{
	sum_row(j, 2, false);
}

#if DOT
NOINLINE void dot_row_1(const struct row_job *j)
{
	sum_row(j, 1, true);
}

NOINLINE void dot_row_2(const struct row_job *j)
{
	sum_row(j, 2, true);
}
#endif

static void run_job(const struct row_job *j, size_t blocks)
{
#if DOT
	if (j->v->dots) {
		(blocks == 2 ? dot_row_2 : dot_row_1)(j);
		return;
	}
#endif
	(blocks == 2 ? sum_row_2 : sum_row_1)(j);
}

/* Sets r->from for row y of out. */
static void rows_of(const struct few *v, const struct few_room *r, const void *image,
    size_t y)
{
	const size_t first = y * v->sy * v->row;

#if DOT
	const size_t count = v->c * v->kh;

	for (size_t q = 0; q < v->row_count && v->dots; q++) {
		const uint16_t *from = (const uint16_t *)image + first;
		uint32_t *to = r->pairs + q * v->pair_row;

		interleave(from + v->row_places[2 * q],
		    2 * q + 1 < count ? from + v->row_places[2 * q + 1] : NULL, v->row,
		    to);
		r->from[q] = to;
	}
#endif
	for (size_t q = 0; q < v->row_count && !v->dots; q++)
		r->from[q] = (const element *)image + first + v->row_places[q];
}

static void few_forward(const struct few *v, const struct cnn_call *c)
{
	const size_t size = v->half ? 2 : 4, area = v->oh * v->ow;
	struct native_room room = { c->scratch, 0 };
	struct few_room r;
	struct row_job j = {
		.v = v,
		.block = v->row_count * v->kw,
	};

	take(&r, v, &room);
	clear_image(v, &r);
	j.from = r.from;
	for (size_t n = 0; n < c->samples; n++) {
		const void *image = image_of(v, &r, c->in[0], n);

		for (size_t y = 0; y < v->oh; y++) {
			rows_of(v, &r, image, y);
			for (size_t b = 0; b < v->blocks; b += 2) {
				j.weight =
				    (const vec *)(v->dots ? c->packed : c->params[0]) +
				    b * j.block;
				j.bias = v->has_bias ?
				    (const float *)c->params[1] + b * LANES :
				    NULL;
				j.out = (char *)c->out +
				    ((n * v->blocks + b) * area + y * v->ow) * LANES *
					size;
				run_job(&j, v->blocks - b > 1 ? 2 : 1);
			}
		}
	}
}

#include "few-gradient.h"

static void few_backward(const struct few *v, const struct cnn_call *c)
{
	struct native_room room = { c->scratch, 0 };
	struct few_room r;
	float *bias;

	take(&r, v, &room);
	bias = v->has_bias ? c->grad_params[1] : r.bias;
	clear_image(v, &r);
	native_clear(bias, v->o * sizeof *bias);
	native_clear(c->grad_params[0], v->o * v->taps * sizeof(float));
	for (size_t n = 0; n < c->samples; n++)
		sample_gradient(v, c, &r, image_of(v, &r, c->in[0], n), n, bias);
}

const struct few_kernels LEVEL_NAME(few_kernels) = {
	LANES,
	DOT,
	few_scratch,
	few_pack,
	few_forward,
	few_backward,
};
