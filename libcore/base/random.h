/* random.h - Philox4x32-10, the counter-based generator of all random numbers.
 *
 * J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. The key
 * is the seed; the counter is (purpose and node name, step, element). Any element can
 * therefore be computed on any device, thread or rank without the others:
 *   counter[0] = e / 4, low 32 bits        counter[1] = e / 4, high 32 bits
 *   counter[2] = step                      counter[3] = cnn_random_stream()
 *   key[0] = seed, low 32 bits             key[1] = seed, high 32 bits
 * Element e of a sequence is word e % 4 of the block that this counter yields.
 */
#ifndef CNN_RANDOM_H
#define CNN_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum cnn_purpose {
	CNN_RANDOM_INIT = 1,
	CNN_RANDOM_SHUFFLE,
	CNN_RANDOM_LAYER,
	CNN_RANDOM_DATA
};

/* Computes one block of four random words. */
void cnn_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Hashes a purpose and a name to a 32-bit number: FNV-1a over the purpose as one byte,
 * followed by the bytes of the name. */
uint32_t cnn_random_stream(enum cnn_purpose, const char *name);

/* Words first .. first + n - 1 of the sequence (seed, stream, step). */
void cnn_random_words(uint64_t seed, uint32_t stream, uint32_t step, uint64_t first,
    size_t n, uint32_t *out);
/* The same words as uniforms in [0, 1): (x >> 8) * 2^-24. */
void cnn_random_uniform(uint64_t seed, uint32_t stream, uint32_t step, uint64_t first,
    size_t n, float *out);

/* Computes the permutation of 0 .. n-1 for (seed, epoch): perm[i] is the sample at
 * position i. n <= 2^32.
 *
 * Inside-out Fisher-Yates: for i = 0 .. n-1, let r be the 64-bit number whose low half
 * is word 2i and whose high half is word 2i + 1 of the sequence (seed, stream of
 * CNN_RANDOM_SHUFFLE and "", epoch), and j = r * (i + 1) >> 64. Then perm[i] = perm[j],
 * followed by perm[j] = i. No word is rejected, so position i always uses words 2i and
 * 2i + 1; the bias is below 2^-32. */
void cnn_random_permutation(uint64_t seed, uint32_t epoch, uint32_t *perm, size_t n);

#endif
