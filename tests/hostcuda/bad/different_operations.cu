/* Half of a warp's lanes shuffle while the other half votes. */
#include "bad.h"

__global__ void different_operations(int *y, bool sound)
{
	int x = (int)threadIdx.x;

	if (sound || threadIdx.x < 16)
		x = __shfl_xor_sync(0xffffffff, x, 1);
	else
		x = __any_sync(0xffffffff, x);
	y[threadIdx.x] = x;
}

void run(int sound)
{
	int *y = fresh<int>(32);

	HOSTCUDA_LAUNCH(different_operations, 1, 32, 0, 0, y, sound);
	show(y, 1);
}
