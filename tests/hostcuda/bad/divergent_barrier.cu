/* Half of the threads meet at one barrier, half at another. */
#include "bad.h"

__global__ void divergent_barrier(float *y, bool sound)
{
	if (sound || threadIdx.x < 32)
		__syncthreads();
	else
		__syncthreads();
	y[threadIdx.x] = 1;
}

void run(int sound)
{
	float *y = fresh<float>(64);

	HOSTCUDA_LAUNCH(divergent_barrier, 1, 64, 0, 0, y, sound);
	show(y, 1);
}
