/* bad.h - common to the files of faulty kernels: numbers on the device, and output of
 * the result. A file exports run(sound), which launches its kernel without the fault,
 * or with it. */
#ifndef BAD_H
#define BAD_H

#include <cuda_runtime.h>

#include <stdio.h>
#include <stdlib.h>

extern "C" __attribute__((visibility("default"))) void run(int sound);

extern __shared__ __align__(32) unsigned char shared[];

template <class T> static inline T *fresh(size_t n)
{
	T *p;

	if (cudaMalloc(&p, n * sizeof *p) != cudaSuccess)
		exit(2);
	return p;
}

/* 0, 1, 2, ... */
template <class T> static inline T *numbers(size_t n)
{
	T *p = fresh<T>(n), *host = (T *)malloc(n * sizeof *host);

	for (size_t i = 0; i < n; i++)
		host[i] = (T)(float)i;
	cudaMemcpy(p, host, n * sizeof *p, cudaMemcpyHostToDevice);
	free(host);
	return p;
}

/* Prints the last error, if any, and n results. */
template <class T> static inline void show(const T *y, size_t n)
{
	cudaError_t error = cudaGetLastError();
	T *host = (T *)malloc(n * sizeof *host);

	if (error)
		printf("%s\n", cudaGetErrorName(error));
	else if (cudaMemcpy(host, y, n * sizeof *host, cudaMemcpyDeviceToHost) ==
	    cudaSuccess)
		for (size_t i = 0; i < n; i++)
			printf("%g\n", (double)host[i]);
	free(host);
}

#endif
