/* batchnorm-sums.cu - the sums per channel that batchnorm2d needs.
 *
 * sums (2,C) of in (N,C,H,W), NCHW or NHWC, in double. The order of addition is fixed:
 * the threads of a block go over a part of a channel side by side; then the threads' sums
 * are added, then the parts'.
 *
 * Forward: d = in - shift and d^2 are summed, where shift is the channel's first element:
 * m2 is the difference of two sums, and without it a mean far from 0 would cost its
 * precision. At the end mean = shift + sum of d / n and m2 = sum of d^2 -
 * (sum of d)^2 / n. Backward: sums of grad_out and grad_out xhat, where
 * xhat = (in - mean) / sqrt(var + eps); the factor 1 / sqrt(var + eps) is applied last.
 */
#include "gpu.h"
#include "kernels.h"

#define BLOCK 256
#define COLUMN_ROWS (BLOCK / WARP) /* rows of threads, to sum columns */

template <typename T> struct terms {
	const T *in, *grad_out; /* NULL: forward */
	const double *saved;	/* mean, 1 / sqrt(var + eps) */
};

struct two {
	double a, b;
};

/* The shift of channel c, whose first element is in[c * first]. */
template <typename T>
static __device__ double shift_of(const struct terms<T> *t, uint32_t c, uint32_t first)
{
	const double x = (double)to_float(t->in[(size_t)c * first]);

	return isfinite(x) ? x : 0;
}

template <typename T>
static __device__ void add_terms(struct two *sum, const struct terms<T> *t, size_t i,
    double mean)
{
	const double d = (double)to_float(t->in[i]) - mean;

	if (t->grad_out) {
		const double g = (double)to_float(t->grad_out[i]);

		sum->a += g;
		sum->b += g * d;
	} else {
		sum->a += d;
		sum->b += d * d;
	}
}

/* From sums over n elements: forward mean and m2, backward the factor. */
template <typename T>
static __device__ struct two finish(struct two sum, const struct terms<T> *t,
    const struct native_norm *s, uint32_t c, double n)
{
	if (t->grad_out) {
		sum.b *= t->saved[s->channels + c];
	} else {
		const double mean = sum.a / n, m2 = sum.b - sum.a * mean;

		sum.a = shift_of(t, c, s->is_nhwc ? 1 : s->area) + mean;
		sum.b = m2 < 0 ? 0 : m2; /* a NaN is kept */
	}
	return sum;
}

/* Writes channel c of partial (2,C,splits), or of sums (2,C) if there is one split. */
template <typename T>
static __device__ void put_sums(double *partial, struct two sum,
    const struct terms<T> *t, const struct native_norm *s, uint32_t c, uint32_t split,
    uint32_t samples)
{
	if (s->splits == 1)
		sum = finish(sum, t, s, c, (double)samples * s->area);
	partial[(size_t)c * s->splits + split] = sum.a;
	partial[((size_t)s->channels + c) * s->splits + split] = sum.b;
}

/* Split `split` of n elements is split_at(split) .. split_at(split + 1) - 1. */
static __device__ size_t split_at(size_t n, uint32_t split, uint32_t splits)
{
	return n / splits * split + n % splits * split / splits;
}

/* NCHW: block (c, split). Element e of a channel is pixel e % area of sample e /
 * area. */
template <typename T>
static __global__ void sum_rows(double *partial, struct terms<T> t,
    struct native_norm s, uint32_t samples)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const uint32_t c = blockIdx.x;
	const size_t n = (size_t)samples * s.area;
	const size_t begin = split_at(n, blockIdx.y, s.splits) + threadIdx.x;
	const size_t end = split_at(n, blockIdx.y + 1, s.splits);
	const size_t jump = BLOCK / s.area * s.channels * s.area;
	const uint32_t step = BLOCK % s.area;
	const double mean = t.grad_out ? t.saved[c] : shift_of(&t, c, s.area);
	uint32_t p = (uint32_t)(begin % s.area);
	size_t row = (begin / s.area * s.channels + c) * s.area;
	struct two sum = { 0, 0 };

	for (size_t e = begin; e < end; e += BLOCK) {
		add_terms(&sum, &t, row + p, mean);
		row += jump;
		p += step;
		if (p >= s.area) {
			p -= s.area;
			row += (size_t)s.channels * s.area;
		}
	}
	sum.a = block_sum(sum.a, (double *)shared);
	sum.b = block_sum(sum.b, (double *)shared);
	if (threadIdx.x == 0)
		put_sums(partial, sum, &t, &s, c, blockIdx.y, samples);
}

/* NHWC: block (32 channels, split), one warp per row. */
template <typename T>
static __global__ void sum_columns(double *partial, struct terms<T> t,
    struct native_norm s, uint32_t samples)
{
	extern __shared__ __align__(16) unsigned char shared[];
	struct two *sums = (struct two *)shared;
	const uint32_t c = blockIdx.x * WARP + threadIdx.x;
	const bool there = c < s.channels;
	const size_t n = (size_t)samples * s.area;
	const size_t end = split_at(n, blockIdx.y + 1, s.splits);
	const double mean = !there ? 0 : t.grad_out ? t.saved[c] : shift_of(&t, c, 1);
	struct two sum = { 0, 0 };

	for (size_t row = split_at(n, blockIdx.y, s.splits) + threadIdx.y;
	     there && row < end; row += COLUMN_ROWS)
		add_terms(&sum, &t, row * s.channels + c, mean);
	sums[threadIdx.y * WARP + threadIdx.x] = sum;
	__syncthreads();
	if (threadIdx.y > 0 || !there)
		return;
	for (unsigned y = 1; y < COLUMN_ROWS; y++) {
		sum.a += sums[y * WARP + threadIdx.x].a;
		sum.b += sums[y * WARP + threadIdx.x].b;
	}
	put_sums(partial, sum, &t, &s, c, blockIdx.y, samples);
}

/* sums (2,C) from the sums over the splits of partial (2,C,splits); a warp for each
 * channel. */
template <typename T>
static __global__ void sum_splits(double *sums, const double *partial,
    struct terms<T> t, struct native_norm s, uint32_t samples)
{
	const unsigned lane = threadIdx.x % WARP;

	for (size_t c = first_item() / WARP; c < s.channels; c += item_step() / WARP) {
		struct two sum = { 0, 0 };

		for (uint32_t k = lane; k < s.splits; k += WARP) {
			sum.a += partial[c * s.splits + k];
			sum.b += partial[(s.channels + c) * s.splits + k];
		}
		sum.a = warp_sum(sum.a);
		sum.b = warp_sum(sum.b);
		if (lane > 0)
			continue;
		sum = finish(sum, &t, &s, (uint32_t)c, (double)samples * s.area);
		sums[c] = sum.a;
		sums[s.channels + c] = sum.b;
	}
}

template <typename T>
static int launch_sums(void *queue, double *sums, const void *in, const void *grad_out,
    const double *saved, double *scratch, const struct native_norm *s, uint32_t samples)
{
	const struct terms<T> t = {
		(const T *)in, (const T *)grad_out, saved
	};
	double *partial = s->splits > 1 ? scratch : sums;
	int error;

	if (s->is_nhwc)
		error = LAUNCH(sum_columns<T>,
		    dim3((s->channels + WARP - 1) / WARP, s->splits),
		    dim3(WARP, COLUMN_ROWS), BLOCK * sizeof(struct two), queue, partial,
		    t, *s, samples);
	else
		error = LAUNCH(sum_rows<T>, dim3(s->channels, s->splits), BLOCK,
		    BLOCK / WARP * sizeof(double), queue, partial, t, *s, samples);
	if (error != cudaSuccess || s->splits == 1)
		return error;
	return LAUNCH(sum_splits<T>, blocks_of((size_t)s->channels * WARP, BLOCK),
	    BLOCK, 0, queue, sums, partial, t, *s, samples);
}

extern "C" int native_norm_sums(void *queue, uint32_t dtype, double *sums,
    const void *in, double *scratch, const struct native_norm *s, uint32_t samples)
{
#define CALL(T) launch_sums<T>(queue, sums, in, NULL, NULL, scratch, s, samples)
	return BY_DTYPE(dtype, CALL);
#undef CALL
}

extern "C" int native_norm_gradient_sums(void *queue, uint32_t dtype, double *sums,
    const void *in, const void *grad_out, const double *saved, double *scratch,
    const struct native_norm *s, uint32_t samples)
{
#define CALL(T) launch_sums<T>(queue, sums, in, grad_out, saved, scratch, s, samples)
	return BY_DTYPE(dtype, CALL);
#undef CALL
}
