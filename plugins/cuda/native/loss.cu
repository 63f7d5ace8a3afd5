/* loss.cu - cross_entropy. */
#include "gpu.h"
#include "kernels.h"

#define BLOCK 256

/* --- cross_entropy -----------------------------------------------------------
 * With e_k = exp(x_k - max x) and R the sum of all e_k except the label's,
 *   loss = log(e_label + R) - (x_label - max x)
 *   softmax_k - (k == label) = e_k / (e_label + R), for the label -R / (...)
 * Both then keep their precision if the label's softmax is nearly 1. One warp per
 * sample. */

static __global__ void cross_entropy_forward(float *loss, float *difference,
	const float *logits, const int32_t *labels, unsigned samples, size_t classes)
{
	const unsigned lane = threadIdx.x % WARP;
	const unsigned step = gridDim.x * (blockDim.x / WARP);

	for (unsigned n = (unsigned)(first_item() / WARP); n < samples; n += step) {
		const float *x = logits + n * classes;
		const size_t label = (size_t)labels[n];
		float max = -INFINITY, others = 0, margin, whole;

		for (size_t k = lane; k < classes; k += WARP)
			max = fmaxf(max, x[k]);
		max = warp_max(max);
		for (size_t k = lane; k < classes; k += WARP)
			others += k == label ? 0 : expf(x[k] - max);
		others = warp_sum(others);
		margin = x[label] - max;
		whole = expf(margin) + others;
		if (lane == 0)
			loss[n] = margin == 0 ? log1pf(others) : logf(whole) - margin;
		for (size_t k = lane; difference && k < classes; k += WARP)
			difference[n * classes + k] = (k == label ? -others
				: expf(x[k] - max)) / whole;
	}
}

extern "C" int native_cross_entropy_forward(void *queue, float *loss, float *difference,
	const float *logits, const int32_t *labels, uint32_t samples, size_t classes)
{
	const unsigned block = 4 * WARP;

	return LAUNCH(cross_entropy_forward, blocks_of((size_t)samples * WARP, block), block,
		0, queue, loss, difference, logits, labels, samples, classes);
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
