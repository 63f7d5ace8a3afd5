/* Writes one element past the shared memory of the launch. */
#include "bad.h"

__global__ void beyond_shared(float *y, bool sound)
{
	float *tile = (float *)shared;

	tile[threadIdx.x + (sound ? 0 : 1)] = 1;
	y[threadIdx.x] = 1;
}

void run(int sound)
{
	float *y = fresh<float>(64);

	HOSTCUDA_LAUNCH(beyond_shared, 1, 64, 256, 0, y, sound);
	show(y, 1);
}
