/* random.c - Philox4x32-10 and the sequences derived from it.
 *
 * J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, figure 2
 * and table 2.
 */
#include "random.h"

void cnn_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
	uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
	uint32_t k0 = key[0], k1 = key[1];

	for (int round = 0; round < 10; round++) {
		uint64_t p = (uint64_t)c0 * 0xd2511f53, q = (uint64_t)c2 * 0xcd9e8d57;

		c0 = (uint32_t)(q >> 32) ^ c1 ^ k0;
		c1 = (uint32_t)q;
		c2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
		c3 = (uint32_t)p;
		k0 += 0x9e3779b9; /* the golden ratio */
		k1 += 0xbb67ae85; /* sqrt(3) - 1 */
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

uint32_t cnn_random_stream(enum cnn_purpose purpose, const char *name)
{
	uint32_t h = 0x811c9dc5;

	h = (h ^ (uint32_t)purpose) * 0x01000193;
	for (const unsigned char *p = (const unsigned char *)name; p && *p; p++)
		h = (h ^ *p) * 0x01000193;
	return h;
}

void cnn_random_words(uint64_t seed, uint32_t stream, uint32_t step, uint64_t first,
    size_t n, uint32_t *out)
{
	const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
	uint32_t word[4];
	size_t done = 0;

	while (done < n) {
		uint64_t block = (first + done) / 4;
		uint32_t counter[4] = { (uint32_t)block, (uint32_t)(block >> 32), step,
			stream };

		cnn_philox4x32(counter, key, word);
		for (unsigned w = (first + done) % 4; w < 4 && done < n; w++)
			out[done++] = word[w];
	}
}

void cnn_random_uniform(uint64_t seed, uint32_t stream, uint32_t step, uint64_t first,
    size_t n, float *out)
{
	uint32_t word[256];

	while (n > 0) {
		size_t part = n < 256 ? n : 256;

		cnn_random_words(seed, stream, step, first, part, word);
		for (size_t i = 0; i < part; i++)
			out[i] = (float)(word[i] >> 8) * 0x1p-24f;
		out += part;
		first += part;
		n -= part;
	}
}

void cnn_random_permutation(uint64_t seed, uint32_t epoch, uint32_t *perm, size_t n)
{
	const uint32_t stream = cnn_random_stream(CNN_RANDOM_SHUFFLE, "");
	uint32_t word[256];

	/* Inside-out: after step i, perm[0 .. i] is a permutation of 0 .. i, and the
	 * words are used in the order in which they are generated. */
	for (size_t i = 0; i < n; i++) {
		size_t w = 2 * i % 256;
		uint64_t r, j;

		if (w == 0)
			cnn_random_words(seed, stream, epoch, 2 * (uint64_t)i, 256,
			    word);
		r = (uint64_t)word[w + 1] << 32 | word[w];
		j = (uint64_t)((unsigned __int128)r * (i + 1) >> 64);
		perm[i] = perm[j];
		perm[j] = (uint32_t)i;
	}
}
