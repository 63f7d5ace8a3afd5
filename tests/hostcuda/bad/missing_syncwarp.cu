/* Lanes pass numbers through shared memory without __syncwarp in between. */
#include "bad.h"

__global__ void missing_syncwarp(float *y, const float *x, bool sound)
{
	float *hand = (float *)shared;
	unsigned lane = threadIdx.x;

	hand[lane] = 0;
	__syncwarp();
	for (int step = 0; step < 4; step++) {
		hand[lane] = x[lane] + (float)step;
		if (sound)
			__syncwarp();
		y[lane] = hand[(lane + 1) % 32];
		__syncwarp();
	}
}

void run(int sound)
{
	float *y = fresh<float>(32), *x = numbers<float>(32);

	HOSTCUDA_LAUNCH(missing_syncwarp, 1, 32, 128, 0, y, x, sound);
	show(y, 32);
}
