/* Sums an array in shared memory whose last part was never written. */
#include "bad.h"

__global__ void uninitialised_shared(float *y, const float *x, int n, bool sound)
{
	float *tile = (float *)shared;
	int t = (int)threadIdx.x;

	if (t < n)
		tile[t] = x[t];
	else if (sound)
		tile[t] = 0;
	__syncthreads();
	if (t == 0) {
		float sum = 0;

		for (unsigned i = 0; i < blockDim.x; i++)
			sum += tile[i];
		*y = sum;
	}
}

void run(int sound)
{
	float *y = fresh<float>(1), *x = numbers<float>(50);

	HOSTCUDA_LAUNCH(uninitialised_shared, 1, 64, 256, 0, y, x, 50, sound);
	show(y, 1);
}
