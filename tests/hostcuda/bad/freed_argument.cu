/* A launch with a pointer to freed memory. */
#include "bad.h"

__global__ void freed_argument(float *y, const float *x)
{
	*y = *x;
}

void run(int sound)
{
	float *y = fresh<float>(1), *x = numbers<float>(10);

	if (!sound)
		cudaFree(x);
	HOSTCUDA_LAUNCH(freed_argument, 1, 1, 0, 0, y, x + 3);
	show(y, 1);
}
