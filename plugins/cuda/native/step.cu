/* step.cu - the end of a step on the device: loss and hits, the norm of the gradients
 * and their clipping, and the state of the next step. */
#include "gpu.h"
#include "kernels.h"
#include <float.h>

#define BLOCK 256

/* --- score ---------------------------------------------------------------- */

/* The larger of two logits; of equal ones, that of the smaller class. */
struct best { float logit; unsigned class_number; };

static __device__ struct best better(struct best a, struct best b)
{
	return b.logit > a.logit || (b.logit == a.logit && b.class_number < a.class_number)
		? b : a;
}

/* The class of the largest logit, found by `lanes` threads, a power of two. */
static __device__ unsigned best_class(const float *logits, unsigned classes,
	unsigned lanes)
{
	struct best best = { -INFINITY, threadIdx.x % lanes };

	for (unsigned k = threadIdx.x % lanes; k < classes; k += lanes) {
		const struct best next = { logits[k], k };

		best = better(best, next);
	}
	for (unsigned lane = lanes / 2; lane > 0; lane /= 2) {
		const struct best other = {
			__shfl_xor_sync(ALL_LANES, best.logit, lane),
			__shfl_xor_sync(ALL_LANES, best.class_number, lane)
		};

		best = better(best, other);
	}
	return best.class_number;
}

/* All loads of a thread are in flight at once, because there is only one block. */
#define CLASSES_A_LANE 16

/* *score = { sum of losses, number of samples whose best class is the label's }. One
 * block, `lanes` threads per sample. */
static __global__ void score_samples(struct cnn_score *score, const float *logits,
	unsigned classes, const int32_t *labels, const float *losses, unsigned samples,
	unsigned lanes)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const unsigned at_once = blockDim.x / lanes;
	double loss = 0, correct = 0;

	for (unsigned n = threadIdx.x; n < samples; n += blockDim.x)
		loss += (double)losses[n];
	for (unsigned first = 0; first < samples; first += at_once) {
		const unsigned n = first + threadIdx.x / lanes;
		const unsigned at = n < samples ? n : samples - 1;
		const unsigned best = best_class(logits + (size_t)at * classes, classes,
			lanes);

		if (n < samples && threadIdx.x % lanes == 0)
			correct += best == (unsigned)labels[n];
	}
	loss = block_sum(loss, (double *)shared);
	correct = block_sum(correct, (double *)shared);
	if (threadIdx.x == 0) {
		score->loss = loss;
		score->correct = (uint32_t)correct;
		score->unused = 0;
	}
}

extern "C" int native_score_samples(void *queue, struct cnn_score *score,
	const float *logits, size_t classes, const int32_t *labels, const float *losses,
	uint32_t samples)
{
	const unsigned block = 1024;
	unsigned lanes = 1;

	while (lanes < WARP && lanes * CLASSES_A_LANE < classes)
		lanes *= 2;
	return LAUNCH(score_samples, 1, block, block / WARP * sizeof(double), queue, score,
		logits, (unsigned)classes, labels, losses, samples, lanes);
}

/* --- norm ----------------------------------------------------------------- */

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
	return LAUNCH(norm, (unsigned)blocks, BLOCK, BLOCK / WARP * sizeof(double), queue,
		sums, x, count, bad);
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
	scale = most / (sqrt(count > 0 ? sums[0] : 0) * (double)state->grad_scale + 1e-6);
	/* A NaN stays NaN. */
	if (!(scale >= 1))
		state->grad_scale = (float)((double)state->grad_scale * scale);
}

extern "C" int native_clip(void *queue, double *sums, size_t count, double most,
	struct cnn_state *state)
{
	return LAUNCH(clip, 1, BLOCK, 0, queue, sums, count, most, state);
}

/* --- advance -------------------------------------------------------------- */

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
	struct cnn_step_record r = { 0, 0, s.bad, s.step, s.loss_scale };

	for (uint32_t i = 0; i < a.shards; i++) {
		r.loss += a.scores[i].loss;
		r.correct += a.scores[i].correct;
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
