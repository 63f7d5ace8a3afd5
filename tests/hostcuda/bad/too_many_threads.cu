/* A block of 1056 threads. */
#include "bad.h"

__global__ void too_many_threads(float *y)
{
	y[threadIdx.x] = 1;
}

void run(int sound)
{
	float *y = fresh<float>(1056);

	HOSTCUDA_LAUNCH(too_many_threads, 1, sound ? 1024 : 1056, 0, 0, y);
	show(y, 1);
}
