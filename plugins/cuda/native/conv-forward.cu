/* conv-forward.cu - out = conv(in), relu(conv(in)), or the largest of relu(conv(in)) in
 * each window; see conv.h. */
#include "conv-gather.h"
#include "conv-result.h"

/* out = the largest of each window's pixels, at least 0. saved = its index, the first
 * of equals, or CONV_DEAD. Pixels are compared after rounding to out's type. A NaN wins
 * over all. */
template <typename T, int N>
static __device__ inline void put_window(const struct conv_shape &s,
    const struct conv_buffers &b, uint32_t window, uint32_t channel, const float *sums)
{
	const float bias = s.bias ? b.bias[channel] : 0;
	const bool padded = s.window_padding[0] || s.window_padding[1];
	const size_t at = (size_t)window * s.out_pixel + channel;
	uint32_t place = CONV_DEAD;
	float best = 0;

	for (uint32_t e = 0; e < s.area; e++) {
		T rounded;
		float x;

		if (padded && !out_place_of(s, window * s.area + e).inside)
			continue;
		set_float(&rounded, sums[e * tile_result<N>::pitch] + bias);
		x = to_float(rounded);
		if (x > best || x != x) {
			best = x;
			place = e;
		}
	}
	set_float((T *)b.out + at, best);
	if (b.saved)
		b.saved[at] = (uint8_t)place;
}

template <typename T, int N>
static __device__ inline void put_windows(const struct conv_shape &s,
    const struct conv_job &job, const struct conv_buffers &b, const struct tile &t,
    const float *sums)
{
	const uint32_t windows = job.tile_rows / s.area, first = t.row / s.area;

	for (uint32_t i = threadIdx.x; i < windows * N; i += CONV_THREADS) {
		const uint32_t window = first + i / N, column = t.column + i % N;

		if (window * s.area < job.rows && column < s.o)
			put_window<T, N>(s, b, window, t.group * s.o + column,
			    &sums[i / N * s.area * tile_result<N>::pitch + i % N]);
	}
}

template <typename T, int N>
static __global__ void __launch_bounds__(CONV_THREADS, CONV_PER_SM(T, N))
    conv_forward(const struct conv_shape s, const struct conv_job job,
	const struct conv_buffers b)
{
	const struct tile t = tile_of(job, blockIdx.x);
	patches_along_k<T> patches;
	weights_along_k<T, N> weights;
	const float *sums;

	patches.start(s, job, b.in, t);
	weights.start(s, b.weight, t);
	sums = make_tile<T, N>(s, t, patches, weights);
	if (s.pooled)
		put_windows<T, N>(s, job, b, t, sums);
	else
		put_tile<out_result<T>, N>(s, job, b, t, sums);
}

template <typename T, int N>
static int launch(void *queue, const struct conv_shape *s, const struct conv_job *job,
    const struct conv_buffers *b)
{
	const int bytes = tile_bytes<T, N, typename patches_along_k<T>::panel,
	    typename weights_along_k<T, N>::panel>();
	int error = LAUNCH((conv_forward<T, N>), job->blocks, CONV_THREADS, bytes,
	    queue, *s, *job, *b);

	return error || job->splits == 1 ? error :
					   finish<out_result<T>>(queue, s, job, b);
}

extern "C" int native_conv_forward(void *queue, const struct conv_shape *s,
    const struct conv_job *job, const struct conv_buffers *b)
{
	if (job->method == CONV_SMALL)
		return native_conv_small_forward(queue, s, job, b);
#define LAUNCH_FOR(T) \
	(job->tile_columns == 64 ? launch<T, 64>(queue, s, job, b) : \
				   launch<T, 32>(queue, s, job, b))
	return BY_DTYPE(s->dtype, LAUNCH_FOR);
}
