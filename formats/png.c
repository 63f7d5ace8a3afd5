/* png.c - one image per file: an array of 1 x C x H x W bytes, C 1 or 3.
 *
 * Palettes become RGB, or grey if all their colours are. Depths below 8 bits are widened,
 * 16 bits are rounded to 8. Alpha is dropped if the image is opaque; otherwise the image
 * is refused, because we cannot know its background. Gamma and colour profiles are
 * ignored.
 *
 * What libpng only warns of, and bytes after the image, are warnings here too.
 */
#include "rows.h"

#include "base/warning.h"
#include "stream/stream.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 65535
#define SIGNATURE 8

struct png {
	struct cnn_array base;
	struct cnn_input *in;
	png_structp png;
	png_infop info;
	unsigned char *line; /* interleaved pixels, as libpng returns them */
	size_t channels;     /* including alpha, the last one */
	bool alpha;
	bool grey;   /* a palette of greys: red, green and blue are equal */
	bool opaque; /* true while every pixel so far is */
	bool done;
	/* libpng's first warning, or "". Kept until the pixels are read: a file may be
	 * opened twice and must not warn twice. */
	char warning[128];
};

/* Context of libpng's callbacks; *e keeps the first error. */
struct png_io {
	struct cnn_input *in;
	struct cnn_output *out;
	struct cnn_error *e;
	struct png *picture; /* being read, or NULL */
};

static _Noreturn void on_error(png_structp png, png_const_charp message)
{
	struct png_io *io = png_get_error_ptr(png);

	cnn_fail(io->e, CNN_EDATA, "%s: %s",
	    io->in ? cnn_input_name(io->in) : cnn_output_name(io->out), message);
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
	struct png_io *io = png_get_error_ptr(png);
	struct png *p = io->picture;

	if (p && !*p->warning)
		snprintf(p->warning, sizeof p->warning, "%s", message);
}

static void read_bytes(png_structp png, png_bytep buf, size_t size)
{
	struct png_io *io = png_get_io_ptr(png);

	if (cnn_input_read(io->in, buf, size, io->e) < 0)
		png_error(png, "can't be read");
}

static void write_bytes(png_structp png, png_bytep buf, size_t size)
{
	struct png_io *io = png_get_io_ptr(png);

	if (cnn_output_write(io->out, buf, size, io->e) < 0)
		png_error(png, "can't be written");
}

static void flush_nothing(png_structp png)
{
	(void)png;
}

/* Points libpng's callbacks at this call's error. */
static void set_io(struct png *p, struct png_io *io)
{
	png_set_error_fn(p->png, io, on_error, on_warning);
	png_set_read_fn(p->png, io, read_bytes);
}

/* Whether the image has a palette whose colours are all grey. */
static bool has_grey_palette(const struct png *p)
{
	png_colorp colours = NULL;
	int count = 0;

	if (png_get_color_type(p->png, p->info) != PNG_COLOR_TYPE_PALETTE ||
	    !png_get_PLTE(p->png, p->info, &colours, &count))
		return false;
	for (int i = 0; i < count; i++)
		if (colours[i].red != colours[i].green ||
		    colours[i].red != colours[i].blue)
			return false;
	return true;
}

/* Called when libpng knows what it will return. */
static void set_shape(struct png *p)
{
	p->channels = png_get_channels(p->png, p->info);
	p->alpha = p->channels % 2 == 0;
	p->base.shape = (struct cnn_tensor){
		.dtype = CNN_U8,
		.rank = 4,
		.shape = { 1, p->channels < 3 || p->grey ? 1 : 3,
		    png_get_image_height(p->png, p->info),
		    png_get_image_width(p->png, p->info) },
	};
}

/* libpng may longjmp out of read_head() and read_pixels(); keep no live locals. */

static int read_head(struct png *p, struct png_io *io)
{
	set_io(p, io);
	if (setjmp(png_jmpbuf(p->png)))
		return io->e->code;
	png_set_user_limits(p->png, MAX_SIDE, MAX_SIDE);
	png_set_benign_errors(p->png, 1);
	/* Skip text, profiles and dates: they are not needed, and bugs in their parsers
	 * then do no harm. */
	png_set_keep_unknown_chunks(p->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
	png_read_info(p->png, p->info);
	p->grey = has_grey_palette(p);
	png_set_expand(p->png);
	png_set_scale_16(p->png);
	png_set_interlace_handling(p->png);
	png_read_update_info(p->png, p->info);
	set_shape(p);
	return CNN_OK;
}

/* Restores the line as earlier passes left it, opaque: libpng adds this pass's
 * pixels. */
static void gather(const struct png *p, const unsigned char *planes, size_t y, int pass)
{
	const size_t *shape = p->base.shape.shape;

	memset(p->line, 255, shape[3] * p->channels);
	for (size_t c = 0; pass > 0 && c < shape[1]; c++)
		for (size_t x = 0; x < shape[3]; x++)
			p->line[x * p->channels + c] =
			    planes[(c * shape[2] + y) * shape[3] + x];
}

static void scatter(struct png *p, unsigned char *planes, size_t y)
{
	const size_t *shape = p->base.shape.shape;

	for (size_t c = 0; c < shape[1]; c++)
		for (size_t x = 0; x < shape[3]; x++)
			planes[(c * shape[2] + y) * shape[3] + x] =
			    p->line[x * p->channels + c];
	for (size_t x = 0; p->alpha && x < shape[3]; x++)
		p->opaque &= p->line[(x + 1) * p->channels - 1] == 255;
}

/* Writes line by line into C x H x W: a second copy would take another 64 MiB. */
static int read_pixels(struct png *p, struct png_io *io, unsigned char *planes)
{
	int passes;

	set_io(p, io);
	if (setjmp(png_jmpbuf(p->png)))
		return io->e->code;
	passes = png_set_interlace_handling(p->png);
	for (int pass = 0; pass < passes; pass++)
		for (size_t y = 0; y < p->base.shape.shape[2]; y++) {
			bool has_pixels = passes == 1 ||
			    PNG_ROW_IN_INTERLACE_PASS(y, pass);

			if (has_pixels && passes > 1)
				gather(p, planes, y, pass);
			png_read_row(p->png, has_pixels ? p->line : NULL, NULL);
			if (has_pixels)
				scatter(p, planes, y);
		}
	png_read_end(p->png, NULL);
	return CNN_OK;
}

/* Reads the rest of the input too, so that the checksum of a compressed file is
 * verified. */
static int skip_rest(struct png *p, struct cnn_error *e)
{
	unsigned char buf[4096];
	unsigned long long bytes = 0;
	size_t got;
	int r;

	while ((r = cnn_input_some(p->in, buf, sizeof buf, &got, e)) == CNN_OK && got)
		bytes += got;
	if (r == CNN_OK && bytes)
		cnn_warn("%s: bytes after the picture are ignored (%llu)",
		    cnn_input_name(p->in), bytes);
	return r;
}

static int png_array_read(struct cnn_array *array, size_t rows, void *buf,
    struct cnn_error *e)
{
	struct png *p = (struct png *)array;
	const char *name = cnn_input_name(p->in);
	struct cnn_error own = { 0 };
	struct png_io io = { .in = p->in, .e = e ? e : &own, .picture = p };
	const size_t *shape = p->base.shape.shape;
	int r;

	if (rows == 0)
		return CNN_OK;
	if (rows > 1 || p->done)
		return cnn_fail(e, CNN_EUSAGE, "%s: contains only one image", name);
	p->done = true;
	p->opaque = true;
	p->line = calloc(shape[3], p->channels);
	if (!p->line)
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", name);
	if ((r = read_pixels(p, &io, buf)) < 0)
		return r;
	if (!p->opaque)
		return cnn_fail(e, CNN_EDATA,
		    "%s: has transparent pixels: flatten it onto a background first",
		    name);
	if (*p->warning)
		cnn_warn("%s: %s", name, p->warning);
	return skip_rest(p, e);
}

static void png_array_close(struct cnn_array *array)
{
	struct png *p = (struct png *)array;

	png_destroy_read_struct(&p->png, &p->info, NULL);
	cnn_input_close(p->in);
	free(p->line);
	free(p);
}

static bool png_probe(const unsigned char *p, size_t have)
{
	return have >= SIGNATURE && png_sig_cmp(p, 0, SIGNATURE) == 0;
}

static int png_open(struct cnn_array **array, struct cnn_input *in, struct cnn_error *e)
{
	struct cnn_error own = { 0 };
	struct png_io io = { .in = in, .e = e ? e : &own };
	struct png *p = calloc(1, sizeof *p);
	size_t row;
	int r;

	if (!p) {
		cnn_input_close(in);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	p->base.read = png_array_read;
	p->base.close = png_array_close;
	p->in = in;
	io.picture = p;
	p->png =
	    png_create_read_struct(PNG_LIBPNG_VER_STRING, &io, on_error, on_warning);
	p->info = p->png ? png_create_info_struct(p->png) : NULL;
	r = p->info ? read_head(p, &io) :
		      cnn_fail(e, CNN_ENOMEM, "%s: out of memory", cnn_input_name(in));
	if (r == CNN_OK)
		r = cnn_rows_check(&p->base.shape, cnn_input_name(in), &row, e);
	if (r < 0)
		png_array_close(&p->base);
	else
		*array = &p->base;
	return r;
}

/* As in read_head(), no locals live across the jump. `line` has room for one row. */
static int write_picture(png_structp png, png_infop info, struct png_io *io,
    const struct cnn_tensor *t, unsigned char *line)
{
	const size_t *chw = t->shape + t->rank - 3;

	if (setjmp(png_jmpbuf(png)))
		return io->e->code;
	png_set_write_fn(png, io, write_bytes, flush_nothing);
	png_set_IHDR(png, info, (png_uint_32)chw[2], (png_uint_32)chw[1], 8,
	    chw[0] == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
	    PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (size_t y = 0; y < chw[1]; y++) {
		const unsigned char *row = (const unsigned char *)t->data + y * chw[2];

		for (size_t c = 0; c < chw[0]; c++, row += chw[1] * chw[2])
			for (size_t x = 0; x < chw[2]; x++)
				line[x * chw[0] + c] = row[x];
		png_write_row(png, line);
	}
	png_write_end(png, info);
	return CNN_OK;
}

static int png_write(const struct cnn_tensor *given, struct cnn_output *out,
    struct cnn_error *e)
{
	struct cnn_error own = { 0 };
	struct png_io io = { .out = out, .e = e ? e : &own };
	char text[CNN_SHAPE_TEXT];
	struct cnn_tensor t = *given;
	png_structp png = NULL;
	png_infop info = NULL;
	unsigned char *line = NULL;
	const size_t *chw;
	int r = CNN_OK;

	if (t.rank == 2) { /* H x W is one grey image */
		t.rank = 3;
		t.shape[2] = t.shape[1];
		t.shape[1] = t.shape[0];
		t.shape[0] = 1;
	}
	chw = t.shape + (t.rank == 4);
	if (t.dtype != CNN_U8 || t.rank < 3 || t.rank > 4 ||
	    (t.rank == 4 && t.shape[0] != 1) || (chw[0] != 1 && chw[0] != 3))
		return cnn_fail(e, CNN_EDATA,
		    "a PNG contains one uint8 image, gray "
		    "1xHxW or color 3xHxW, not %s %s",
		    cnn_dtype_name(given->dtype),
		    cnn_shape_text(given->rank, given->shape, text, sizeof text));
	if (!chw[1] || !chw[2] || chw[1] > MAX_SIDE || chw[2] > MAX_SIDE)
		return cnn_fail(e, CNN_EDATA, "can't write a PNG of %s",
		    cnn_shape_text(t.rank, t.shape, text, sizeof text));

	png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &io, on_error, on_warning);
	info = png ? png_create_info_struct(png) : NULL;
	line = malloc(chw[0] * chw[2]);
	if (info && line)
		r = write_picture(png, info, &io, &t, line);
	else
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	png_destroy_write_struct(&png, &info);
	free(line);
	return r;
}

const struct cnn_codec cnn_codec_png = {
	.name = "png",
	.suffix = ".png",
	.picture = true,
	.probe_bytes = SIGNATURE,
	.probe = png_probe,
	.open = png_open,
	.write = png_write,
};
