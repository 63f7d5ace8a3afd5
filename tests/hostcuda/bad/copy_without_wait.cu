/* Reads the destination of an asynchronous copy before the wait. */
#include "bad.h"

__global__ void copy_without_wait(float *y, const float *x, bool sound)
{
	float *tile = (float *)shared;

	hostcuda_copy_async(&tile[threadIdx.x], &x[threadIdx.x], sizeof *x, true);
	hostcuda_copies_commit();
	if (sound)
		hostcuda_copies_wait(0);
	__syncthreads();
	y[threadIdx.x] = tile[threadIdx.x ^ 1];
}

void run(int sound)
{
	float *y = fresh<float>(64), *x = numbers<float>(64);

	HOSTCUDA_LAUNCH(copy_without_wait, 1, 64, 256, 0, y, x, sound);
	show(y, 4);
}
