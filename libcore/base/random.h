/* random.h - Philox4x32-10, the counter-based generator under everything.
 *
 * J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 * The key is the seed; the counter is (purpose and node name, step, element),
 * so any element can be had on any device, thread or rank without the others:
 *   counter[0] = e / 4, low 32 bits        counter[1] = e / 4, high 32 bits
 *   counter[2] = step                      counter[3] = cnn_random_stream()
 *   key[0] = seed, low 32 bits             key[1] = seed, high 32 bits
 * Element e of a sequence is word e % 4 of the block that this counter gives.
 */
#ifndef CNN_RANDOM_H
#define CNN_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum cnn_purpose {
	CNN_RANDOM_INIT = 1, CNN_RANDOM_SHUFFLE, CNN_RANDOM_LAYER,
	CNN_RANDOM_DATA
};

void cnn_philox4x32(const uint32_t counter[4], const uint32_t key[2],
	uint32_t out[4]);

/* One 32-bit number for a purpose and a name: FNV-1a over the purpose as one
 * byte and the name's bytes. */
uint32_t cnn_random_stream(enum cnn_purpose, const char *name);

/* Words first .. first + n - 1 of the sequence (seed, stream, step). */
void cnn_random_words(uint64_t seed, uint32_t stream, uint32_t step,
	uint64_t first, size_t n, uint32_t *out);
/* The same as uniforms in [0, 1): (x >> 8) * 2^-24. */
void cnn_random_uniform(uint64_t seed, uint32_t stream, uint32_t step,
	uint64_t first, size_t n, float *out);

/* The permutation of 0 .. n-1 that belongs to (seed, epoch): perm[i] is the
 * sample that comes at place i. n <= 2^32.
 *
 * Fisher-Yates from inside out: for i = 0 .. n-1, with r the 64-bit number whose
 * low half is word 2i and whose high half is word 2i + 1 of the sequence (seed,
 * stream of CNN_RANDOM_SHUFFLE and "", epoch), and j = r * (i + 1) >> 64,
 * perm[i] = perm[j] and then perm[j] = i. Nothing is rejected, so that word and
 * place stay in step; the bias is below 2^-32. */
void cnn_random_permutation(uint64_t seed, uint32_t epoch, uint32_t *perm,
	size_t n);

#endif
