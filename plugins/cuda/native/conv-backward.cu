/* conv-backward.cu - the gradients of weights, biases and input from out's; see conv.h.
 * One launch computes all of them: they are independent. */
#include "conv-resident.h"

/* grad_weight (O,patch), grad_bias = grad_conv' (patches, ones). */
template <typename T, int N>
static __device__ inline void weight_tile(const struct conv_shape &s,
    const struct conv_job &job, const struct conv_buffers &b, uint32_t block)
{
	const struct tile t = tile_of(job, block);
	gradients_along_rows<T> gradients;
	patches_along_columns<T, N> patches;

	gradients.start(s, job, b, t);
	patches.start(s, job, b.in, t);
	put_tile<weight_result, N>(s, job, b, t,
	    make_tile<T, N>(s, t, gradients, patches));
}

/* grad_in (pixels,C) = grad_conv, as gathered for each pixel, times weight. */
template <typename T, int N>
static __device__ inline void input_tile(const struct conv_shape &s,
    const struct conv_job &job, const struct conv_buffers &b, uint32_t block)
{
	const struct tile t = tile_of(job, block);
	gradients_along_k<T> gradients;
	weights_along_columns<T, N> weights;

	gradients.start(s, job, b, t);
	weights.start(s, b.weight, t);
	put_tile<in_result<T>, N>(s, job, b, t,
	    make_tile<T, N>(s, t, gradients, weights));
}

/* The tiles of the weights, of W columns, come first: they take longer. Those of the
 * input have I columns; I = RESIDENT selects the resident method. */
#define RESIDENT 0

template <typename T, int W, int I>
static __global__ void __launch_bounds__(CONV_THREADS, CONV_PER_SM(T, W > I ? W : I))
    conv_backward(const struct conv_shape s, const struct conv_job weight,
	const struct conv_job input, const struct conv_buffers b)
{
	if (blockIdx.x < weight.blocks)
		weight_tile<T, W>(s, weight, b, blockIdx.x);
	else if constexpr (I != RESIDENT)
		input_tile<T, I>(s, input, b, blockIdx.x - weight.blocks);
	else if constexpr (HAS_TENSOR_CORES(T))
		resident_tile<T>(s, input, b, blockIdx.x - weight.blocks);
}

template <typename T, int W, int I> static int shared_bytes(const struct conv_shape *s)
{
	const int weight = tile_bytes<T, W, typename gradients_along_rows<T>::panel,
	    typename patches_along_columns<T, W>::panel>();
	const int input = I == RESIDENT ? (int)conv_resident_bytes(s, s->plane_rows) :
					  tile_bytes < T,
		  I ? I : 32, typename gradients_along_k<T>::panel,
		  typename weights_along_columns < T, I ? I : 32 > ::panel > ();

	return weight > input ? weight : input;
}

template <typename T, int W, int I>
static int launch(void *queue, const struct conv_shape *s,
    const struct conv_job *weight, const struct conv_job *input,
    const struct conv_buffers *b)
{
	int error = LAUNCH((conv_backward<T, W, I>), weight->blocks + input->blocks,
	    CONV_THREADS, (shared_bytes<T, W, I>(s)), queue, *s, *weight, *input, *b);

	if (!error && weight->blocks && weight->splits > 1)
		error = finish<weight_result>(queue, s, weight, b);
	if (!error && input->blocks && input->method == CONV_TILES && input->splits > 1)
		error = finish<in_result<T>>(queue, s, input, b);
	return error;
}

template <typename T>
static int launch_for(void *queue, const struct conv_shape *s,
    const struct conv_job *weight, const struct conv_job *input,
    const struct conv_buffers *b)
{
	if constexpr (sizeof(T) == 2)
		if (input->method == CONV_RESIDENT)
			return launch<T, 64, RESIDENT>(queue, s, weight, input, b);
	if (weight->tile_columns == 32)
		return launch<T, 32, 32>(queue, s, weight, input, b);
	return input->tile_columns == 64 ?
	    launch<T, 64, 64>(queue, s, weight, input, b) :
	    launch<T, 64, 32>(queue, s, weight, input, b);
}

extern "C" int native_conv_backward(void *queue, const struct conv_shape *s,
    const struct conv_job *weight, const struct conv_job *input,
    const struct conv_buffers *b)
{
	struct conv_job none = *weight;

	if (weight->method == CONV_SMALL) {
		int error = native_conv_small_weight(queue, s, weight, b);

		if (error || input->blocks == 0)
			return error;
		none.blocks = 0;
		weight = &none;
	}
#define LAUNCH_FOR(T) launch_for<T>(queue, s, weight, input, b)
	return BY_DTYPE(s->dtype, LAUNCH_FOR);
}
