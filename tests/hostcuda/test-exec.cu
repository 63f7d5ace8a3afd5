/* test-exec.cu - threads: indices, barriers, shuffles, votes, atomics, WMMA, and that
 * their order depends on the seed. */
#include "child.h"
#include "../unit/tap.h"

#include <cuda_runtime.h>
#include <mma.h>

#include <vector>

using namespace nvcuda;

extern __shared__ __align__(32) unsigned char shared[];

template <class T> static T *device(const std::vector<T> &v)
{
	T *p = NULL;

	cudaMalloc(&p, v.size() * sizeof(T));
	cudaMemcpy(p, v.data(), v.size() * sizeof(T), cudaMemcpyHostToDevice);
	return p;
}

template <class T> static std::vector<T> host(const T *p, size_t n)
{
	std::vector<T> v(n);

	if (cudaGetLastError() ||
	    cudaMemcpy(v.data(), p, n * sizeof(T), cudaMemcpyDeviceToHost))
		v[0] = (T)-1;
	return v;
}

/* --- indices and barriers --------------------------------------------------------- */

__global__ void place(int *y)
{
	unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
	unsigned thread = threadIdx.x +
	    blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);

	y[block * (blockDim.x * blockDim.y * blockDim.z) + thread] =
	    (int)(block * 1000 + thread);
}

static void test_places()
{
	const unsigned blocks = 3 * 4 * 5, threads = 5 * 2 * 3;
	int *y = device(std::vector<int>(blocks * threads, -1));
	bool good = true;

	HOSTCUDA_LAUNCH(place, dim3(3, 4, 5), dim3(5, 2, 3), 0, 0, y);
	std::vector<int> v = host(y, blocks * threads);
	for (unsigned i = 0; i < v.size(); i++)
		good &= v[i] == (int)(i / threads * 1000 + i % threads);
	ok(good, "every thread of every block runs once, at its place");
}

template <int N> __global__ void sum(float *y, const float *x, int n)
{
	float *part = (float *)shared;
	int t = (int)threadIdx.x;

	part[t] = 0;
	for (int i = t; i < n; i += N)
		part[t] += x[i];
	__syncthreads();
	for (int half = N / 2; half; half /= 2) {
		if (t < half)
			part[t] += part[t + half];
		__syncthreads();
	}
	if (t == 0)
		y[blockIdx.x] = part[0];
}

__global__ void votes_of_block(int *y, int chosen)
{
	int any = __syncthreads_or((int)threadIdx.x == chosen);
	int all = __syncthreads_and((int)threadIdx.x != chosen);
	int count = __syncthreads_count(threadIdx.x % 2);

	y[threadIdx.x] = any * 10000 + all * 1000 + count;
}

/* Two calls in two branches are two barriers, though they are of one kind. */
__global__ void two_barriers(int *y)
{
	if (threadIdx.x < 10)
		y[threadIdx.x] = __syncthreads_count(1);
	else
		y[threadIdx.x] = __syncthreads_count(0);
}

static void test_barriers()
{
	float *x = device(std::vector<float>(1000, 0.5f)),
	      *y = device(std::vector<float>(3));
	int *v = device(std::vector<int>(128));

	HOSTCUDA_LAUNCH((sum<256>), 3, 256, 1024, NULL, y, x, 1000);
	ok(host(y, 3) == std::vector<float>(3, 500.0f),
	    "a sum over barriers, in each block");
	HOSTCUDA_LAUNCH(votes_of_block, 1, 100, 0, 0, v, 70);
	ok(host(v, 100) == std::vector<int>(100, 10050), "or, and, count over a block");
	HOSTCUDA_LAUNCH(votes_of_block, 1, 100, 0, 0, v, 100);
	ok(host(v, 100) == std::vector<int>(100, 1050),
	    "where nobody is the chosen one");
}

static int launch_two_barriers(void *)
{
	HOSTCUDA_LAUNCH(two_barriers, 1, 96, 0, 0, device(std::vector<int>(96)));
	return 0;
}

/* --- warps ------------------------------------------------------------------------ */

template <class T> __global__ void shuffles(T *y, int width)
{
	T x = (T)(threadIdx.x + 1);
	unsigned n = blockDim.x;
	unsigned mask = n - threadIdx.x / 32 * 32 >= 32 ? 0xffffffff :
							  (1u << n % 32) - 1;

	y[threadIdx.x] = __shfl_sync(mask, x, 3, width);
	y[n + threadIdx.x] = __shfl_up_sync(mask, x, 2, width);
	/* There is no lane past the last of a partial warp. */
	y[2 * n + threadIdx.x] =
	    mask == 0xffffffff ? __shfl_down_sync(mask, x, 5, width) : (T)0;
	y[3 * n + threadIdx.x] =
	    mask == 0xffffffff ? __shfl_xor_sync(mask, x, 9, width) : (T)0;
}

/* The lane that is read, from CUDA's description. */
static unsigned expected(unsigned lane, int which, unsigned width)
{
	unsigned first = lane / width * width;

	switch (which) {
	case 0: return first + 3 % width;
	case 1: return lane - first < 2 ? lane : lane - 2;
	case 2: return lane + 5 >= first + width ? lane : lane + 5;
	default: return (lane ^ 9) >= first + width ? lane : lane ^ 9;
	}
}

template <class T> static bool shuffles_right(unsigned width)
{
	const unsigned n = 64 + 20;
	T *y = device(std::vector<T>(4 * n));
	bool good = true;

	HOSTCUDA_LAUNCH(shuffles<T>, 1, n, 0, 0, y, (int)width);
	std::vector<T> v = host(y, 4 * n);
	for (unsigned which = 0; which < 4; which++)
		for (unsigned t = 0; t < n; t++) {
			unsigned from = t / 32 * 32 +
			    expected(t % 32, (int)which, width);

			if (which >= 2 && t >= 64)
				continue;
			good &= v[which * n + t] == (T)(from + 1);
		}
	return good;
}

__global__ void votes(unsigned *y)
{
	unsigned lane = threadIdx.x % 32, mask = lane % 2 ? 0xaaaaaaaa : 0x55555555;

	y[threadIdx.x] = __ballot_sync(mask, lane < 10);
	y[64 + threadIdx.x] = (unsigned)__any_sync(mask, lane == 4);
	y[128 + threadIdx.x] = (unsigned)__all_sync(mask, lane != 4);
}

/* Lane 1 meets lane 5 first, while 0 and 2 already wait for it. */
__global__ void pairs(unsigned *y)
{
	unsigned lane = threadIdx.x, before = 0;

	if (lane == 1 || lane == 5)
		before = __ballot_sync(0x22, lane == 5);
	if (lane < 3)
		y[lane] = before + __ballot_sync(0x7, 1);
}

/* Ended lanes are not waited for. */
__global__ void ended(unsigned *y)
{
	if (threadIdx.x >= 20)
		return;
	y[threadIdx.x] = __ballot_sync(0xffffffff, 1);
}

static void test_warps()
{
	unsigned *y = device(std::vector<unsigned>(192));
	bool good = true;

	for (unsigned width = 1; width <= 32; width *= 2)
		good &= shuffles_right<int>(width) && shuffles_right<float>(width) &&
		    shuffles_right<double>(width) &&
		    shuffles_right<unsigned long long>(width);
	ok(good, "shuffles of four types and all widths, with a partial last warp");
	HOSTCUDA_LAUNCH(votes, 1, 64, 0, 0, y);
	std::vector<unsigned> v = host(y, 192);
	good = true;
	for (unsigned t = 0; t < 64; t++)
		good &= v[t] == (t % 2 ? 0x2aau : 0x155u) &&
		    v[64 + t] == (t % 2 == 0) && v[128 + t] == (t % 2 == 1);
	ok(good, "votes among the lanes of a mask");
	HOSTCUDA_LAUNCH(pairs, 1, 32, 0, 0, y);
	ok(host(y, 3) == std::vector<unsigned>{ 7, 39, 7 },
	    "masks that overlap, one after the other");
	HOSTCUDA_LAUNCH(ended, 1, 32, 0, 0, y);
	ok(host(y, 20) == std::vector<unsigned>(20, 0xfffff),
	    "lanes that have ended have no vote");
}

/* --- atomics ---------------------------------------------------------------------- */

struct sums {
	int i, least, most;
	unsigned u, bits, or_;
	unsigned long long wide, swapped;
	float f;
	double d;
};

__global__ void atomics(struct sums *s)
{
	int n = (int)(blockIdx.x * blockDim.x + threadIdx.x);
	unsigned long long seen = s->swapped;

	atomicAdd(&s->i, n);
	atomicAdd(&s->u, 2u);
	atomicAdd(&s->wide, 1ull << 33);
	atomicAdd(&s->f, 0.5f);
	atomicAdd(&s->d, 0.25);
	atomicMin(&s->least, -n);
	atomicMax(&s->most, n);
	atomicAnd(&s->bits, ~(1u << n % 16));
	atomicOr(&s->or_, 1u << n % 20);
	for (;;) {
		unsigned long long was = atomicCAS(&s->swapped, seen, seen + 3);

		if (was == seen)
			break;
		seen = was;
	}
}

static void test_atomics()
{
	struct sums zero = {}, *y;

	zero.bits = 0xffffffff;
	y = device(std::vector<sums>(1, zero));
	HOSTCUDA_LAUNCH(atomics, 10, 100, 0, 0, y);
	std::vector<sums> v(1);
	cudaMemcpy(v.data(), y, sizeof *y, cudaMemcpyDeviceToHost);
	ok(v[0].i == 499500 && v[0].u == 2000 && v[0].wide == 1000ull << 33 &&
		v[0].f == 500 && v[0].d == 250 && v[0].least == -999 &&
		v[0].most == 999,
	    "atomic sums and extrema");
	ok(v[0].bits == 0xffff0000 && v[0].or_ == 0xfffff && v[0].swapped == 3000,
	    "atomic bits and compare-and-swap");
}

/* --- WMMA ------------------------------------------------------------------------- */

template <int M, int N, int K, class T, class LayoutA, class LayoutB, class C>
__global__ void multiply(C *d, const T *a, const T *b, const C *c)
{
	wmma::fragment<wmma::matrix_a, M, N, K, T, LayoutA> fa;
	wmma::fragment<wmma::matrix_b, M, N, K, T, LayoutB> fb;
	wmma::fragment<wmma::accumulator, M, N, K, C> fc;

	wmma::load_matrix_sync(fa, a,
	    std::is_same<LayoutA, wmma::row_major>::value ? K : M);
	wmma::load_matrix_sync(fb, b,
	    std::is_same<LayoutB, wmma::row_major>::value ? N : K);
	wmma::load_matrix_sync(fc, c, M, wmma::mem_col_major);
	wmma::mma_sync(fc, fa, fb, fc);
	for (int i = 0; i < fc.num_elements; i++)
		fc.x[i] = (C)((float)fc.x[i] * 2.0f);
	wmma::store_matrix_sync(d, fc, N, wmma::mem_row_major);
}

/* Small integers, so that every sum is exact in either accumulator. */
template <int M, int N, int K, class T, class LayoutA, class LayoutB, class C>
static bool product_right()
{
	std::vector<T> a(M * K), b(K * N);
	std::vector<C> c(M * N);
	bool rows_a = std::is_same<LayoutA, wmma::row_major>::value;
	bool rows_b = std::is_same<LayoutB, wmma::row_major>::value, good = true;
	C *y = device(c);

	for (int i = 0; i < M * K; i++)
		a[i] = T((float)(i * 7 % 13 - 6));
	for (int i = 0; i < K * N; i++)
		b[i] = T((float)(i * 5 % 11 - 5));
	for (int i = 0; i < M * N; i++)
		c[i] = C((float)(i % 9 - 4));
	HOSTCUDA_LAUNCH((multiply<M, N, K, T, LayoutA, LayoutB, C>), 1, 32, 0, 0, y,
	    device(a), device(b), device(c));
	std::vector<C> d = host(y, M * N);
	for (int i = 0; i < M; i++)
		for (int j = 0; j < N; j++) {
			float s = (float)c[j * M + i];

			for (int k = 0; k < K; k++)
				s += (float)a[rows_a ? i * K + k : k * M + i] *
				    (float)b[rows_b ? k * N + j : j * K + k];
			good &= (float)d[i * N + j] == 2 * s;
		}
	return good;
}

template <int M, int N, int K, class T, class C> static bool layouts_right()
{
	return product_right<M, N, K, T, wmma::row_major, wmma::row_major, C>() &&
	    product_right<M, N, K, T, wmma::row_major, wmma::col_major, C>() &&
	    product_right<M, N, K, T, wmma::col_major, wmma::row_major, C>() &&
	    product_right<M, N, K, T, wmma::col_major, wmma::col_major, C>();
}

static void test_wmma()
{
	ok(layouts_right<16, 16, 16, __half, float>(),
	    "16x16x16 of halves, all layouts");
	ok(layouts_right<32, 8, 16, __half, float>() &&
		layouts_right<8, 32, 16, __half, float>(),
	    "32x8x16 and 8x32x16 of halves");
	ok(layouts_right<16, 16, 16, __half, __half>(),
	    "16x16x16 of halves, summed in half");
	ok(layouts_right<16, 16, 16, __nv_bfloat16, float>() &&
		layouts_right<32, 8, 16, __nv_bfloat16, float>() &&
		layouts_right<8, 32, 16, __nv_bfloat16, float>(),
	    "all three of bfloat16");
}

/* --- asynchronous copies ---------------------------------------------------------- */

__global__ void stages(float *y, const float *x, int n)
{
	float *tile = (float *)shared, sum = 0;

	hostcuda_copy_async(&tile[0], &x[0], 4, true);
	hostcuda_copies_commit();
	for (int i = 0; i < n; i++) {
		if (i + 1 < n)
			hostcuda_copy_async(&tile[(i + 1) % 2], &x[i + 1], 4,
			    i + 1 != 5);
		hostcuda_copies_commit();
		hostcuda_copies_wait(1);
		sum += tile[i % 2];
	}
	*y = sum;
}

static void test_async()
{
	float *x = device(std::vector<float>{ 1, 2, 4, 8, 16, 32, 64 }),
	      *y = device(std::vector<float>(1));

	HOSTCUDA_LAUNCH(stages, 1, 1, 8, 0, y, x, 7);
	ok(host(y, 1)[0] == 127 - 32,
	    "asynchronous copies in two stages, and zeros for what isn't there");
}

/* --- the order -------------------------------------------------------------------- */

__global__ void arrivals(int *y, int *next)
{
	y[atomicAdd(next, 1)] = (int)(blockIdx.x * blockDim.x + threadIdx.x);
	__syncthreads();
	y[atomicAdd(next, 1)] = (int)(blockIdx.x * blockDim.x + threadIdx.x);
}

static int print_order(void *)
{
	int *next = device(std::vector<int>(1)), *y = device(std::vector<int>(128));

	HOSTCUDA_LAUNCH(arrivals, 16, 4, 0, 0, y, next);
	for (int i : host(y, 128))
		printf("%d ", i);
	return 0;
}

static void test_order()
{
	static struct child first, again, other;
	int last = -1, steps = 0, n = 0, length;

	child_run(&first, "HOSTCUDA_SEED=5", print_order, NULL);
	child_run(&again, "HOSTCUDA_SEED=5", print_order, NULL);
	child_run(&other, "HOSTCUDA_SEED=6", print_order, NULL);
	ok(first.status == 0 && !strcmp(first.out, again.out), "one seed, one order");
	ok(strcmp(first.out, other.out) != 0, "another seed, another order");
	for (const char *p = first.out; sscanf(p, "%d%n", &n, &length) == 1;
	     p += length) {
		steps += n / 4 == last + 1;
		last = n / 4;
	}
	ok(steps < 15, "blocks are shuffled too");
}

int main()
{
	static struct child c;

	/* First the tests that need a process of their own. */
	test_order();
	child_run(&c, "", launch_two_barriers, NULL);
	ok(WIFSIGNALED(c.status) && strstr(c.err, "two_barriers: ") &&
		strstr(c.err, "divergent barrier"),
	    "two barriers of one kind, in two branches, are two");
	test_places();
	test_barriers();
	test_warps();
	test_atomics();
	test_wmma();
	test_async();
	return done();
}
