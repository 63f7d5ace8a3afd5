/* Sums a warp of 20 lanes as if it had 32. */
#include "bad.h"

__global__ void inactive_lane(float *y, const float *x, bool sound)
{
	float sum = threadIdx.x < 20 ? x[threadIdx.x] : 0;

	for (int i = 16; i; i /= 2)
		sum += __shfl_down_sync(sound ? 0xffffffff : 0xfffff, sum, i);
	if (threadIdx.x == 0)
		*y = sum;
}

void run(int sound)
{
	float *y = fresh<float>(1), *x = numbers<float>(20);

	HOSTCUDA_LAUNCH(inactive_lane, 1, sound ? 32 : 20, 0, 0, y, x, sound);
	show(y, 1);
}
