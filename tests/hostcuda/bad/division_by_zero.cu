/* A GPU does not report an integer division by zero. */
#include "bad.h"

__global__ void division_by_zero(int *y, int n)
{
	y[threadIdx.x] = (int)threadIdx.x / n;
}

void run(int sound)
{
	int *y = fresh<int>(8);

	HOSTCUDA_LAUNCH(division_by_zero, 1, 8, 0, 0, y, sound);
	show(y, 1);
}
