/* Adds to fresh memory. */
#include "bad.h"

__global__ void uninitialised_global(float *y, const float *x)
{
	y[threadIdx.x] += x[threadIdx.x];
}

void run(int sound)
{
	float *y = fresh<float>(100), *x = numbers<float>(100);

	if (sound)
		cudaMemset(y, 0, 100 * sizeof *y);
	HOSTCUDA_LAUNCH(uninitialised_global, 1, 100, 0, 0, y, x);
	show(y, 4);
}
