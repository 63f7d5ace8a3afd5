/* Reads one element past the end, where the allocation ends inside a page. */
#include "bad.h"

__global__ void off_by_one_slack(float *y, const float *x, int n, bool sound)
{
	int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);

	if (i < n)
		y[i] = x[i] - x[sound ? i : i + 1];
}

void run(int sound)
{
	float *y = fresh<float>(1000), *x = numbers<float>(1000);

	HOSTCUDA_LAUNCH(off_by_one_slack, 4, 256, 0, 0, y, x, 1000, sound);
	show(y + 999, 1);
}
