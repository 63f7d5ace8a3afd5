/* All threads add to one number without an atomic operation. */
#include "bad.h"

__global__ void lost_update(float *y, bool sound)
{
	if (sound)
		atomicAdd(y, 1.0f);
	else
		*y += 1.0f;
}

void run(int sound)
{
	float *y = fresh<float>(1);

	cudaMemset(y, 0, sizeof *y);
	HOSTCUDA_LAUNCH(lost_update, 4, 64, 0, 0, y, sound);
	show(y, 1);
}
