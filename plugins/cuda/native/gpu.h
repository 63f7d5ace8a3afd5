/* gpu.h - common definitions for the kernels of cuda/native.
 *
 * The only file that depends on the compiler: nvcc for a GPU, or, with CNN_HOSTCUDA,
 * a C++ compiler with headers that run the same kernels on the CPU for the tests. PTX
 * that CUDA C++ cannot express belongs here, each piece with its equivalent for the
 * host.
 * Shared memory is always sized by the launch:
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

/* Returns the status of the kernel just put into the queue: a cudaError_t as an int.
 * With CNN_POLICY_CHECK it waits for the kernel; native_done() then reports the name of
 * a kernel that failed. In native.c. */
extern "C" int native_launched(const char *kernel, void *queue);

/* Puts a kernel into the queue and returns native_launched()'s result. Put a kernel
 * with a comma in its name into parentheses. */
#ifdef CNN_HOSTCUDA
#define LAUNCH(kernel, grid, block, shared_bytes, queue, ...) \
	(HOSTCUDA_LAUNCH(kernel, grid, block, shared_bytes, queue, __VA_ARGS__), \
	    native_launched(#kernel, queue))
#else
/* clang-format off */
#define LAUNCH(kernel, grid, block, shared_bytes, queue, ...) \
	((kernel)<<<(grid), (block), (shared_bytes), (cudaStream_t)(queue)>>>( \
	    __VA_ARGS__), native_launched(#kernel, queue))
/* clang-format on */
#endif

/* CALL(T) with the C type of a dtype: float if it is not a half type. */
#define BY_DTYPE(dtype, CALL) \
	((dtype) == CNN_F16	    ? CALL(__half) : \
		(dtype) == CNN_BF16 ? CALL(__nv_bfloat16) : \
				      CALL(float))

/* True if there are tensor cores for products of T. float has none at its own
 * precision, and bfloat16 has none below compute capability 8.0. */
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define HAS_TENSOR_CORES(T) (sizeof(T) == 2)
#else
#define HAS_TENSOR_CORES(T) (std::is_same<T, __half>::value)
#endif

/* --- counts ----------------------------------------------------------------------- */

#define WARP 32
#define ALL_LANES 0xffffffffu
#define MAX_BLOCKS 32768 /* of one launch of a loop kernel */

/* Number of blocks of `block` threads for n items, for a kernel that loops over the
 * rest: for (i = first_item(); i < n; i += item_step()). */
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

/* True if p can be read 16 bytes at a time. */
static inline bool is_aligned(const void *p)
{
	return (uintptr_t)p % 16 == 0;
}

/* --- numbers ---------------------------------------------------------------------- */

static __device__ inline float to_float(float x)
{
	return x;
}
static __device__ inline float to_float(__half x)
{
	return __half2float(x);
}
static __device__ inline float to_float(__nv_bfloat16 x)
{
	return __bfloat162float(x);
}

static __device__ inline void set_float(float *p, float x)
{
	*p = x;
}
static __device__ inline void set_float(__half *p, float x)
{
	*p = __float2half_rn(x);
}
static __device__ inline void set_float(__nv_bfloat16 *p, float x)
{
	*p = __float2bfloat16_rn(x);
}

/* N elements that are read and written at once. */
template <typename T, int N> struct __align__(sizeof(T) * N) pack
{
	T x[N];
};

/* As many elements as fit in 16 bytes. */
template <typename T> struct wide {
	static const int count = 16 / sizeof(T);
	typedef pack<T, count> type;
};

/* Sums and maxima over all 32 lanes of a warp. Each lane gets the same result, added in
 * the same order. */
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

/* The sum over a block of whole warps, in the order of their numbers, returned in
 * thread 0. shared has room for one value per warp and may be reused afterwards. */
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

/* x * y + z, each operation rounded, like C on the CPU. */
static __device__ inline double rounded_mul_add(double x, double y, double z)
{
	return __dadd_rn(__dmul_rn(x, y), z);
}

#endif
