/* strokes.c - draws digits with a pen.
 *
 * A digit is one of the common ways of writing it (glyphs.c), a path of points. The
 * hand is unsteady: each point is displaced, and the whole is bent, squeezed, slanted
 * and turned. It is then scaled to about 20 pixels and centred by mass, like MNIST's
 * digits. Small discs are placed along a spline through the points. The value of a
 * pixel is the largest share of it that any disc covers.
 *
 * Numbers are fixed-point: lengths have FRACTION fractional bits, factors have 16.
 * Shifting a negative number to the right rounds down with every compiler that this
 * code supports.
 */
#include "strokes.h"
#include "glyphs.h"
#include "samples.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

#define SIDE CNN_STROKES_SIDE
#define FRACTION 8
#define ONE (1 << FRACTION) /* a pixel, or a hundredth of a glyph */
#define UNIT 65536	    /* the factor 1.0 */

#define WORDS 384				  /* random words per sample */
#define NOISE_AT (WORDS - CNN_STROKES_PIXELS / 4) /* the last ones are for pixels */
#define MAX_DOTS 1024

struct point {
	int32_t x, y;
};
struct dot {
	int32_t x, y, radius;
};

struct drawing {
	uint32_t words[WORDS];
	size_t next; /* index of the next word */
	const struct cnn_glyph *glyph;
	struct point points[CNN_GLYPH_POINTS];
	struct dot dots[MAX_DOTS];
	size_t dot_count;
	int32_t ramp;	    /* width of the strokes' soft edge */
	int32_t brightness; /* 0 .. 255 */
	uint8_t *image;
};

static int32_t times(int32_t a, int32_t factor)
{
	return (int32_t)((int64_t)a * factor >> 16);
}

static int32_t clamp(int32_t v, int32_t low, int32_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* --- random numbers --------------------------------------------------------------- */

/* Uniform in 0 .. n-1. */
static uint32_t below(struct drawing *d, uint32_t n)
{
	return (uint32_t)((uint64_t)d->words[d->next++] * n >> 32);
}

/* Approximately normal with the given deviation: the sum of four 16-bit uniforms, whose
 * deviation is 2 * 65536 / sqrt(12). Never exceeds 3.46 deviations. */
static int32_t normal(struct drawing *d, int32_t deviation)
{
	uint32_t a = d->words[d->next++], b = d->words[d->next++];
	int32_t sum = (int32_t)((a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16));

	return (int32_t)((int64_t)(sum - 2 * 65535) * deviation / 37837);
}

/* --- from the glyph to points on the page ----------------------------------------- */

static void choose_glyph(struct drawing *d, unsigned digit)
{
	const struct cnn_glyph *ways = cnn_glyphs[digit];
	uint32_t total = 0, pick;
	size_t i;

	for (i = 0; i < CNN_GLYPH_WAYS; i++)
		total += ways[i].weight;
	pick = below(d, total);
	for (i = 0; pick >= ways[i].weight; i++)
		pick -= ways[i].weight;
	d->glyph = &ways[i];
}

/* Places the points relative to the glyph's centre, each slightly displaced. */
static void place_points(struct drawing *d)
{
	int32_t shake = clamp(normal(d, ONE * 3 / 2) + 7 * ONE / 2, ONE, 7 * ONE);

	for (size_t i = 0; i < d->glyph->count; i++) {
		const struct cnn_glyph_point *p = &d->glyph->points[i];

		d->points[i].x = (p->x - 50) * ONE + normal(d, shake);
		d->points[i].y = (p->y - 50) * ONE + normal(d, shake);
	}
}

/* A quadratic bend in each direction, which shifts the edge, 50 from the centre, by
 * about 7. */
static void bend(struct drawing *d)
{
	int32_t a = normal(d, 180), b = normal(d, 130), c = normal(d, 180),
		f = normal(d, 130);

	for (size_t i = 0; i < d->glyph->count; i++) {
		struct point *p = &d->points[i];
		int32_t xx = p->x * p->x >> FRACTION, yy = p->y * p->y >> FRACTION;
		int32_t xy = p->x * p->y >> FRACTION;

		p->x += times(yy, a) + times(xy, b);
		p->y += times(xx, c) + times(xy, f);
	}
}

static void transform(struct drawing *d)
{
	/* A rotation by the tangent of half the angle, which needs no sine. */
	int32_t t = clamp(normal(d, UNIT / 11), -UNIT / 5, UNIT / 5);
	int64_t tt = (int64_t)t * t >> 16;
	int32_t cosine = (int32_t)((UNIT - tt) * UNIT / (UNIT + tt));
	int32_t sine = (int32_t)((int64_t)2 * t * UNIT / (UNIT + tt));
	int32_t wide = clamp(UNIT + normal(d, UNIT / 5), UNIT / 2, UNIT * 3 / 2);
	int32_t slant = normal(d, UNIT / 5) + UNIT / 12; /* most lean right */

	for (size_t i = 0; i < d->glyph->count; i++) {
		struct point *p = &d->points[i];
		int32_t x = times(p->x, wide) - times(p->y, slant), y = p->y;

		p->x = times(x, cosine) - times(y, sine);
		p->y = times(x, sine) + times(y, cosine);
	}
}

static void fit(struct drawing *d)
{
	struct point low = d->points[0], high = d->points[0];
	int32_t size = 18 * ONE + normal(d, ONE), factor, extent;

	for (size_t i = 1; i < d->glyph->count; i++) {
		const struct point *p = &d->points[i];

		low.x = p->x < low.x ? p->x : low.x;
		low.y = p->y < low.y ? p->y : low.y;
		high.x = p->x > high.x ? p->x : high.x;
		high.y = p->y > high.y ? p->y : high.y;
	}
	extent = high.x - low.x > high.y - low.y ? high.x - low.x : high.y - low.y;
	factor = (int32_t)((int64_t)clamp(size, 15 * ONE, 22 * ONE) * UNIT /
	    (extent > 0 ? extent : 1));
	for (size_t i = 0; i < d->glyph->count; i++) {
		d->points[i].x = times(d->points[i].x, factor);
		d->points[i].y = times(d->points[i].y, factor);
	}
}

/* --- from points to dots ---------------------------------------------------------- */

/* One coordinate of the Catmull-Rom spline between b and c, at t of UNIT. */
static int32_t spline(int32_t a, int32_t b, int32_t c, int32_t e, int32_t t)
{
	int64_t r = -a + 3 * b - 3 * c + e;

	r = (r * t >> 16) + 2 * a - 5 * b + 4 * c - e;
	r = (r * t >> 16) + c - a;
	return (int32_t)((r * t >> 17) + b);
}

static int32_t distance(struct point a, struct point b)
{
	int32_t x = abs(a.x - b.x), y = abs(a.y - b.y);

	/* never too short, at most an eighth too long */
	return x > y ? x + y / 2 : y + x / 2;
}

/* Places dots from point i to the next, half a pixel apart; the radius changes from r0
 * to r1. */
static void dot_segment(struct drawing *d, size_t i, int32_t r0, int32_t r1)
{
	const struct cnn_glyph_point *pen = d->glyph->points;
	size_t last = d->glyph->count - 1u;
	struct point b = d->points[i], c = d->points[i + 1];
	bool first = pen[i].pen != CNN_PEN_SMOOTH;
	bool end = i + 1 == last || pen[i + 1].pen == CNN_PEN_CORNER ||
	    pen[i + 2].pen == CNN_PEN_START;
	struct point a = first ? b : d->points[i - 1];
	struct point f = end ? c : d->points[i + 2];
	int32_t n = distance(b, c) * 2 / ONE + 1;

	for (int32_t k = 0; k <= n && d->dot_count < MAX_DOTS; k++) {
		int32_t t = k * UNIT / n;

		d->dots[d->dot_count++] = (struct dot){
			spline(a.x, b.x, c.x, f.x, t),
			spline(a.y, b.y, c.y, f.y, t),
			r0 + times(r1 - r0, t),
		};
	}
}

static void dot_path(struct drawing *d)
{
	const struct cnn_glyph *g = d->glyph;
	int32_t width =
	    clamp(ONE * 5 / 4 + normal(d, ONE / 3), ONE * 5 / 8, 9 * ONE / 4);
	int32_t radius[CNN_GLYPH_POINTS];

	for (size_t i = 0; i < g->count; i++) /* the pressure varies */
		radius[i] = clamp(width + normal(d, width / 10), ONE / 2, 9 * ONE / 4);
	for (size_t i = 0; i + 1 < g->count; i++)
		if (g->points[i + 1].pen != CNN_PEN_START)
			dot_segment(d, i, radius[i], radius[i + 1]);
}

static void centre(struct drawing *d)
{
	int64_t x = 0, y = 0, n = (int64_t)d->dot_count;
	int32_t dx, dy;

	for (size_t i = 0; i < d->dot_count; i++) {
		x += d->dots[i].x;
		y += d->dots[i].y;
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): every glyph has dots */
	dx = SIDE * ONE / 2 - (int32_t)(x / n) + normal(d, ONE * 2 / 3);
	dy = SIDE * ONE / 2 - (int32_t)(y / n) + normal(d, ONE * 2 / 3);
	for (size_t i = 0; i < d->dot_count; i++) {
		d->dots[i].x += dx;
		d->dots[i].y += dy;
	}
}

/* --- from dots to pixels ---------------------------------------------------------- */

/* Near the edge of a disc, radius - distance is about (radius^2 - distance^2) / (2
 * radius), so a soft edge needs no square root. */
static void stamp(struct drawing *d, const struct dot *dot)
{
	int32_t r = dot->radius, reach = r + d->ramp;
	int32_t left = clamp((dot->x - reach) >> FRACTION, 0, SIDE);
	int32_t right = clamp(((dot->x + reach) >> FRACTION) + 1, 0, SIDE);
	int32_t top = clamp((dot->y - reach) >> FRACTION, 0, SIDE);
	int32_t bottom = clamp(((dot->y + reach) >> FRACTION) + 1, 0, SIDE);
	int32_t slope = 255 * ONE * ONE / 2 / r * ONE / d->ramp; /* x 2^8 */

	for (int32_t y = top; y < bottom; y++) {
		uint8_t *row = d->image + y * SIDE;
		int32_t dy = y * ONE + ONE / 2 - dot->y, rest = r * r - dy * dy;

		for (int32_t x = left; x < right; x++) {
			int32_t dx = x * ONE + ONE / 2 - dot->x;
			int32_t in = (rest - dx * dx) / ONE;
			int32_t cover = clamp(128 + in * slope / (ONE * ONE), 0, 255);

			row[x] = cover > row[x] ? (uint8_t)cover : row[x];
		}
	}
}

/* Adds noise to the ink, and clears pixels that are almost black. */
static void ink(struct drawing *d)
{
	const uint32_t *noise = d->words + NOISE_AT;

	for (size_t i = 0; i < CNN_STROKES_PIXELS; i++) {
		uint32_t grain = noise[i / 4] >> i % 4 * 8 & 0xff;
		uint32_t v = d->image[i] * (uint32_t)d->brightness / 255;

		v = v * (1024 - grain / 2) / 1024;
		d->image[i] = v < 8 ? 0 : (uint8_t)v;
	}
}

/* --- one sample ------------------------------------------------------------------- */

static const char *stream_name(enum cnn_split split)
{
	return split == CNN_TEST ? "strokes/test" : "strokes/train";
}

/* Each group of ten samples has every digit once, in random order. */
static unsigned choose_digit(uint64_t seed, uint32_t stream, uint64_t index)
{
	unsigned char digits[10] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	uint32_t words[10];

	cnn_random_words(seed, stream, 1, index / 10 * 12, 10, words);
	for (unsigned i = 9; i > 0; i--) {
		unsigned k = (unsigned)((uint64_t)words[i] * (i + 1) >> 32);
		unsigned char digit = digits[i];

		digits[i] = digits[k];
		digits[k] = digit;
	}
	return digits[index % 10];
}

uint8_t cnn_strokes_draw(uint64_t seed, enum cnn_split split, uint64_t index,
    uint8_t image[CNN_STROKES_PIXELS])
{
	uint32_t stream = cnn_random_stream(CNN_RANDOM_DATA, stream_name(split));
	unsigned digit = choose_digit(seed, stream, index);
	struct drawing d;

	d.next = 0;
	d.dot_count = 0;
	d.image = image;
	cnn_random_words(seed, stream, 0, index * WORDS, WORDS, d.words);
	memset(image, 0, CNN_STROKES_PIXELS);

	choose_glyph(&d, digit);
	place_points(&d);
	bend(&d);
	transform(&d);
	fit(&d);
	dot_path(&d);
	centre(&d);
	d.ramp = ONE + normal(&d, ONE / 8);
	d.brightness = clamp(255 + normal(&d, 16), 200, 255);
	for (size_t i = 0; i < d.dot_count; i++)
		stamp(&d, &d.dots[i]);
	ink(&d);
	return (uint8_t)digit;
}

size_t cnn_strokes_count(enum cnn_split split)
{
	return split == CNN_TEST ? 10000 : 60000;
}

/* --- all samples ------------------------------------------------------------------ */

struct strokes_samples {
	struct cnn_samples base;
	enum cnn_split split;
	uint64_t seed;
	size_t next;
};

static int strokes_read(struct cnn_samples *base, size_t n, uint8_t *images,
    uint8_t *labels, size_t *got, struct cnn_error *e)
{
	struct strokes_samples *s = (struct strokes_samples *)base;
	size_t left = cnn_strokes_count(s->split) - s->next;

	(void)e;
	*got = n < left ? n : left;
	for (size_t i = 0; i < *got; i++)
		labels[i] = cnn_strokes_draw(s->seed, s->split, s->next++,
		    images + i * CNN_STROKES_PIXELS);
	return CNN_OK;
}

static void strokes_close(struct cnn_samples *base)
{
	free(base);
}

int cnn_strokes_samples_open(struct cnn_samples **samples,
    const struct cnn_dataset_info *dataset, enum cnn_split split, uint64_t seed,
    struct cnn_error *e)
{
	struct strokes_samples *s = calloc(1, sizeof *s);

	*samples = s ? &s->base : NULL;
	if (!s)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	s->base = (struct cnn_samples){ dataset, strokes_read, strokes_close };
	s->split = split;
	s->seed = seed;
	return CNN_OK;
}
