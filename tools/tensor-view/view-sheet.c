/* view-sheet.c - the contact sheet: all images in one PNG, with captions. */
#include "font.h"
#include "view-private.h"
#include "formats/format.h"

#include <stdlib.h>
#include <string.h>

#define GAP 2 /* pixels between the images */
#define GAP_BYTE 64
#define INK_BYTE 255

/* A PNG of more is refused by many readers, also by tensor-cat. */
#define MAX_SIDE ((size_t)65535)
#define MAX_BYTES ((size_t)1 << 30)

/* Characters of a name; more are cut. */
#define NAME_TEXT 24
#define CAPTION_TEXT (2 * NAME_TEXT + sizeof " > ")

/* Captions are magnified less than images: 28 pixels, the width of MNIST's images, have
 * room for 4 characters, but four times as many pixels for 18. */
#define SCALE_PER_FONT 4
#define MARGIN 4 /* right of a caption, in pixels of the font */

struct sheet {
	const struct cnn_view *view;
	struct view_pictures pictures;
	struct cnn_tensor tensor; /* C x H x W bytes */
	size_t columns;
	size_t scale, font;   /* pixels for one of an image or character */
	size_t caption;	      /* height of a caption; 0: there are none */
	size_t width, height; /* of an image with its caption */
};

/* --- captions --------------------------------------------------------------------- */

/* A name that is cut ends with "..". */
static size_t name_text(const char *name, char text[NAME_TEXT + 1])
{
	char longer[NAME_TEXT + 2];

	if (view_font_text(name, longer, sizeof longer) > NAME_TEXT)
		memcpy(longer + NAME_TEXT - 2, "..", sizeof "..");
	memcpy(text, longer, NAME_TEXT + 1);
	return strlen(text);
}

/* Writes "cat", "cat > dog" (the label and the class) or "> dog". Returns the number of
 * characters. */
static size_t caption_text(const struct cnn_view *v, size_t i, char text[CAPTION_TEXT])
{
	struct view_caption c;
	size_t n = 0;

	view_caption_get(v, i, &c);
	n = name_text(c.label, text);
	if (!c.has_class)
		return n;
	if (n > 0)
		text[n++] = ' ';
	text[n++] = '>';
	text[n++] = ' ';
	return n + name_text(c.class, text + n);
}

/* The width of a caption, with a margin that keeps it apart from the next one. */
static size_t text_width(const struct sheet *s, size_t characters)
{
	return characters ? (characters * (VIEW_FONT_WIDTH + 1) + MARGIN) * s->font : 0;
}

static void draw_pixel(const struct sheet *s, size_t top, size_t left)
{
	const size_t *chw = s->tensor.shape;
	unsigned char *to = s->tensor.data;

	for (size_t c = 0; c < chw[0]; c++)
		for (size_t y = top; y < top + s->font; y++)
			memset(to + (c * chw[1] + y) * chw[2] + left, INK_BYTE,
			    s->font);
}

static void draw_caption(const struct sheet *s, size_t i, size_t top, size_t left)
{
	char text[CAPTION_TEXT];
	size_t n = caption_text(s->view, i, text);

	top += s->font;
	left += s->font;
	for (size_t k = 0; k < n; k++, left += (VIEW_FONT_WIDTH + 1) * s->font)
		for (size_t y = 0; y < VIEW_FONT_HEIGHT; y++)
			for (size_t x = 0; x < VIEW_FONT_WIDTH; x++)
				if (view_font_ink(text[k], x, y))
					draw_pixel(s, top + y * s->font,
					    left + x * s->font);
}

/* --- images ----------------------------------------------------------------------- */

static void draw_image(struct sheet *s, size_t i, size_t top, size_t left)
{
	struct view_pictures *p = &s->pictures;
	const size_t *chw = s->tensor.shape;
	unsigned char *to = s->tensor.data;

	view_pictures_load(p, s->view->samples, i);
	for (size_t c = 0; c < p->channels; c++)
		for (size_t y = 0; y < p->height * s->scale; y++)
			for (size_t x = 0; x < p->width * s->scale; x++)
				to[(c * chw[1] + top + y) * chw[2] + left + x] =
				    p->bytes[(y / s->scale * p->width + x / s->scale) *
					    p->channels +
					c];
}

/* --- the sheet -------------------------------------------------------------------- */

/* Sets the size of an image with its caption, which may be wider than the image. */
static void measure(struct sheet *s)
{
	const struct view_pictures *p = &s->pictures;
	char text[CAPTION_TEXT];

	s->width = p->width * s->scale;
	for (size_t i = 0; i < s->view->samples->samples; i++) {
		size_t width = text_width(s, caption_text(s->view, i, text));

		if (width > 0)
			s->caption = (VIEW_FONT_HEIGHT + 2) * s->font;
		if (width > s->width)
			s->width = width;
	}
	s->height = s->caption + p->height * s->scale;
}

static int lay_out(struct sheet *s, struct cnn_error *e)
{
	size_t n = s->view->samples->samples, columns = s->view->columns, rows, bytes;
	size_t *chw = s->tensor.shape;

	while (!s->view->columns && columns * columns < n)
		columns++;
	columns = columns > n ? n : columns;
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): there is a picture */
	rows = (n + columns - 1) / columns;
	s->columns = columns;
	measure(s);
	chw[0] = s->pictures.channels;
	/* No overflow: the samples are in memory, and the scale is small. */
	chw[1] = rows * (s->height + GAP) - GAP;
	chw[2] = columns * (s->width + GAP) - GAP;
	if (chw[1] > MAX_SIDE || chw[2] > MAX_SIDE ||
	    !cnn_tensor_bytes(&s->tensor, &bytes) || bytes > MAX_BYTES)
		return cnn_fail(e, CNN_EUSAGE,
		    "--png: the sheet would be too large, %zu x %zu pixels: show fewer "
		    "images (--count, --columns) or magnify them less (--scale)",
		    chw[2], chw[1]);
	if (!(s->tensor.data = malloc(bytes)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	memset(s->tensor.data, GAP_BYTE, bytes);
	return CNN_OK;
}

int cnn_view_sheet(const struct cnn_view *v, struct cnn_output *out,
    struct cnn_error *e)
{
	struct sheet s = {
		.view = v,
		.tensor = { .dtype = CNN_U8, .rank = 3 },
		.scale = v->scale,
		.font = v->scale < SCALE_PER_FONT ? 1 : v->scale / SCALE_PER_FONT,
	};
	int r = view_pictures_init(&s.pictures, v, e);

	if (r == CNN_OK)
		r = lay_out(&s, e);
	for (size_t i = 0; r == CNN_OK && i < v->samples->samples; i++) {
		size_t top = i / s.columns * (s.height + GAP);
		size_t left = i % s.columns * (s.width + GAP);

		if (s.caption)
			draw_caption(&s, i, top, left);
		draw_image(&s, i, top + s.caption, left);
	}
	if (r == CNN_OK)
		r = cnn_codec_png.write(&s.tensor, out, e);
	free(s.tensor.data);
	view_pictures_free(&s.pictures);
	return r;
}
