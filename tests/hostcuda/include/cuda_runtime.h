/* cuda_runtime.h - CUDA C++ for the host's compiler: every thread is a fiber.
 *
 * In C this is only the runtime API. In C++ a kernel is a function, and
 *
 * 	HOSTCUDA_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...)
 *
 * replaces kernel<<<grid, block, shared_bytes, stream>>>(arguments...).
 * Shared memory is only dynamic, declared at global scope or in a function outside of
 * any namespace: extern __shared__ unsigned char shared[]; */
#ifndef HOSTCUDA_CUDA_RUNTIME_H
#define HOSTCUDA_CUDA_RUNTIME_H

#include "cuda_runtime_api.h"

#ifdef __cplusplus

#include "hostcuda.h"

#ifndef __CUDA_ARCH__
#define __CUDA_ARCH__ 900
#endif

#define __global__ __attribute__((unused))
#define __device__ __attribute__((unused))
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
/* On anything except the extern array this attribute causes a warning: each thread
 * would have its own static __shared__ object. */
#define __shared__ __attribute__((visibility("default")))

#define threadIdx (*(const uint3 *)&hostcuda_index.thread)
#define blockIdx (*(const uint3 *)&hostcuda_index.block)
#define blockDim (*(const dim3 *)&hostcuda_index.block_dim)
#define gridDim (*(const dim3 *)&hostcuda_index.grid_dim)
static const int warpSize __attribute__((unused)) = 32;

#include "hostcuda-atomic.h"
#include "hostcuda-launch.h"
#include "hostcuda-math.h"
#include "hostcuda-warp.h"

#endif /* __cplusplus */
#endif
