/* philox.h - the host's random numbers, generated on the device.
 *
 * J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011:
 * Philox4x32-10. Elements 4 block .. 4 block + 3 of the sequence (seed, stream, step)
 * are the words of counter (block, step, stream) under the key seed.
 */
#ifndef NATIVE_PHILOX_H
#define NATIVE_PHILOX_H

#include "gpu.h"

struct words {
	uint32_t w[4];
};

static __device__ inline struct words philox(uint64_t seed, uint32_t stream,
    uint32_t step, uint64_t block)
{
	uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32);
	uint32_t c2 = step, c3 = stream;
	uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);

	for (int round = 0; round < 10; round++) {
		const uint64_t p = (uint64_t)c0 * 0xd2511f53,
			       q = (uint64_t)c2 * 0xcd9e8d57;

		c0 = (uint32_t)(q >> 32) ^ c1 ^ k0;
		c1 = (uint32_t)q;
		c2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
		c3 = (uint32_t)p;
		k0 += 0x9e3779b9; /* the golden ratio */
		k1 += 0xbb67ae85; /* sqrt(3) - 1 */
	}
	return words{ { c0, c1, c2, c3 } };
}

/* A word as a uniform in [0, 1). */
static __device__ inline float uniform_of(uint32_t word)
{
	return (float)(word >> 8) * 0x1p-24f;
}

#endif
