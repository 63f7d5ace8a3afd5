/* <= instead of <: writes one element past the end, inside the last page. */
#include "bad.h"

__global__ void off_by_one_write(float *y, int n, bool sound)
{
	int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);

	if (sound ? i < n : i <= n)
		y[i] = 1;
}

void run(int sound)
{
	float *y = fresh<float>(1000);

	HOSTCUDA_LAUNCH(off_by_one_write, 4, 256, 0, 0, y, 1000, sound);
	show(y, 1);
}
