/* conv-resident.h - the input's gradient for kernels with stride 1, with conv's
 * gradient of a whole image in shared memory; in half.
 *
 *   grad_in[y][x] = sum over i, j of grad_conv[y + padding - i dilation][x likewise]
 *                   weight[i][j], (O) times (O,C)
 *
 * The image is stored as a plane with zeros around it. Its width is chosen so that, for
 * each place of the kernel, row m of the product, m = y plane_w + x, is pixel m + (a
 * constant) of the plane. So A's fragments are loaded directly from the plane, and only
 * the weights of a chunk are gathered. Rows with x >= w are computed but not used. A
 * gap of 16 elements between pixels keeps them aligned.
 */
#ifndef NATIVE_CONV_RESIDENT_H
#define NATIVE_CONV_RESIDENT_H

#include "conv-gradients.h"
#include "conv-result.h"

#define CONV_WARPS (CONV_THREADS / WARP)
#define CONV_DOWN 4 /* fragments of a warp, one below another */

static __device__ inline uint32_t plane_pitch(const struct conv_shape &s)
{
	return s.o + CONV_PLANE_GAP;
}

template <typename T> struct plane {
	T *at;
	uint32_t pitch, high; /* rows of plane_w pixels */
	uint32_t top, left;   /* conv's first pixel; may be negative */

	__device__ inline void set(const struct conv_shape &s)
	{
		at = (T *)shared;
		pitch = plane_pitch(s);
		top = (s.kernel[0] - 1) * s.dilation[0];
		left = (s.kernel[1] - 1) * s.dilation[1];
		high = s.h + top;
		top -= s.padding[0];
		left -= s.padding[1];
	}

	__device__ inline void clear(const struct conv_shape &s)
	{
		const uint32_t count = s.plane_rows * pitch / chunk<T>::vector;

		for (uint32_t i = threadIdx.x; i < count; i += CONV_THREADS)
			((vector *)at)[i] = vector();
	}

	/* The plane's pixel of a pixel of conv, or NULL. */
	__device__ inline T *find(const struct conv_shape &s, uint32_t y,
	    uint32_t x) const
	{
		y += top;
		x += left;
		return y < high && x < s.plane_w ? at + (y * s.plane_w + x) * pitch :
						   NULL;
	}

	/* Copies each window's gradient to the pixel that was its largest. */
	__device__ inline void fill_pooled(const struct conv_shape &s,
	    const struct conv_buffers &b, uint32_t n, uint32_t group)
	{
		const int count = chunk<T>::vector;
		const uint32_t vectors = s.o / count, windows = s.by_windows.by;

		for (uint32_t i = threadIdx.x; i < windows * vectors;
		     i += CONV_THREADS) {
			const uint32_t window = i / vectors, o = i % vectors * count;
			const size_t from = (size_t)(n * windows + window) *
				s.out_pixel +
			    group * s.o + o;
			const uint32_t py = divide(window, s.by_pw);
			const uint32_t y = py * s.window_stride[0] -
			    s.window_padding[0];
			const uint32_t x = (window - py * s.pw) * s.window_stride[1] -
			    s.window_padding[1];
			const pack<uint8_t, count> places = *(
			    const pack<uint8_t, count> *)(b.saved + from);
			const typename wide<T>::type g = unpacked<T>(
			    *(const vector *)((const T *)b.grad_out + from));

#pragma unroll
			for (int j = 0; j < count; j++) {
				const uint32_t e = places.x[j],
					       ey = divide(e, s.by_window_w);
				T *to = find(s, y + ey, x + e - ey * s.window[1]);

				if (e != CONV_DEAD && to)
					to[o + j] = g.x[j];
			}
		}
	}

	__device__ inline void fill(const struct conv_shape &s,
	    const struct conv_buffers &b, uint32_t n, uint32_t group)
	{
		const uint32_t vectors = s.o / chunk<T>::vector, pixels = s.oh * s.ow;

		for (uint32_t i = threadIdx.x; i < pixels * vectors;
		     i += CONV_THREADS) {
			const uint32_t pixel = i / vectors,
				       o = i % vectors * chunk<T>::vector;
			const uint32_t y = divide(pixel, s.by_pw);
			T *to = find(s, y, pixel - y * s.ow);

			if (to)
				*(vector *)(to + o) = gradients<T>(s, b,
				    (size_t)(n * pixels + pixel) * s.out_pixel +
					group * s.o + o,
				    0);
		}
	}
};

/* Each warp computes every fourth fragment of 16 rows, with all 32 columns. */
template <typename T> struct resident_sums {
	typedef ::panel<T, 32, false> B;
	nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float>
	    sum[CONV_DOWN][2];
	/* This warp has fragments of rows below count */
	uint32_t first, count;

	__device__ inline void clear(const struct conv_shape &s, uint32_t row)
	{
		first = row + threadIdx.x / WARP * 16;
		count = s.h * s.plane_w;
#pragma unroll
		for (int i = 0; i < CONV_DOWN; i++)
#pragma unroll
			for (int j = 0; j < 2; j++)
				nvcuda::wmma::fill_fragment(sum[i][j], 0.0f);
	}

	/* Adds 16 k's. `from` is the plane's pixel of row 0. */
	__device__ inline void add(const T *from, uint32_t pitch, const T *b)
	{
		nvcuda::wmma::fragment<nvcuda::wmma::matrix_b, 16, 16, 16, T,
		    nvcuda::wmma::row_major>
		    pb[2];

#pragma unroll
		for (int j = 0; j < 2; j++)
			nvcuda::wmma::load_matrix_sync(pb[j], b + j * 16, B::pitch);
#pragma unroll
		for (int i = 0; i < CONV_DOWN; i++) {
			const uint32_t row = first + i * CONV_WARPS * 16;
			nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 16, T,
			    nvcuda::wmma::row_major>
			    pa;

			if (row >= count)
				continue;
			nvcuda::wmma::load_matrix_sync(pa, from + row * pitch, pitch);
#pragma unroll
			for (int j = 0; j < 2; j++)
				nvcuda::wmma::mma_sync(sum[i][j], pa, pb[j], sum[i][j]);
		}
	}

	__device__ inline void store(float *c, int pitch)
	{
#pragma unroll
		for (int i = 0; i < CONV_DOWN; i++)
#pragma unroll
			for (int j = 0; j < 2; j++)
				nvcuda::wmma::store_matrix_sync(
				    &c[(i * CONV_WARPS + threadIdx.x / WARP) * 16 *
					    pitch +
					j * 16],
				    sum[i][j], pitch, nvcuda::wmma::mem_row_major);
	}
};

/* grad_in = the tile's sums (256,32), without the rows outside the image. */
template <typename T>
static __device__ inline void put_resident(const struct conv_shape &s,
    const struct conv_buffers &b, const struct tile &t, uint32_t n, const float *sums)
{
	const int count = chunk<T>::vector, vectors = 32 / count;

	for (int i = threadIdx.x; i < CONV_RESIDENT_ROWS * vectors; i += CONV_THREADS) {
		const uint32_t row = t.row + i / vectors;
		const uint32_t column = t.column + i % vectors * count;
		const uint32_t y = divide(row, s.by_plane_w), x = row - y * s.plane_w;
		const float *from =
		    &sums[i / vectors * tile_result<32>::pitch + i % vectors * count];

		if (y < s.h && x < s.w && column < s.c)
			*(vector *)((T *)b.grad_in + (size_t)n * s.in_image +
			    y * s.in_row + x * s.in_pixel + t.group * s.c +
			    column) = weights_of<T>(from);
	}
}

template <typename T>
static __device__ inline void add_chunk(const struct conv_shape &s,
    const struct conv_job &job, const struct plane<T> &plane, uint32_t k,
    const T *weights, struct resident_sums<T> &sums)
{
#pragma unroll
	for (int l = 0; l < chunk<T>::depth; l += 16) {
		const struct patch_place p = patch_place_of(s, k + l, s.by_o);
		const uint32_t pixel = (plane.high - s.h - p.dy) * s.plane_w +
		    s.plane_w - s.w - p.dx;

		if (k + l < job.depth)
			sums.add(plane.at + pixel * plane.pitch + p.channel,
			    plane.pitch, weights + l * resident_sums<T>::B::pitch);
	}
}

template <typename T>
static __device__ inline void resident_tile(const struct conv_shape &s,
    const struct conv_job &job, const struct conv_buffers &b, uint32_t block)
{
	typedef typename resident_sums<T>::B B;
	const struct tile t = tile_of(job, block);
	const uint32_t n = t.split, depth = chunk<T>::depth;
	weights_along_columns<T, 32> weights;
	resident_sums<T> sums;
	struct plane<T> plane;
	T *now, *next;

	plane.set(s);
	plane.clear(s);
	__syncthreads();
	if (s.pooled)
		plane.fill_pooled(s, b, n, t.group);
	else
		plane.fill(s, b, n, t.group);
	weights.start(s, b.weight, t);
	sums.clear(s, t.row);
	now = plane.at + s.plane_rows * plane.pitch;
	next = now + B::count;
	for (uint32_t k = 0;; k += depth) {
		const bool more = k < job.depth;
		T *last = now;

		if (more)
			weights.fetch(s, k);
		if (k > 0)
			add_chunk(s, job, plane, k - depth, now, sums);
		if (more)
			B::put(next, weights.x);
		__syncthreads();
		if (!more)
			break;
		now = next;
		next = last;
	}
	sums.store((float *)shared, tile_result<32>::pitch);
	__syncthreads();
	put_resident<T>(s, b, t, n, (const float *)shared);
}

#endif
