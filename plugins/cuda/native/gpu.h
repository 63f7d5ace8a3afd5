/* gpu.h - what the kernels of cuda/native are written with.
 *
 * The one file that knows where it is compiled: by nvcc for a GPU, or, with
 * CNN_HOSTCUDA, by a C++ compiler against headers that run the same kernels on
 * the CPU for the tests. Whatever CUDA C++ cannot say and PTX must is here, each
 * with its twin for the host. Shared memory is always the launch's own:
 *   extern __shared__ __align__(16) unsigned char shared[];
 */
#ifndef NATIVE_GPU_H
#define NATIVE_GPU_H

#include <cnn/plugin.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <mma.h>
#include <type_traits>

/* What became of the kernel that was just put into the queue: CUDA's error as an
 * int. Under CNN_POLICY_CHECK it has run by then; the name of one that failed is
 * native_done()'s to tell. In native.c. */
extern "C" int native_launched(const char *kernel, void *queue);

/* Puts a kernel into the queue; the result is native_launched()'s. A kernel with a
 * comma in its name goes into parentheses. */
#ifdef CNN_HOSTCUDA
#define LAUNCH(kernel, grid, block, shared_bytes, queue, ...) \
	(HOSTCUDA_LAUNCH(kernel, grid, block, shared_bytes, queue, __VA_ARGS__), \
		native_launched(#kernel, queue))
#else
#define LAUNCH(kernel, grid, block, shared_bytes, queue, ...) \
	((kernel)<<<(grid), (block), (shared_bytes), (cudaStream_t)(queue)>>>( \
		__VA_ARGS__), native_launched(#kernel, queue))
#endif

/* CALL(T) with the C type of a dtype: float where it is no half. */
#define BY_DTYPE(dtype, CALL) \
	((dtype) == CNN_F16 ? CALL(__half) : \
	(dtype) == CNN_BF16 ? CALL(__nv_bfloat16) : CALL(float))

/* Are there tensor cores for products of T? float has none of its own precision,
 * and bfloat16 none before compute capability 8.0. */
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define HAS_TENSOR_CORES(T) (sizeof(T) == 2)
#else
#define HAS_TENSOR_CORES(T) (std::is_same<T, __half>::value)
#endif

/* --- how many ------------------------------------------------------------- */

#define WARP 32
#define ALL_LANES 0xffffffffu
#define MAX_BLOCKS 32768                     /* of one launch that loops */

/* Blocks of `block` threads for n of them, for a kernel that loops over what is
 * more: for (i = first_item(); i < n; i += item_step()). */
static inline unsigned blocks_of(size_t n, unsigned block)
{
	size_t blocks = (n + block - 1) / block;

	return blocks < 1 ? 1 : blocks > MAX_BLOCKS ? MAX_BLOCKS : (unsigned)blocks;
}

static __device__ inline size_t first_item(void)
{
	return (size_t)blockIdx.x * blockDim.x + threadIdx.x;
}

static __device__ inline size_t item_step(void)
{
	return (size_t)gridDim.x * blockDim.x;
}

/* Can it be read 16 bytes at a time? */
static inline bool is_aligned(const void *p)
{
	return (uintptr_t)p % 16 == 0;
}

/* --- numbers -------------------------------------------------------------- */

static __device__ inline float to_float(float x) { return x; }
static __device__ inline float to_float(__half x) { return __half2float(x); }
static __device__ inline float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }

static __device__ inline void set_float(float *p, float x) { *p = x; }
static __device__ inline void set_float(__half *p, float x) { *p = __float2half_rn(x); }
static __device__ inline void set_float(__nv_bfloat16 *p, float x)
{
	*p = __float2bfloat16_rn(x);
}

/* N elements that are read and written at once. */
template <typename T, int N> struct __align__(sizeof(T) * N) pack { T x[N]; };

/* As many as 16 bytes hold. */
template <typename T> struct wide {
	static const int count = 16 / sizeof(T);
	typedef pack<T, count> type;
};

/* Sums and maxima over the 32 lanes of a warp, all of them present; each lane
 * gets the same result, added up in the same order. */
template <typename T> static __device__ inline T warp_sum(T x)
{
	for (int lane = WARP / 2; lane > 0; lane /= 2)
		x += __shfl_xor_sync(ALL_LANES, x, lane);
	return x;
}

static __device__ inline float warp_max(float x)
{
	for (int lane = WARP / 2; lane > 0; lane /= 2)
		x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, lane));
	return x;
}

/* The sum over a block of whole warps, in the order of their numbers, in its
 * thread 0; shared has room for one a warp, and is free again afterwards. */
template <typename T> static __device__ inline T block_sum(T x, T *shared)
{
	const unsigned warps = blockDim.x / WARP;

	x = warp_sum(x);
	if (threadIdx.x % WARP == 0)
		shared[threadIdx.x / WARP] = x;
	__syncthreads();
	if (threadIdx.x < WARP)
		x = warp_sum(threadIdx.x < warps ? shared[threadIdx.x] : T(0));
	__syncthreads();
	return x;
}

/* x * y + z with each operation rounded, as C on the CPU has it. */
static __device__ inline double rounded_mul_add(double x, double y, double z)
{
	return __dadd_rn(__dmul_rn(x, y), z);
}

#endif
