/* A product with 31 lanes. */
#include "bad.h"

#include <mma.h>

using namespace nvcuda;

__global__ void wmma_missing_lane(float *y, const __half *x, bool sound)
{
	wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::row_major> a;
	wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::col_major> a2;
	wmma::fragment<wmma::accumulator, 16, 16, 16, float> c;

	wmma::load_matrix_sync(a2, x, 16);
	if (threadIdx.x == 5 && !sound)
		return;
	wmma::load_matrix_sync(a, x, 16);
	wmma::fill_fragment(c, 0.0f);
	wmma::mma_sync(c, a, a2, c);
	wmma::store_matrix_sync(y, c, 16, wmma::mem_row_major);
}

void run(int sound)
{
	float *y = fresh<float>(256);
	__half *x = numbers<__half>(17 * 17);

	HOSTCUDA_LAUNCH(wmma_missing_lane, 1, 32, 0, 0, y, x, sound);
	show(y, 256);
}
