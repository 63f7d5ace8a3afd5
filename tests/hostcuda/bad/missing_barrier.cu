/* Sums a block's numbers by halves, without a barrier between the steps. */
#include "bad.h"

__global__ void missing_barrier(float *y, const float *x, bool sound)
{
	float *part = (float *)shared;
	unsigned t = threadIdx.x;

	part[t] = x[t];
	__syncthreads();
	for (unsigned half = blockDim.x / 2; half; half /= 2) {
		if (t < half)
			part[t] += part[t + half];
		if (sound)
			__syncthreads();
	}
	if (t == 0)
		*y = part[0];
}

void run(int sound)
{
	float *y = fresh<float>(1), *x = numbers<float>(256);

	HOSTCUDA_LAUNCH(missing_barrier, 1, 256, 1024, 0, y, x, sound);
	show(y, 1);
}
