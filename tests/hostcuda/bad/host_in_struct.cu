/* The same, inside a struct. A value in a struct's padding is not a pointer. */
#include "bad.h"

struct job {
	int n; /* followed by four bytes of padding */
	const float *x;
};

__global__ void host_in_struct(float *y, struct job job)
{
	*y = job.x[1];
}

void run(int sound)
{
	float *y = fresh<float>(1), here[2] = { 1, 2 };
	const float *p = here;
	struct job job;

	memcpy((void *)&job, &p, sizeof p);
	job.x = sound ? numbers<float>(2) : here;
	HOSTCUDA_LAUNCH(host_in_struct, 1, 1, 0, 0, y, job);
	show(y, 1);
}
