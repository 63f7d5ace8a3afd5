/* Follows a pointer stored in device memory to freed memory. */
#include "bad.h"

__global__ void use_after_free(float *y, float *const *table)
{
	*y = table[0][5];
}

void run(int sound)
{
	float *y = fresh<float>(1), *x = numbers<float>(10),
	      **table = fresh<float *>(1);

	cudaMemcpy(table, &x, sizeof x, cudaMemcpyHostToDevice);
	if (!sound)
		cudaFree(x);
	HOSTCUDA_LAUNCH(use_after_free, 1, 1, 0, 0, y, table);
	show(y, 1);
}
