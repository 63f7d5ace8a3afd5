/* 64 KiB of shared memory, without cudaFuncSetAttribute. */
#include "bad.h"

__global__ void too_much_shared(float *y)
{
	*y = 1;
}

void run(int sound)
{
	float *y = fresh<float>(1);

	if (sound)
		cudaFuncSetAttribute(too_much_shared,
		    cudaFuncAttributeMaxDynamicSharedMemorySize, 64 << 10);
	HOSTCUDA_LAUNCH(too_much_shared, 1, 1, 64 << 10, 0, y);
	show(y, 1);
}
