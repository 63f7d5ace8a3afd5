/* A launch with a pointer into the host's heap. */
#include "bad.h"

__global__ void host_argument(float *y, const float *x)
{
	*y = *x;
}

void run(int sound)
{
	float *y = fresh<float>(1), *x = (float *)calloc(1, sizeof *x), *pinned;

	cudaMallocHost(&pinned, sizeof *pinned);
	*pinned = 1;
	HOSTCUDA_LAUNCH(host_argument, 1, 1, 0, 0, y, sound ? pinned : x);
	show(y, 1);
	free(x);
}
