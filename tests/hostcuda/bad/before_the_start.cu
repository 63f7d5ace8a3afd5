/* Writes before the start of an array. */
#include "bad.h"

__global__ void before_the_start(float *y, bool sound)
{
	y[(int)threadIdx.x - (sound ? 0 : 1)] = 1;
}

void run(int sound)
{
	float *y = fresh<float>(64);

	HOSTCUDA_LAUNCH(before_the_start, 1, 64, 0, 0, y, sound);
	show(y, 1);
}
