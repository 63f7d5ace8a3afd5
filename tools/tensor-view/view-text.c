/* view-text.c - images as text.
 *
 * A character shows two pixels, one above the other: as a half block with both colours,
 * or as an ASCII character whose density grows with their mean brightness.
 */
#include "view-private.h"

#include "base/printable.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CAPTION (2 * VIEW_NAME + 32)
#define BETWEEN 2 /* blanks between images */

/* The arrangement of the images of one line. */
struct layout {
	size_t shrink;	      /* pixels averaged into one, in each direction */
	size_t width, height; /* of an image, in pixels as shown */
	size_t columns;
};

static struct layout lay_out(const struct cnn_view *v, const struct view_pictures *p)
{
	size_t room = v->width, columns = v->columns;
	struct layout l = { .shrink = 1 };

	if (columns > 1)
		room = room / columns > BETWEEN ? room / columns - BETWEEN : 1;
	while ((p->width + l.shrink - 1) / l.shrink > room)
		l.shrink++;
	l.width = (p->width + l.shrink - 1) / l.shrink;
	l.height = (p->height + l.shrink - 1) / l.shrink;
	l.columns = columns ? columns : (v->width + BETWEEN) / (l.width + BETWEEN);
	l.columns += l.columns == 0;
	return l;
}

/* --- captions --------------------------------------------------------------------- */

/* Writes "12: cat -> dog !"; *wrong if the class differs from the label. */
static void caption(const struct cnn_view *v, size_t i, char text[MAX_CAPTION],
    bool *wrong)
{
	struct view_caption c;

	view_caption_get(v, i, &c);
	*wrong = c.wrong;
	snprintf(text, MAX_CAPTION, "%zu%s%s%s%s%s", i,
	    c.has_label || c.has_class ? ": " : "", c.label, c.has_class ? " -> " : "",
	    c.class, c.wrong ? " !" : "");
}

/* Prints exactly `width` characters. */
static void print_padded(FILE *out, const char *text, size_t width)
{
	size_t characters, bytes = cnn_utf8_fit(text, width, &characters);

	fprintf(out, "%.*s%*s", (int)bytes, text, (int)(width - characters), "");
}

static void print_captions(const struct cnn_view *v, const struct layout *l,
    size_t first, size_t n, FILE *out)
{
	char text[MAX_CAPTION];
	bool wrong;

	for (size_t i = first; i < first + n; i++) {
		caption(v, i, text, &wrong);
		if (wrong && v->fancy)
			fputs("\033[31m", out);
		if (i + 1 < first + n)
			print_padded(out, text, l->width);
		else
			fputs(text, out);
		if (wrong && v->fancy)
			fputs("\033[0m", out);
		if (i + 1 < first + n)
			fprintf(out, "%*s", BETWEEN, "");
	}
	putc('\n', out);
}

/* --- pixels ----------------------------------------------------------------------- */

/* The mean of channel c over the source pixels of pixel (x, y). */
static unsigned mean(const struct view_pictures *p, const struct layout *l, size_t x,
    size_t y, size_t c)
{
	uint64_t sum = 0, count = 0;

	for (size_t i = y * l->shrink; i < (y + 1) * l->shrink && i < p->height; i++)
		for (size_t k = x * l->shrink; k < (x + 1) * l->shrink && k < p->width;
		     k++, count++)
			sum += p->bytes[(i * p->width + k) * p->channels + c];
	return count ? (unsigned)(sum / count) : 0;
}

/* The nearest of the 256 colours. Grey: black 16, greys 232 .. 255, white 231. Colour:
 * the 6 x 6 x 6 cube that starts at 16. */
static unsigned colour(const struct view_pictures *p, const struct layout *l, size_t x,
    size_t y)
{
	unsigned grey;

	if (p->channels == 3)
		return 16 + 36 * ((mean(p, l, x, y, 0) * 5 + 127) / 255) +
		    6 * ((mean(p, l, x, y, 1) * 5 + 127) / 255) +
		    (mean(p, l, x, y, 2) * 5 + 127) / 255;
	grey = (mean(p, l, x, y, 0) * 25 + 127) / 255;
	return grey == 0 ? 16 : grey == 25 ? 231 : 231 + grey;
}

static void print_blocks(const struct view_pictures *p, const struct layout *l,
    size_t y, FILE *out)
{
	unsigned above = 0, below = 0; /* colour 0 is never used */

	for (size_t x = 0; x < l->width; x++) {
		unsigned a = colour(p, l, x, y);
		unsigned b = y + 1 < l->height ? colour(p, l, x, y + 1) : 16;

		if (a != above)
			fprintf(out, "\033[38;5;%um", a);
		if (b != below)
			fprintf(out, "\033[48;5;%um", b);
		fputs("\u2580", out);
		above = a;
		below = b;
	}
	fputs("\033[0m", out);
}

static unsigned grey(const struct view_pictures *p, const struct layout *l, size_t x,
    size_t y)
{
	if (p->channels == 1)
		return mean(p, l, x, y, 0);
	/* Weights of luma, ITU-R BT.601. */
	return (299 * mean(p, l, x, y, 0) + 587 * mean(p, l, x, y, 1) +
		   114 * mean(p, l, x, y, 2)) /
	    1000;
}

static void print_letters(const struct view_pictures *p, const struct layout *l,
    size_t y, FILE *out)
{
	static const char ramp[] = " .:-=+*#%@";

	for (size_t x = 0; x < l->width; x++) {
		unsigned a = grey(p, l, x, y);
		unsigned b = y + 1 < l->height ? grey(p, l, x, y + 1) : a;

		putc(ramp[(a + b) * (sizeof ramp - 2) / 510], out);
	}
}

int cnn_view_print(const struct cnn_view *v, FILE *out, struct cnn_error *e)
{
	struct view_pictures p;
	struct layout l;
	int r = view_pictures_init(&p, v, e);

	if (r < 0) {
		view_pictures_free(&p);
		return r;
	}
	l = lay_out(v, &p);
	for (size_t i = 0, n; i < v->samples->samples; i += n) {
		n = v->samples->samples - i < l.columns ? v->samples->samples - i :
							  l.columns;
		print_captions(v, &l, i, n, out);
		for (size_t y = 0; y < l.height; y += 2)
			for (size_t k = 0; k < n; k++) {
				view_pictures_load(&p, v->samples, i + k);
				(v->fancy ? print_blocks : print_letters)(&p, &l, y,
				    out);
				fprintf(out, "%*s", k + 1 < n ? BETWEEN : 0, "");
				if (k + 1 == n)
					putc('\n', out);
			}
	}
	view_pictures_free(&p);
	return CNN_OK;
}
