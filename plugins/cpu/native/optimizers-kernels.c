/* optimizers-kernels.c - the kernels of optimizers.h for one level. */
#include "optimizers.h"

#include "simd.h"
#include <math.h>

INLINE vec square_root(vec x)
{
#if AVX512
	return (vec)_mm512_sqrt_ps((__m512)x);
#elif AVX2
	return (vec)_mm256_sqrt_ps((__m256)x);
#else
	for (size_t i = 0; i < LANES; i++)
		x[i] = sqrtf(x[i]);
	return x;
#endif
}

/* Elements i, i + 1, ..., of which `left` remain. */
INLINE void adam_vector(const struct adam *a, const struct cnn_update *u, size_t i,
    size_t left)
{
	float *const m = u->moments[0], *const v = u->moments[1];
	const vec param = load_some(u->params, i, left, false);
	const vec g = load_some(u->grads, i, left, false) * a->scale + a->decay * param;
	const vec mean = a->beta1 * load_some(m, i, left, false) + a->rest1 * g;
	const vec square = a->beta2 * load_some(v, i, left, false) + a->rest2 * g * g;

	store_some(m, i, left, false, mean);
	store_some(v, i, left, false, square);
	store_some(u->params, i, left, false,
	    param - a->step * (mean / (square_root(square) * a->root + a->eps)));
}

NOINLINE void adam(const struct adam *a, const struct cnn_update *u)
{
	const struct adam own = *a;
	size_t i = 0;

	for (; i + LANES <= u->count; i += LANES)
		adam_vector(&own, u, i, LANES);
	if (i < u->count)
		adam_vector(&own, u, i, u->count - i);
}

const struct optimizer_kernels LEVEL_NAME(optimizer_kernels) = { adam };
