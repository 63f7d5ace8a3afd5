/* Waits for a number that no thread sets. */
#include "bad.h"

__global__ void endless_spin(int *y, bool sound)
{
	if (threadIdx.x == 1 && sound)
		atomicExch(y, 1);
	if (threadIdx.x == 0)
		while (atomicAdd(y, 0) == 0)
			;
}

void run(int sound)
{
	int *y = fresh<int>(1);

	cudaMemset(y, 0, sizeof *y);
	HOSTCUDA_LAUNCH(endless_spin, 1, 2, 0, 0, y, sound);
	show(y, 1);
}
