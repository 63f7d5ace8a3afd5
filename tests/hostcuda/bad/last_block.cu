/* The last block sums the results of all blocks; the fault is the missing fence. */
#include "bad.h"

__global__ void last_block(float *y, unsigned *ticket, float *part, bool sound)
{
	if (threadIdx.x == 0) {
		part[blockIdx.x] = (float)blockIdx.x;
		if (sound)
			__threadfence();
		if (atomicAdd(ticket, 1u) == gridDim.x - 1) {
			float sum = 0;

			for (unsigned i = 0; i < gridDim.x; i++)
				sum += part[i];
			*y = sum;
		}
	}
}

void run(int sound)
{
	float *y = fresh<float>(1), *part = fresh<float>(16);
	unsigned *ticket = fresh<unsigned>(1);

	cudaMemset(ticket, 0, sizeof *ticket);
	HOSTCUDA_LAUNCH(last_block, 16, 32, 0, 0, y, ticket, part, sound);
	show(y, 1);
}
