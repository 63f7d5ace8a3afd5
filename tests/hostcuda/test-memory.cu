/* test-memory.cu - the runtime API: device and pinned memory, copies, devices. */
#include "check.h"

#include <stdint.h>

__global__ void scale(float *y, const float *x, int n, float a)
{
	int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);

	if (i < n)
		y[i] = a * x[i];
}

/* --- memory ----------------------------------------------------------------------- */

static int memory(void *)
{
	unsigned char h[1000], *d, *other;
	float *pinned, *y = array(4), out[4];

	CHECK(cudaMalloc(&d, sizeof h) == cudaSuccess && (uintptr_t)d % 256 == 0);
	CHECK(cudaMalloc(&other, 7) == cudaSuccess && (uintptr_t)other % 256 == 0);
	CHECK(cudaMemcpy(h, d, sizeof h, cudaMemcpyDeviceToHost) == cudaSuccess);
	CHECK(h[0] == 0xff && h[999] == 0xff);
	CHECK(cudaMemset(d + 10, 3, 5) == cudaSuccess);
	CHECK(cudaMemcpy(h, d, sizeof h, cudaMemcpyDefault) == cudaSuccess);
	CHECK(h[9] == 0xff && h[10] == 3 && h[14] == 3 && h[15] == 0xff);
	CHECK(cudaMemcpy(other, d + 9, 7, cudaMemcpyDeviceToDevice) == cudaSuccess);
	CHECK(cudaMemcpy(h, other, 7, cudaMemcpyDeviceToHost) == cudaSuccess);
	CHECK(h[0] == 0xff && h[1] == 3 && h[6] == 0xff);
	CHECK(cudaMallocHost(&pinned, 4 * sizeof *pinned) == cudaSuccess);
	for (int i = 0; i < 4; i++)
		pinned[i] = (float)i;
	HOSTCUDA_LAUNCH(scale, 1, 4, 0, 0, y, pinned, 4, 2);
	CHECK(cudaMemcpy(out, y, sizeof out, cudaMemcpyDeviceToHost) == cudaSuccess &&
	    out[3] == 6);
	HOSTCUDA_LAUNCH(scale, 1, 4, 0, 0, pinned, y, 4, 2);
	CHECK(cudaDeviceSynchronize() == cudaSuccess && pinned[3] == 12);
	CHECK(cudaFree(d) == cudaSuccess && cudaFree(NULL) == cudaSuccess);
	CHECK(cudaFreeHost(pinned) == cudaSuccess && cudaFreeHost(NULL) == cudaSuccess);
	CHECK(cudaMalloc(&d, 0) == cudaSuccess && d == NULL);
	return failures;
}

static int wrong_pointers(void *)
{
	static char h[100];
	char *d, *freed;

	cudaMalloc(&d, 64);
	cudaMalloc(&freed, 64);
	cudaFree(freed);
	GIVES(cudaErrorInvalidValue, cudaMemcpy(h, h, 4, cudaMemcpyHostToDevice));
	GIVES(cudaErrorInvalidValue, cudaMemcpy(d, d, 4, cudaMemcpyDeviceToHost));
	GIVES(cudaErrorInvalidValue, cudaMemcpy(d, h, 65, cudaMemcpyHostToDevice));
	GIVES(cudaErrorInvalidValue, cudaMemcpy(h, freed, 4, cudaMemcpyDeviceToHost));
	GIVES(cudaErrorInvalidValue, cudaMemset(h, 0, 4));
	GIVES(cudaErrorInvalidValue, cudaFree(freed));
	GIVES(cudaErrorInvalidValue, cudaFree(d + 1));
	GIVES(cudaErrorInvalidValue, cudaFree(h));
	GIVES(cudaErrorInvalidValue, cudaFreeHost(d));
	GIVES(cudaErrorInvalidMemcpyDirection,
	    cudaMemcpy(d, h, 4, (enum cudaMemcpyKind)7));
	return failures;
}

static int small_memory(void *)
{
	char *a, *b;
	size_t free_bytes, total;

	CHECK(cudaMemGetInfo(&free_bytes, &total) == cudaSuccess && total == 100000 &&
	    free_bytes == total);
	GIVES(cudaErrorMemoryAllocation, cudaMalloc(&a, 100001));
	CHECK(cudaMalloc(&a, 60000) == cudaSuccess);
	GIVES(cudaErrorMemoryAllocation, cudaMalloc(&b, 60000));
	CHECK(cudaMemGetInfo(&free_bytes, &total) == cudaSuccess && free_bytes < 40001);
	CHECK(cudaFree(a) == cudaSuccess && cudaMalloc(&b, 60000) == cudaSuccess);
	return failures;
}

/* Addresses are reused when they run out, and nothing overlaps. */
static int few_addresses(void *)
{
	unsigned char *p[8] = {}, h[40000];

	for (int i = 0; i < 200; i++) {
		int k = i * 5 % 8;
		size_t n = 1000 + (size_t)i * 7919 % 39000;

		CHECK(cudaFree(p[k]) == cudaSuccess &&
		    cudaMalloc(&p[k], n) == cudaSuccess);
		CHECK(cudaMemset(p[k], k, n) == cudaSuccess);
		for (int j = 0; j < 8; j++)
			CHECK(!p[j] ||
			    (cudaMemcpy(h, p[j], 1000, cudaMemcpyDeviceToHost) ==
				    cudaSuccess &&
				h[0] == j && h[999] == j));
	}
	GIVES(cudaErrorMemoryAllocation, cudaMalloc(&p[0], 1 << 20));
	return failures;
}

/* --- devices ---------------------------------------------------------------------- */

static int one_device(void *)
{
	struct cudaDeviceProp p;
	int n = -1;

	CHECK(cudaGetDeviceCount(&n) == cudaSuccess && n == 1);
	CHECK(cudaGetDeviceProperties(&p, 0) == cudaSuccess);
	CHECK(p.major == 9 && p.minor == 0 && p.sharedMemPerBlockOptin == 232448 &&
	    p.warpSize == 32);
	CHECK(!strcmp(p.name, "hostcuda (no GPU: the CPU)"));
	CHECK(cudaDeviceGetAttribute(&n, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0) ==
	    cudaSuccess);
	CHECK(n == 232448);
	CHECK(cudaDriverGetVersion(&n) == cudaSuccess && n == 13000);
	CHECK(cudaRuntimeGetVersion(&n) == cudaSuccess && n == CUDART_VERSION);
	GIVES(cudaErrorInvalidDevice, cudaSetDevice(1));
	GIVES(cudaErrorInvalidDevice, cudaGetDeviceProperties(&p, -1));
	CHECK(!strcmp(cudaGetErrorName(cudaErrorInvalidDevice),
	    "cudaErrorInvalidDevice"));
	CHECK(!strcmp(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory"));
	return failures;
}

static int older_device(void *)
{
	struct cudaDeviceProp p;

	CHECK(cudaGetDeviceProperties(&p, 0) == cudaSuccess);
	CHECK(p.major == 7 && p.minor == 5 && p.sharedMemPerBlockOptin == 65536);
	GIVES(cudaErrorInvalidValue,
	    cudaFuncSetAttribute(scale, cudaFuncAttributeMaxDynamicSharedMemorySize,
		65537));
	return failures;
}

static int no_device(void *error)
{
	int n = -1;
	void *p;

	GIVES(*(cudaError_t *)error, cudaGetDeviceCount(&n));
	CHECK(n == 0);
	GIVES(*(cudaError_t *)error, cudaMalloc(&p, 1));
	GIVES(*(cudaError_t *)error, cudaSetDevice(0));
	GIVES(*(cudaError_t *)error, cudaDeviceSynchronize());
	return failures;
}

static int two_devices(void *)
{
	float *a, *b;
	int n;

	CHECK(cudaGetDeviceCount(&n) == cudaSuccess && n == 2);
	a = array(1);
	CHECK(cudaSetDevice(1) == cudaSuccess && cudaGetDevice(&n) == cudaSuccess &&
	    n == 1);
	b = array(1);
	HOSTCUDA_LAUNCH(add, 1, 1, 0, 0, b, 3);
	CHECK(at(b) == 3);
	HOSTCUDA_LAUNCH(add, 1, 1, 0, 0, a, 3);
	CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
	return failures;
}

int main()
{
	cudaError_t none = cudaErrorNoDevice, old = cudaErrorInsufficientDriver;

	check("memory", "", memory, NULL, NULL);
	check("wrong pointers", "", wrong_pointers, NULL,
	    "hostcuda: cudaMemcpy: the destination is host memory");
	check("HOSTCUDA_MEMORY", "HOSTCUDA_MEMORY=100000", small_memory, NULL, NULL);
	check("HOSTCUDA_ADDRESSES", "HOSTCUDA_ADDRESSES=1048576", few_addresses, NULL,
	    NULL);
	check("one device", "", one_device, NULL, NULL);
	check("HOSTCUDA_SM=75", "HOSTCUDA_SM=75", older_device, NULL,
	    "65537 bytes of shared memory");
	check("HOSTCUDA_DEVICES=0", "HOSTCUDA_DEVICES=0", no_device, &none, NULL);
	check("HOSTCUDA_DRIVER=12000", "HOSTCUDA_DRIVER=12000", no_device, &old, NULL);
	check("HOSTCUDA_DEVICES=2", "HOSTCUDA_DEVICES=2 HOSTCUDA_ON_ERROR=error",
	    two_devices, NULL,
	    "hostcuda: add: argument 1 points to another device's memory");
	return done();
}
