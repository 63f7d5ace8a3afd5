/* Reads four floats at once from a misaligned address. */
#include "bad.h"

__global__ void misaligned_vector(float4 *y, const float *x)
{
	*y = *(const float4 *)x;
}

void run(int sound)
{
	float4 *y = fresh<float4>(1);
	float *x = numbers<float>(16);

	HOSTCUDA_LAUNCH(misaligned_vector, 1, 1, 0, 0, y, sound ? x : x + 1);
	show((float *)y, 4);
}
