/* conv-result.h - stores a tile's sums (see conv.h): elements of the result, or of one
 * part of it if the product is cut along k. conv_finish then adds the parts in order.
 *
 * The put(s, b, group, row, column, x) of a Result stores element (row, column) of the
 * group's product.
 */
#ifndef NATIVE_CONV_RESULT_H
#define NATIVE_CONV_RESULT_H

#include "conv-tile.h"

#define CONV_SLICES 8 /* into which conv_finish divides the parts */

/* Rows are pixels of out (not of windows), columns its channels. */
template <typename T> struct out_result {
	static __device__ inline void put(const struct conv_shape &s,
	    const struct conv_buffers &b, uint32_t group, uint32_t row, uint32_t column,
	    float x)
	{
		const uint32_t channel = group * s.o + column;

		if (s.bias)
			x += b.bias[channel];
		if (s.relu)
			x = x <= 0 ? 0 : x;
		set_float((T *)b.out + (size_t)row * s.out_pixel + channel, x);
	}
};

/* Rows are pixels of in, columns its channels. */
template <typename T> struct in_result {
	static __device__ inline void put(const struct conv_shape &s,
	    const struct conv_buffers &b, uint32_t group, uint32_t row, uint32_t column,
	    float x)
	{
		const uint32_t n = divide(row, s.by_image),
			       pixel = row - n * s.by_image.by;

		set_float((T *)b.grad_in + (size_t)n * s.in_image + pixel * s.in_pixel +
			(group * s.c + column) * s.in_channel,
		    x);
	}
};

/* Rows are output channels; columns the patch, then the bias. */
struct weight_result {
	static __device__ inline void put(const struct conv_shape &s,
	    const struct conv_buffers &b, uint32_t group, uint32_t row, uint32_t column,
	    float x)
	{
		const uint32_t channel = group * s.o + row;

		if (column < s.patch)
			b.grad_weight[(size_t)channel * s.patch + column] = x;
		else
			b.grad_bias[channel] = x;
	}
};

/* Stores tile t of sums (64,N). */
template <class Result, int N>
static __device__ inline void put_tile(const struct conv_shape &s,
    const struct conv_job &job, const struct conv_buffers &b, const struct tile &t,
    const float *sums)
{
	for (int i = threadIdx.x; i < CONV_ROWS * N; i += CONV_THREADS) {
		const uint32_t row = t.row + i / N, column = t.column + i % N;
		const float x = sums[i / N * tile_result<N>::pitch + i % N];

		if (row >= job.rows || column >= job.columns)
			continue;
		if (job.splits == 1)
			Result::put(s, b, t.group, row, column, x);
		else
			job.partial[((size_t)(t.split * s.groups + t.group) * job.rows +
					row) *
				job.columns +
			    column] = x;
	}
}

/* result = the sum of the parts, partial (splits, count). A warp adds one slice of the
 * parts for 32 elements; a block of eight warps adds all of them. */
template <class Result>
static __global__ void conv_finish(const struct conv_shape s, const struct conv_job job,
    const struct conv_buffers b)
{
	const uint32_t lane = threadIdx.x % WARP, slice = threadIdx.x / WARP;
	const uint32_t size = job.rows * job.columns, count = s.groups * size;
	const uint32_t i = blockIdx.x * WARP + lane;
	const uint32_t each = (job.splits + CONV_SLICES - 1) / CONV_SLICES;
	const uint32_t end = min((slice + 1) * each, job.splits);
	float *sums = (float *)shared, sum = 0;

	if (i < count)
		for (uint32_t k = slice * each; k < end; k++)
			sum += job.partial[(size_t)k * count + i];
	sums[slice * WARP + lane] = sum;
	__syncthreads();
	if (slice > 0 || i >= count)
		return;
	for (int k = 1; k < CONV_SLICES; k++)
		sum += sums[k * WARP + lane];
	Result::put(s, b, i / size, i % size / job.columns, i % size % job.columns,
	    sum);
}

template <class Result>
static int finish(void *queue, const struct conv_shape *s, const struct conv_job *job,
    const struct conv_buffers *b)
{
	const size_t count = (size_t)s->groups * job->rows * job->columns;
	const unsigned blocks = (unsigned)((count + WARP - 1) / WARP);
	const int threads = CONV_SLICES * WARP;

	return LAUNCH((conv_finish<Result>), blocks, threads, threads * sizeof(float),
	    queue, *s, *job, *b);
}

#endif
