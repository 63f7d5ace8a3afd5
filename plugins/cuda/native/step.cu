/* step.cu - the end of a step on the device: loss and hits, the norm of the gradients
 * and their clipping, and the state of the next step. */
#include "gpu.h"
#include "kernels.h"
#include <float.h>

#define BLOCK 256

/* --- total ------------------------------------------------------------------------ */

struct losses {
	const float *of[CNN_MAX_LOSSES];
};

/* *result = { sum of all losses, sum of the hits of the first }. One block. */
static __global__ void total(struct cnn_result *result, struct losses losses,
    unsigned count, unsigned samples)
{
	extern __shared__ __align__(16) unsigned char shared[];
	double loss = 0, hits = 0;

	for (unsigned n = threadIdx.x; n < samples; n += blockDim.x) {
		hits += (double)losses.of[0][2 * n + 1];
		for (unsigned i = 0; i < count; i++)
			loss += (double)losses.of[i][2 * n];
	}
	loss = block_sum(loss, (double *)shared);
	hits = block_sum(hits, (double *)shared);
	if (threadIdx.x == 0) {
		result->loss = loss;
		result->hits = hits;
	}
}

extern "C" int native_total(void *queue, struct cnn_result *result,
    const float *const *losses, uint32_t loss_count, uint32_t samples)
{
	const unsigned block = 1024;
	struct losses all = { { NULL } };

	for (uint32_t i = 0; i < loss_count && i < CNN_MAX_LOSSES; i++)
		all.of[i] = losses[i];
	return LAUNCH(total, 1, block, block / WARP * sizeof(double), queue, result,
	    all, loss_count, samples);
}

/* --- norm ------------------------------------------------------------------------- */

/* sums[block] = the sum of the squares of its CNN_NORM_BLOCK numbers: added in each
 * thread, then over the block. */
static __global__ void norm(double *sums, const float *x, size_t count,
    struct cnn_state *bad)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const size_t first = (size_t)blockIdx.x * CNN_NORM_BLOCK;
	const size_t left = count - first;
	const size_t end = first + (left < CNN_NORM_BLOCK ? left : CNN_NORM_BLOCK);
	double sum = 0;

	for (size_t i = first + threadIdx.x; i < end; i += blockDim.x)
		sum += (double)x[i] * (double)x[i];
	sum = block_sum(sum, (double *)shared);
	if (threadIdx.x != 0)
		return;
	sums[blockIdx.x] = sum;
	if (bad && !isfinite(sum))
		atomicOr(&bad->bad, 1u);
}

extern "C" int native_norm(void *queue, double *sums, const float *x, size_t count,
    struct cnn_state *bad)
{
	const size_t blocks = (count + CNN_NORM_BLOCK - 1) / CNN_NORM_BLOCK;

	if (count == 0)
		return cudaSuccess;
	return LAUNCH(norm, (unsigned)blocks, BLOCK, BLOCK / WARP * sizeof(double),
	    queue, sums, x, count, bad);
}

/* One block: adds the sums in pairs, then pairs of pairs. */
static __global__ void clip(double *sums, size_t count, double most,
    struct cnn_state *state)
{
	double scale;

	for (size_t step = 1; step < count; step *= 2) {
		for (size_t i = threadIdx.x * 2 * step; i + step < count;
		     i += blockDim.x * 2 * step)
			sums[i] += sums[i + step];
		__syncthreads();
	}
	if (threadIdx.x != 0)
		return;
	scale = most /
	    (sqrt(count > 0 ? sums[0] : 0) * (double)state->grad_scale + 1e-6);
	/* A NaN stays NaN. */
	if (!(scale >= 1))
		state->grad_scale = (float)((double)state->grad_scale * scale);
}

extern "C" int native_clip(void *queue, double *sums, size_t count, double most,
    struct cnn_state *state)
{
	return LAUNCH(clip, 1, BLOCK, 0, queue, sums, count, most, state);
}

/* --- advance ---------------------------------------------------------------------- */

/* PyTorch's GradScaler: doubles the scale after this many good steps, but never to
 * infinity, from which it could not return; halves it after a bad one. */
#define GROWTH_STEPS 2000

static __device__ void move_scale(struct cnn_state *s)
{
	if (s->bad) {
		s->loss_scale *= s->loss_scale > FLT_MIN ? 0.5f : 1;
		s->good_steps = 0;
	} else if (++s->good_steps == GROWTH_STEPS) {
		s->loss_scale *= s->loss_scale > FLT_MAX / 2 ? 1 : 2;
		s->good_steps = 0;
	}
}

/* One thread. */
static __global__ void advance(struct cnn_state *state, struct cnn_advance a)
{
	struct cnn_state s = *state;
	struct cnn_step_record r = { 0, 0, s.bad, s.step, s.loss_scale, 0 };

	for (uint32_t i = 0; i < a.microbatches; i++) {
		r.loss += a.results[i].loss;
		r.hits += a.results[i].hits;
	}
	a.records[s.step % a.record_count] = r;
	s.updates += !s.bad;
	if (a.scaling)
		move_scale(&s);
	s.grad_scale = 1 / s.loss_scale;
	s.bad = 0;
	s.step++;
	s.cursor += a.samples;
	s.lr = a.rates[++s.rate];
	*state = s;
}

extern "C" int native_advance(void *queue, struct cnn_state *state,
    const struct cnn_advance *a)
{
	return LAUNCH(advance, 1, 1, 0, queue, state, *a);
}
