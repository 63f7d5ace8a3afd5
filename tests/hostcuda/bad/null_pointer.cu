/* Uses an optional array that is absent. */
#include "bad.h"

__global__ void null_pointer(float *y, const float *x)
{
	y[threadIdx.x] = x[threadIdx.x];
}

void run(int sound)
{
	float *y = fresh<float>(8);

	HOSTCUDA_LAUNCH(null_pointer, 1, 8, 0, 0, y, sound ? numbers<float>(8) : NULL);
	show(y, 1);
}
