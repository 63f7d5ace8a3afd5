/* Philox4x32-10 against the known answers of the Random123 distribution (kat_vectors,
 * "philox4x32 10"), and the values drawn from it. */
#include "tap.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

static void test_known_answers(void)
{
	static const struct {
		uint32_t counter[4], key[2], out[4];
	} known[] = {
		{ { 0, 0, 0, 0 }, { 0, 0 },
		    { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
		{ { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
		    { 0xffffffff, 0xffffffff },
		    { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
		{ { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
		    { 0xa4093822, 0x299f31d0 },
		    { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
	};
	uint32_t out[4];

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		cnn_philox4x32(known[i].counter, known[i].key, out);
		ok(!memcmp(out, known[i].out, sizeof out), "known answer %zu", i);
	}
}

static void test_words(void)
{
	uint32_t all[64], part[64], block[4];
	bool good = true;

	cnn_random_words(0, 0, 0, 0, 4, part);
	ok(part[0] == 0x6627e8d5 && part[3] == 0x9b00dbd8,
	    "word e is word e %% 4 of block e / 4");
	cnn_random_words(0x299f31d0a4093822, 0x03707344, 0x13198a2e, 0x85a308d3243f6a88,
	    1, part);
	cnn_philox4x32((uint32_t[]){ 0xc90fdaa2, 0x2168c234, 0x13198a2e, 0x03707344 },
	    (uint32_t[]){ 0xa4093822, 0x299f31d0 }, block);
	ok(part[0] == block[0], "where seed, stream, step and element go");

	cnn_random_words(7, 8, 9, 0, 64, all);
	for (size_t first = 0; first < 12; first++)
		for (size_t n = 0; n < 12; n++) {
			memset(part, 0, sizeof part);
			cnn_random_words(7, 8, 9, first, n, part);
			good &= !memcmp(part, all + first, n * sizeof *part) &&
			    part[n] == 0;
		}
	ok(good, "any stretch of a sequence can be had by itself");
	ok(cnn_random_stream(CNN_RANDOM_INIT, "conv1") !=
		    cnn_random_stream(CNN_RANDOM_LAYER, "conv1") &&
		cnn_random_stream(CNN_RANDOM_INIT, "conv1") !=
		    cnn_random_stream(CNN_RANDOM_INIT, "conv2"),
	    "purpose and name make the stream");
	/* FNV-1a of the bytes 01 61, computed by hand. */
	ok(cnn_random_stream(CNN_RANDOM_INIT, "a") ==
		(uint32_t)(((0x811c9dc5u ^ 1) * 0x01000193u ^ 'a') * 0x01000193u),
	    "a known stream");
}

static void test_uniform(void)
{
	static float u[100000], v[3];
	uint32_t w[3];
	double sum = 0;
	bool inside = true;

	cnn_random_uniform(1, 2, 3, 0, 100000, u);
	for (size_t i = 0; i < 100000; i++) {
		inside &= u[i] >= 0 && u[i] < 1;
		sum += (double)u[i];
	}
	ok(inside, "uniforms lie in [0, 1)");
	ok(sum > 49500 && sum < 50500, "their mean is near 1/2");
	cnn_random_uniform(1, 2, 3, 255, 3, v);
	ok(!memcmp(v, u + 255, sizeof v), "a stretch across what is made at once");
	cnn_random_words(1, 2, 3, 255, 3, w);
	ok(v[0] == (float)(w[0] >> 8) / 16777216, "(x >> 8) * 2^-24");
}

/* The definition in the header, word by word. */
static bool as_defined(uint64_t seed, uint32_t epoch, const uint32_t *perm, size_t n)
{
	uint32_t *mine = calloc(n, sizeof *mine), w[2];
	uint32_t stream = cnn_random_stream(CNN_RANDOM_SHUFFLE, "");
	bool good;

	for (size_t i = 0; i < n; i++) {
		uint64_t r, j;

		cnn_random_words(seed, stream, epoch, 2 * i, 2, w);
		r = (uint64_t)w[1] << 32 | w[0];
		j = (uint64_t)((unsigned __int128)r * (i + 1) >> 64);
		mine[i] = mine[j];
		mine[j] = (uint32_t)i;
	}
	good = !memcmp(mine, perm, n * sizeof *perm);
	free(mine);
	return good;
}

static void test_permutation(void)
{
	enum { N = 1000 };
	static uint32_t a[N], b[N];
	static bool seen[N];
	unsigned counts[3][3] = { 0 };
	bool good = true, even = true;

	cnn_random_permutation(5, 1, a, N);
	for (size_t i = 0; i < N; i++) {
		good &= a[i] < N && !seen[a[i]];
		seen[a[i]] = true;
	}
	ok(good, "each sample comes once");
	ok(as_defined(5, 1, a, N), "the permutation is the one the header defines");
	cnn_random_permutation(5, 1, b, N);
	ok(!memcmp(a, b, sizeof a), "the same seed and epoch, the same permutation");
	cnn_random_permutation(5, 2, b, N);
	ok(memcmp(a, b, sizeof a) != 0, "another epoch, another permutation");
	cnn_random_permutation(6, 1, b, N);
	ok(memcmp(a, b, sizeof a) != 0, "another seed, another permutation");
	cnn_random_permutation(0, 0, b, 0);
	cnn_random_permutation(0, 0, b, 1);
	ok(b[0] == 0, "one sample, one permutation");
	for (uint32_t epoch = 0; epoch < 3000; epoch++) {
		cnn_random_permutation(9, epoch, b, 3);
		for (size_t i = 0; i < 3; i++)
			counts[i][b[i]]++;
	}
	for (size_t i = 0; i < 9; i++)
		even &= counts[i / 3][i % 3] > 880 && counts[i / 3][i % 3] < 1120;
	ok(even, "each sample is as often at each place");
}

int main(void)
{
	test_known_answers();
	test_words();
	test_uniform();
	test_permutation();
	return done();
}
