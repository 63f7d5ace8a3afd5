/* conv-tile.h - a block's tile of a product (see conv.h):
 *   sums (64,N) = A (64,K) B (K,N), in float, in the order of k.
 *
 * The panels of both operands go chunk by chunk from memory through registers into
 * shared memory. There is room for two of each: the next chunk is loaded while the
 * tensor cores (in float: the threads themselves) work on the last one. The tile's
 * sums end in shared memory too, in place of the panels.
 */
#ifndef NATIVE_CONV_TILE_H
#define NATIVE_CONV_TILE_H

#include "conv.h"
#include "gpu.h"
#include <string.h>

/* Blocks per multiprocessor, limited by their registers. */
#define CONV_PER_SM(T, N) (sizeof(T) == 4 && (N) == 64 ? 3 : 4)

extern __shared__ __align__(32) unsigned char shared[];

template <typename T> struct chunk {
	static const int vector = wide<T>::count;
	static const int depth = CONV_CHUNK_BYTES / (int)sizeof(T);
};

static __device__ inline uint32_t divide(uint32_t n, const struct conv_divisor &d)
{
	return __umulhi(2 * n, d.multiplier) >> d.shift;
}

template <typename T> static __device__ inline T from_float(float value)
{
	T x;

	set_float(&x, value);
	return x;
}

/* A vector is moved as four words, and split into elements only where necessary. */
typedef pack<uint32_t, 4> vector;

template <typename T>
static __device__ inline vector packed(const typename wide<T>::type &x)
{
	vector v;

	memcpy(&v, &x, sizeof(v));
	return v;
}

template <typename T>
static __device__ inline typename wide<T>::type unpacked(const vector &v)
{
	typename wide<T>::type x;

	memcpy(&x, &v, sizeof(x));
	return x;
}

/* The part of an operand that a chunk needs: `side` rows of A, or columns of B, by the
 * k's of the chunk. A line is one row with all k's (along_k), or one k with all rows.
 * Lines have a gap of one vector, so that eight of them lie in different banks. Each
 * thread moves `slots` vectors, all at the same position in their lines. */
template <typename T, int SIDE, bool ALONG_K> struct panel {
	static const bool along_k = ALONG_K;
	static const int lines = ALONG_K ? SIDE : chunk<T>::depth;
	static const int width = ALONG_K ? chunk<T>::depth : SIDE;
	static const int pitch = width + chunk<T>::vector;
	static const int vectors = width / chunk<T>::vector;
	static const int slots = lines * vectors / CONV_THREADS;
	static const int count = lines * pitch;

	static __device__ inline uint32_t line(int slot)
	{
		return (threadIdx.x + slot * CONV_THREADS) / vectors;
	}

	static __device__ inline uint32_t place(void)
	{
		return threadIdx.x % vectors * chunk<T>::vector;
	}

	static __device__ inline void put(T *p, const vector *x)
	{
#pragma unroll
		for (int i = 0; i < slots; i++)
			*(vector *)&p[line(i) * pitch + place()] = x[i];
	}
};

/* --- sums by the tensor cores ----------------------------------------------------- */

/* Four warps, two by two, of 32 x N/2. */
template <typename T, int N, class A, class B> struct tensor_sums {
	template <class Use, class Layout>
	using part = nvcuda::wmma::fragment<Use, 16, 16, 16, T, Layout>;
	typedef typename std::conditional<A::along_k, nvcuda::wmma::row_major,
	    nvcuda::wmma::col_major>::type layout_a;
	typedef typename std::conditional<B::along_k, nvcuda::wmma::col_major,
	    nvcuda::wmma::row_major>::type layout_b;
	static const int across = N / 32;

	nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float>
	    sum[2][across];
	int at_a, at_b; /* the warp's row and column, in panels */

	static __device__ inline int row(void)
	{
		return threadIdx.x / WARP / 2 * 32;
	}
	static __device__ inline int column(void)
	{
		return threadIdx.x / WARP % 2 * (N / 2);
	}

	__device__ inline void clear(void)
	{
		at_a = A::along_k ? row() * A::pitch : row();
		at_b = B::along_k ? column() * B::pitch : column();
#pragma unroll
		for (int i = 0; i < 2; i++)
#pragma unroll
			for (int j = 0; j < across; j++)
				nvcuda::wmma::fill_fragment(sum[i][j], 0.0f);
	}

	/* Only the first `depth` k's are used; the others are zeros. */
	__device__ inline void add(const T *a, const T *b, uint32_t depth)
	{
		for (int k = 0; k < chunk<T>::depth; k += 16) {
			part<nvcuda::wmma::matrix_a, layout_a> pa[2];
			part<nvcuda::wmma::matrix_b, layout_b> pb;

			if ((uint32_t)k >= depth)
				continue;
#pragma unroll
			for (int i = 0; i < 2; i++)
				nvcuda::wmma::load_matrix_sync(pa[i],
				    &a[at_a +
					(A::along_k ? i * 16 * A::pitch + k :
						      k * A::pitch + i * 16)],
				    A::pitch);
#pragma unroll
			for (int j = 0; j < across; j++) {
				nvcuda::wmma::load_matrix_sync(pb,
				    &b[at_b +
					(B::along_k ? j * 16 * B::pitch + k :
						      k * B::pitch + j * 16)],
				    B::pitch);
#pragma unroll
				for (int i = 0; i < 2; i++)
					nvcuda::wmma::mma_sync(sum[i][j], pa[i], pb,
					    sum[i][j]);
			}
		}
	}

	__device__ inline void store(float *c, int pitch)
	{
#pragma unroll
		for (int i = 0; i < 2; i++)
#pragma unroll
			for (int j = 0; j < across; j++)
				nvcuda::wmma::store_matrix_sync(
				    &c[(row() + i * 16) * pitch + column() + j * 16],
				    sum[i][j], pitch, nvcuda::wmma::mem_row_major);
	}
};

/* --- sums by the threads ---------------------------------------------------------- */

/* Each thread computes `down` x 4 sums. If a panel's lines are k's, the thread's rows
 * (columns) are neighbours, which are read at once; otherwise they are far apart, in
 * different banks. */
template <typename T, int N, class A, class B> struct thread_sums {
	static const int wide_threads = N / 4, high = CONV_THREADS / wide_threads;
	static const int down = CONV_ROWS / high;

	float sum[down][4];

	/* The i-th row (column) of the thread, where `threads` threads share a side. */
	static __device__ inline int of(bool along_k, int i, int thread, int threads)
	{
		return along_k ? thread + i * threads :
				 i / 4 * 4 * threads + thread * 4 + i % 4;
	}

	static __device__ inline int row(int i)
	{
		return of(A::along_k, i, threadIdx.x / wide_threads, high);
	}

	static __device__ inline int column(int j)
	{
		return of(B::along_k, j, threadIdx.x % wide_threads, wide_threads);
	}

	/* x[i][l] = the element of row (column) i at k + l, for four k's. */
	template <class P, int COUNT>
	static __device__ inline void read(float x[][4], const T *p, int k, int thread,
	    int threads)
	{
#pragma unroll
		for (int i = 0; i < COUNT; i++) {
			const T *from = P::along_k ?
			    &p[of(true, i, thread, threads) * P::pitch + k] :
			    &p[(k + i % 4) * P::pitch +
				of(false, i / 4 * 4, thread, threads)];
			pack<T, 4> four = *(const pack<T, 4> *)from;

#pragma unroll
			for (int l = 0; l < 4; l++)
				*(P::along_k ? &x[i][l] : &x[i / 4 * 4 + l][i % 4]) =
				    to_float(four.x[l]);
		}
	}

	__device__ inline void clear(void)
	{
#pragma unroll
		for (int i = 0; i < down; i++)
#pragma unroll
			for (int j = 0; j < 4; j++)
				sum[i][j] = 0;
	}

	__device__ inline void add(const T *a, const T *b, uint32_t depth)
	{
		for (int k = 0; k < chunk<T>::depth; k += 4) {
			float x[down][4], y[4][4];

			if ((uint32_t)k >= depth)
				continue;
			read<A, down>(x, a, k, threadIdx.x / wide_threads, high);
			read<B, 4>(y, b, k, threadIdx.x % wide_threads, wide_threads);
#pragma unroll
			for (int l = 0; l < 4; l++)
#pragma unroll
				for (int i = 0; i < down; i++)
#pragma unroll
					for (int j = 0; j < 4; j++)
						sum[i][j] += x[i][l] * y[j][l];
		}
	}

	__device__ inline void store(float *c, int pitch)
	{
#pragma unroll
		for (int i = 0; i < down; i++)
#pragma unroll
			for (int j = 0; j < 4; j++)
				c[row(i) * pitch + column(j)] = sum[i][j];
	}
};

template <typename T, int N, class A, class B>
using tile_sums = typename std::conditional<HAS_TENSOR_CORES(T),
    tensor_sums<T, N, A, B>, thread_sums<T, N, A, B>>::type;

/* --- the tile --------------------------------------------------------------------- */

/* The tile that a block computes, and its k's: first <= k < end. */
struct tile {
	uint32_t group, split, row, column, first, end;
};

static __device__ inline struct tile tile_of(const struct conv_job &job, uint32_t block)
{
	uint32_t column = block % job.column_tiles, rest = block / job.column_tiles;
	uint32_t row = rest % job.row_tiles, split;
	struct tile t;

	rest /= job.row_tiles;
	split = rest % job.splits;
	t.group = rest / job.splits;
	t.split = split;
	t.row = row * job.tile_rows;
	t.column = column * job.tile_columns;
	t.first = split * job.split_depth;
	t.end = job.depth - t.first < job.split_depth ? job.depth :
							t.first + job.split_depth;
	return t;
}

/* The sums in shared memory, (64,N), with a gap between rows as well. */
template <int N> struct tile_result {
	static const int pitch = N + 4;
	static const int bytes = CONV_ROWS * pitch * (int)sizeof(float);
};

template <typename T, int N, class A, class B> constexpr int tile_bytes(void)
{
	return 2 * (A::count + B::count) * (int)sizeof(T) > tile_result<N>::bytes ?
	    2 * (A::count + B::count) * (int)sizeof(T) :
	    tile_result<N>::bytes;
}

/* Computes the sums of tile t and synchronises the block. Each pass fetches a chunk and
 * adds the one before it. The fetch(s, k) of GatherA and GatherB (see conv-gather.h)
 * loads a chunk's vectors into x. */
template <typename T, int N, class GatherA, class GatherB>
static __device__ inline const float *make_tile(const struct conv_shape &s,
    const struct tile &t, GatherA &a, GatherB &b)
{
	typedef typename GatherA::panel A;
	typedef typename GatherB::panel B;
	const uint32_t depth = chunk<T>::depth;
	T *now = (T *)shared, *next = now + A::count + B::count;
	tile_sums<T, N, A, B> sums;

	sums.clear();
	for (uint32_t k = t.first;; k += depth) {
		const bool more = k < t.end;
		T *last = now;

		if (more) {
			a.fetch(s, k);
			b.fetch(s, k);
		}
		if (k > t.first)
			sums.add(now, now + A::count, t.end - (k - depth));
		if (more) {
			A::put(next, a.x);
			B::put(next + A::count, b.x);
		}
		__syncthreads();
		if (!more)
			break;
		now = next;
		next = last;
	}
	sums.store((float *)shared, tile_result<N>::pitch);
	__syncthreads();
	return (const float *)shared;
}

#endif
