/* All lanes vote, with a mask of half of them. */
#include "bad.h"

__global__ void wrong_mask(unsigned *y, bool sound)
{
	y[threadIdx.x] = __ballot_sync(sound ? 0xffffffff : 0xffff, threadIdx.x & 1);
}

void run(int sound)
{
	unsigned *y = fresh<unsigned>(32);

	HOSTCUDA_LAUNCH(wrong_mask, 1, 32, 0, 0, y, sound);
	show(y, 1);
}
