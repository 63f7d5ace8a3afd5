/* Reads a tile that is larger than the shared memory of the launch. */
#include "bad.h"

__global__ void far_beyond_shared(float *y, bool sound)
{
	float *tile = (float *)shared;

	tile[threadIdx.x] = 1;
	y[threadIdx.x] = tile[threadIdx.x + (sound ? 0 : 4096)];
}

void run(int sound)
{
	float *y = fresh<float>(64);

	HOSTCUDA_LAUNCH(far_beyond_shared, 1, 64, 256, 0, y, sound);
	show(y, 1);
}
