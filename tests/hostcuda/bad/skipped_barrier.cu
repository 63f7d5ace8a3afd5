/* Threads without work return before a barrier. */
#include "bad.h"

__global__ void skipped_barrier(float *y, int n, bool sound)
{
	if ((int)threadIdx.x >= n && !sound)
		return;
	__syncthreads();
	if ((int)threadIdx.x < n)
		y[threadIdx.x] = 1;
}

void run(int sound)
{
	float *y = fresh<float>(60);

	HOSTCUDA_LAUNCH(skipped_barrier, 1, 64, 0, 0, y, 60, sound);
	show(y, 1);
}
