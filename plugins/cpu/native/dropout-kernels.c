/* dropout-kernels.c - the kernels of dropout.h for one level. */
#include "dropout.h"

#include "simd.h"

/* LANES / 2 numbers of 64 bits; and of 32, from the same lanes. */
typedef uint64_t wide __attribute__((vector_size(4 * LANES)));
typedef uint32_t narrow __attribute__((vector_size(2 * LANES), aligned(1), may_alias));

#define LOW 0xffffffff
#define GROUPS (LANES / 2)
#define CHUNK (4 * GROUPS) /* elements whose numbers are made at once */

/* The lower halves of x, times y. */
INLINE wide multiply_low(wide x, uint32_t y)
{
#if AVX512
	return (wide)_mm512_mul_epu32((__m512i)x, _mm512_set1_epi64(y));
#elif AVX2
	return (wide)_mm256_mul_epu32((__m256i)x, _mm256_set1_epi64x(y));
#else
	return (x & LOW) * y;
#endif
}

/* kept[0 .. CHUNK - 1] of the groups from `group` on. The upper halves of the words are
 * only cleared at the end. */
INLINE void draw(const struct dropout *v, const struct cnn_state *state, uint64_t group,
    uint8_t *kept)
{
	uint32_t k0 = (uint32_t)state->seed, k1 = (uint32_t)(state->seed >> 32);
	wide numbers = { 0 }, codes = { 0 }, c[4];

	for (size_t i = 0; i < GROUPS; i++)
		numbers[i] = group + i;
	c[0] = numbers;
	c[1] = numbers >> 32;
	c[2] = (wide){ 0 } + state->step;
	c[3] = (wide){ 0 } + v->stream;
	UNROLL
	for (int round = 0; round < 10; round++) {
		const wide p = multiply_low(c[0], 0xd2511f53);
		const wide q = multiply_low(c[2], 0xcd9e8d57);

		c[0] = (q >> 32) ^ c[1] ^ k0;
		c[1] = q;
		c[2] = (p >> 32) ^ c[3] ^ k1;
		c[3] = p;
		k0 += 0x9e3779b9;
		k1 += 0xbb67ae85;
	}
	/* A difference below zero has the top bit set. */
	UNROLL
	for (int k = 0; k < 4; k++)
		codes |= ((((c[k] & LOW) >> 8) - v->least) >> 63 ^ 1) << 8 * k;
	*(narrow *)kept = __builtin_convertvector(codes, narrow);
}

/* kept[0 .. n - 1] of the elements from `first` on. */
NOINLINE void draw_all(const struct dropout *v, const struct cnn_state *state,
    uint64_t first, size_t n, uint8_t *kept)
{
	uint8_t some[CHUNK];
	size_t done = 0;

	while (done < n) {
		const size_t skipped = (first + done) % 4, left = n - done;
		const uint64_t group = (first + done) / 4;
		size_t count = CHUNK - skipped;

		if (skipped == 0 && left >= CHUNK) {
			draw(v, state, group, kept + done);
			done += CHUNK;
			continue;
		}
		if (count > left)
			count = left;
		draw(v, state, group, some);
		memcpy(kept + done, some + skipped, count);
		done += count;
	}
}

/* x, scaled, in the lanes that are kept. */
INLINE vec drop(vec x, float scale, const uint8_t *kept)
{
	return (vec)((ivec)(x * scale) & -load_codes((const int8_t *)kept));
}

INLINE void apply_planes(const struct dropout *v, size_t n, const void *from,
    const uint8_t *kept, void *to, bool half)
{
	uint8_t some[LANES] = { 0 };
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		store_some(to, i, LANES, half,
		    drop(load_some(from, i, LANES, half), v->scale, kept + i));
	if (i == n)
		return;
	memcpy(some, kept + i, n - i);
	store_some(to, i, n - i, half,
	    drop(load_some(from, i, n - i, half), v->scale, some));
}

/* Vector i of a tensor in blocks, whose channels lie `area` bytes apart in kept. */
INLINE void apply_block(const struct dropout *v, size_t i, size_t channels,
    const void *from, const uint8_t *kept, void *to, bool half)
{
	uint8_t some[LANES] = { 0 };

	if (channels == LANES) { /* unrolled */
		UNROLL
		for (size_t c = 0; c < LANES; c++)
			some[c] = kept[c * v->area];
	} else {
		for (size_t c = 0; c < channels; c++)
			some[c] = kept[c * v->area];
	}
	store(to, i, half, drop(load(from, i, half), v->scale, some));
}

INLINE void apply_blocks(const struct dropout *v, size_t samples, const void *from,
    const uint8_t *kept, void *to, bool half)
{
	const size_t blocks = native_blocks(v->c, LANES);
	size_t i = 0;

	for (size_t n = 0; n < samples; n++)
		for (size_t b = 0; b < blocks; b++) {
			const size_t left = v->c - b * LANES;

			for (size_t p = 0; p < v->area; p++, i++)
				apply_block(v, i, left < LANES ? left : LANES, from,
				    kept + (n * v->c + b * LANES) * v->area + p, to,
				    half);
		}
}

NOINLINE void apply(const struct dropout *v, size_t samples, const void *from,
    const uint8_t *kept, void *to)
{
	if (v->blocked && v->half)
		apply_blocks(v, samples, from, kept, to, true);
	else if (v->blocked)
		apply_blocks(v, samples, from, kept, to, false);
	else if (v->half)
		apply_planes(v, samples * v->stored, from, kept, to, true);
	else
		apply_planes(v, samples * v->stored, from, kept, to, false);
}

static void dropout_forward(const struct dropout *v, const struct cnn_call *c)
{
	const size_t size = v->c * v->area;

	if (!c->training) {
		if (c->out != c->in[0])
			memcpy(c->out, c->in[0],
			    c->samples * v->stored * (v->half ? 2 : 4));
		return;
	}
	draw_all(v, c->state, c->first_sample * size, c->samples * size, c->saved);
	apply(v, c->samples, c->in[0], c->saved, c->out);
}

static void dropout_backward(const struct dropout *v, const struct cnn_call *c)
{
	if (c->grad_in[0])
		apply(v, c->samples, c->grad_out, c->saved, c->grad_in[0]);
}

const struct dropout_kernels LEVEL_NAME(dropout_kernels) = {
	LANES,
	dropout_forward,
	dropout_backward,
};
