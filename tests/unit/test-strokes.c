/* The drawn digits: the same bytes everywhere, and samples independent of each
 * other. */
#include "tap.h"

#include "tools/mnist-fetch/sha256.h"
#include "tools/mnist-fetch/strokes.h"

#include <string.h>

#define N 100

struct sample {
	uint8_t image[CNN_STROKES_PIXELS], label;
};

static struct sample samples[N];

static void draw(uint64_t seed, enum cnn_split split)
{
	for (unsigned i = 0; i < N; i++)
		samples[i].label = cnn_strokes_draw(seed, split, i, samples[i].image);
}

static const char *digest(void)
{
	static char text[CNN_SHA256_TEXT];
	struct cnn_sha256 *sha;

	if (cnn_sha256_new(&sha, NULL) < 0 ||
	    cnn_sha256_add(sha, samples, sizeof samples, NULL) < 0 ||
	    cnn_sha256_text(sha, text, NULL) < 0)
		strcpy(text, "?");
	cnn_sha256_free(sha);
	return text;
}

static void test_pinned(void)
{
	static const struct {
		uint64_t seed;
		enum cnn_split split;
		const char *sha256;
	} pins[] = {
		{ 0, CNN_TRAIN,
		    "dcd47bc6eef29299c737e404c00a45da5bf42f7522ca596eb1d87a52bb73c766" },
		{ 0, CNN_TEST,
		    "f844fc536100b387802faeb509cd97858e5938297efcf8264d0fb8decc158483" },
		{ UINT64_MAX - 1, CNN_TRAIN,
		    "5187659edd05a3666100e62a979835ab5fdf98aa9d9fbc485028874e2403abed" },
	};

	for (size_t i = 0; i < sizeof pins / sizeof *pins; i++) {
		draw(pins[i].seed, pins[i].split);
		if (!ok(!strcmp(digest(), pins[i].sha256), "pinned bytes %zu", i))
			printf("# %s\n", digest());
	}
}

static void test_apart(void)
{
	struct sample s;

	draw(0, CNN_TRAIN);
	memset(&s, 0xff, sizeof s);
	s.label = cnn_strokes_draw(0, CNN_TRAIN, 57, s.image);
	ok(!memcmp(&s, &samples[57], sizeof s), "a sample needs no other");
	cnn_strokes_draw(0, CNN_TEST, 57, s.image);
	ok(memcmp(s.image, samples[57].image, sizeof s.image), "the splits differ");
	cnn_strokes_draw(1, CNN_TRAIN, 57, s.image);
	ok(memcmp(s.image, samples[57].image, sizeof s.image), "the seeds differ");
	s.label = cnn_strokes_draw(0, CNN_TRAIN, UINT64_C(1) << 40, s.image);
	ok(s.label < 10, "no index is too large");
}

static void test_classes(void)
{
	bool good = true, in_order = true;

	for (unsigned first = 0; first < N; first += 10) {
		unsigned seen = 0;

		for (unsigned i = first; i < first + 10; i++) {
			seen |= 1u << samples[i].label;
			in_order &= samples[i].label == i % 10;
		}
		good &= seen == 0x3ff;
	}
	ok(good && !in_order, "ten samples are ten digits, in some order");
}

/* Some ink in the middle, with black around it. */
static void test_looks(void)
{
	unsigned odd = 0;

	for (unsigned i = 0; i < 2000; i++) {
		uint8_t image[CNN_STROKES_PIXELS];
		unsigned bright = 0, corner = 0, x = 0, y = 0, sum = 0;

		cnn_strokes_draw(3, CNN_TRAIN, i, image);
		for (unsigned k = 0; k < CNN_STROKES_PIXELS; k++) {
			unsigned row = k / CNN_STROKES_SIDE,
				 column = k % CNN_STROKES_SIDE;

			bright += image[k] > 127;
			corner += (row < 2 || row > 25) &&
			    (column < 2 || column > 25) && image[k];
			x += column * image[k];
			y += row * image[k];
			sum += image[k];
		}
		odd += bright < 12 || bright > 250 || corner > 8 || sum == 0 ||
		    x / sum < 10 || x / sum > 17 || y / sum < 10 || y / sum > 17;
	}
	ok(odd == 0, "2000 samples look like digits (%u don't)", odd);
}

int main(void)
{
	test_pinned();
	test_apart();
	test_classes();
	test_looks();
	ok(cnn_strokes_count(CNN_TRAIN) == 60000 &&
		cnn_strokes_count(CNN_TEST) == 10000,
	    "as many as MNIST");
	return done();
}
