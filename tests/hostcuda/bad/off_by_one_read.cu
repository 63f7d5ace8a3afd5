/* Reads one element past the end, where a page ends. */
#include "bad.h"

__global__ void off_by_one_read(float *y, const float *x, int n, bool sound)
{
	int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);

	if (i < n)
		y[i] = x[i] - x[sound ? i : i + 1];
}

void run(int sound)
{
	float *y = fresh<float>(1024), *x = numbers<float>(1024);

	HOSTCUDA_LAUNCH(off_by_one_read, 4, 256, 0, 0, y, x, 1024, sound);
	show(y, 1);
}
