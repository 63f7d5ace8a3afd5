/* loss.cu - cross_entropy. */
#include "gpu.h"
#include "kernels.h"

#define BLOCK 256

/* --- cross_entropy -----------------------------------------------------------
 * With t the target, e_k = exp(x_k - max x) and R the sum of all e_k except e_t,
 *   loss = log(e_t + R) - (x_t - max x)
 *   softmax_k - (k == t) = e_k / (e_t + R), for the target -R / (e_t + R)
 * Both then keep their precision if the target's softmax is nearly 1. The target is hit
 * if x_t is the largest, the first of equals. One warp per sample. */

static __global__ void cross_entropy_forward(float *loss, float *difference,
    const float *logits, const int32_t *target, unsigned samples, size_t classes)
{
	const unsigned lane = threadIdx.x % WARP;
	const unsigned step = gridDim.x * (blockDim.x / WARP);

	for (unsigned n = (unsigned)(first_item() / WARP); n < samples; n += step) {
		const float *x = logits + n * classes;
		const size_t hot = (size_t)target[n];
		float max = -INFINITY, others = 0, margin, whole;
		int missed = 0;

		for (size_t k = lane; k < classes; k += WARP) {
			max = fmaxf(max, x[k]);
			missed |= !(k < hot ? x[k] < x[hot] : x[k] <= x[hot]);
		}
		max = warp_max(max);
		missed = __any_sync(ALL_LANES, missed);
		for (size_t k = lane; k < classes; k += WARP)
			others += k == hot ? 0 : expf(x[k] - max);
		others = warp_sum(others);
		margin = x[hot] - max;
		whole = expf(margin) + others;
		if (lane == 0) {
			loss[2 * n] = margin == 0 ? log1pf(others) :
						    logf(whole) - margin;
			loss[2 * n + 1] = !missed;
		}
		for (size_t k = lane; difference && k < classes; k += WARP)
			difference[n * classes + k] =
			    (k == hot ? -others : expf(x[k] - max)) / whole;
	}
}

extern "C" int native_cross_entropy_forward(void *queue, float *loss, float *difference,
    const float *logits, const int32_t *target, uint32_t samples, size_t classes)
{
	const unsigned block = 4 * WARP;

	return LAUNCH(cross_entropy_forward, blocks_of((size_t)samples * WARP, block),
	    block, 0, queue, loss, difference, logits, target, samples, classes);
}

static __global__ void cross_entropy_backward(float *grad_in, const float *difference,
    const struct cnn_state *state, float total, size_t count)
{
	const float scale = state->loss_scale / total;

	for (size_t i = first_item(); i < count; i += item_step())
		grad_in[i] = difference[i] * scale;
}

extern "C" int native_cross_entropy_backward(void *queue, float *grad_in,
    const float *difference, const struct cnn_state *state, uint64_t total,
    size_t count)
{
	return LAUNCH(cross_entropy_backward, blocks_of(count, BLOCK), BLOCK, 0, queue,
	    grad_in, difference, state, (float)total, count);
}
