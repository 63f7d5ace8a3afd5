/* The host reads device memory directly. */
#include "bad.h"

void run(int sound)
{
	float *y = numbers<float>(4);

	if (!sound)
		printf("%g\n", (double)*(volatile float *)(y + 1));
	show(y, 1);
}
