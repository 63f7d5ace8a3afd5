/* kernels.cu - see kernels.h. With CNN_HOSTCUDA a C++ compiler compiles them for the
 * CPU, for the tests. */
#include "kernels.h"

#include <cnn/types.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#ifdef CNN_HOSTCUDA
#define LAUNCH(kernel, grid, block, shared_bytes, queue, ...) \
	(HOSTCUDA_LAUNCH(kernel, grid, block, shared_bytes, queue, __VA_ARGS__), \
	    (int)cudaGetLastError())
#else
/* clang-format off */
#define LAUNCH(kernel, grid, block, shared_bytes, queue, ...) \
	((kernel)<<<(grid), (block), (shared_bytes), (cudaStream_t)(queue)>>>( \
	    __VA_ARGS__), (int)cudaGetLastError())
/* clang-format on */
#endif

/* CALL(T) with the C type of a dtype. */
#define BY_DTYPE(dtype, CALL) \
	((dtype) == CNN_F16	    ? CALL(__half) : \
		(dtype) == CNN_BF16 ? CALL(__nv_bfloat16) : \
				      CALL(float))

#define BLOCK 256
#define LANES 32 /* channels per block of sums */
#define ROWS 8	 /* rows that it reads at a time */
#define SUM_BYTES (ROWS * LANES * sizeof(float))
#define CHUNK 128 /* rows that justify a block */
#define MAX_PARTIALS 512

static __device__ float to_float(float x)
{
	return x;
}
static __device__ float to_float(__half x)
{
	return __half2float(x);
}
static __device__ float to_float(__nv_bfloat16 x)
{
	return __bfloat162float(x);
}

static __device__ void set_float(float *p, float x)
{
	*p = x;
}
static __device__ void set_float(__half *p, float x)
{
	*p = __float2half_rn(x);
}
static __device__ void set_float(__nv_bfloat16 *p, float x)
{
	*p = __float2bfloat16_rn(x);
}

static unsigned blocks_of(size_t count)
{
	size_t blocks = (count + BLOCK - 1) / BLOCK;

	return blocks < 1 ? 1 : blocks > 4096 ? 4096 : (unsigned)blocks;
}

/* --- other types ------------------------------------------------------------------ */

template <typename T>
static __global__ void pack(const float *weight, size_t weights, const float *bias,
    size_t biases, T *weight_out, T *bias_out)
{
	const size_t step = (size_t)gridDim.x * blockDim.x;

	for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
	     i < weights + biases; i += step)
		if (i < weights)
			set_float(&weight_out[i], weight[i]);
		else
			set_float(&bias_out[i - weights], bias ? bias[i - weights] : 0);
}

int kernel_pack(void *queue, uint32_t dtype, const float *weight, size_t weights,
    const float *bias, size_t biases, void *weight_out, void *bias_out)
{
#define CALL(T) \
	LAUNCH(pack<T>, blocks_of(weights + biases), BLOCK, 0, queue, weight, weights, \
	    bias, biases, (T *)weight_out, (T *)bias_out)
	return BY_DTYPE(dtype, CALL);
#undef CALL
}

template <typename T>
static __global__ void unpack(const T *from, size_t count, float *to)
{
	const size_t step = (size_t)gridDim.x * blockDim.x;

	for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count;
	     i += step)
		to[i] = to_float(from[i]);
}

int kernel_unpack(void *queue, uint32_t dtype, const void *from, size_t count,
    float *to)
{
#define CALL(T) \
	LAUNCH(unpack<T>, blocks_of(count), BLOCK, 0, queue, (const T *)from, count, to)
	return BY_DTYPE(dtype, CALL);
#undef CALL
}

/* --- sums of columns ---------------------------------------------------------------
 * A block sums 32 channels and a chunk of the rows. Thread (x, y) adds the rows whose
 * number is y modulo 8; then the 8 sums are added in order. The second kernel adds the
 * sums of the chunks in the same way. */

static __device__ float add_rows(float sum)
{
	extern __shared__ __align__(16) unsigned char shared[];
	float *sums = (float *)shared;

	sums[threadIdx.y * LANES + threadIdx.x] = sum;
	__syncthreads();
	sum = 0;
	if (threadIdx.y == 0)
		for (int y = 0; y < ROWS; y++)
			sum += sums[y * LANES + threadIdx.x];
	return sum;
}

template <typename T>
static __global__ void sum_chunks(const T *grad_out, const T *gate, T *masked,
    size_t rows, size_t channels, size_t chunk, float *partial)
{
	const size_t c = (size_t)blockIdx.x * LANES + threadIdx.x;
	const size_t first = blockIdx.y * chunk;
	const size_t end = first + chunk < rows ? first + chunk : rows;
	float sum = 0;

	for (size_t r = first + threadIdx.y; c < channels && r < end; r += ROWS) {
		const size_t i = r * channels + c;
		float g = to_float(grad_out[i]);

		if (gate) {
			g = to_float(gate[i]) <= 0 ? 0 : g;
			set_float(&masked[i], g);
		}
		sum += g;
	}
	if (partial) {
		sum = add_rows(sum);
		if (threadIdx.y == 0 && c < channels)
			partial[blockIdx.y * channels + c] = sum;
	}
}

static __global__ void sum_partials(const float *partial, size_t parts, size_t channels,
    float *grad_bias)
{
	const size_t c = (size_t)blockIdx.x * LANES + threadIdx.x;
	float sum = 0;

	for (size_t p = threadIdx.y; c < channels && p < parts; p += ROWS)
		sum += partial[p * channels + c];
	sum = add_rows(sum);
	if (threadIdx.y == 0 && c < channels)
		grad_bias[c] = sum;
}

size_t kernel_partials(size_t rows)
{
	size_t parts = (rows + CHUNK - 1) / CHUNK;

	return parts < 1 ? 1 : parts > MAX_PARTIALS ? MAX_PARTIALS : parts;
}

int kernel_bias_gradient(void *queue, uint32_t dtype, size_t rows, size_t channels,
    const void *grad_out, const void *gate, void *masked, float *partial,
    float *grad_bias)
{
	const size_t parts = kernel_partials(rows), chunk = (rows + parts - 1) / parts;
	const unsigned across = (unsigned)((channels + LANES - 1) / LANES);
	const dim3 grid(across, (unsigned)parts), block(LANES, ROWS);
	int error;

#define CALL(T) \
	LAUNCH(sum_chunks<T>, grid, block, SUM_BYTES, queue, (const T *)grad_out, \
	    (const T *)gate, (T *)masked, rows, channels, chunk, \
	    grad_bias ? partial : (float *)NULL)
	error = BY_DTYPE(dtype, CALL);
#undef CALL
	if (error || !grad_bias)
		return error;
	return LAUNCH(sum_partials, dim3(across), block, SUM_BYTES, queue, partial,
	    parts, channels, grad_bias);
}
