/* archive-feed.c - gives libarchive the bytes of an input. */
#include "archive-feed.h"
#include "compressed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* bytes of the end record after its mark, if it has no comment */
#define ZIP_END 18
/* libarchive looks for the end record in the last 16 KiB. */
#define ZIP_TAIL ((size_t)16 << 10)
#define FIRST_STEP ((size_t)4 << 10) /* after a seek */

/* Sets by_directory if the zip can seek and has its end record where libarchive finds
 * it. */
static int find_directory(struct cnn_archive_feed *f, struct cnn_error *e)
{
	uint64_t size = cnn_input_size(f->in);
	size_t n = size < ZIP_TAIL ? (size_t)size : ZIP_TAIL;
	int r;

	if (size == 0)
		return CNN_OK;
	if ((r = cnn_input_seek(f->in, size - n, e)) < 0 ||
	    (r = cnn_input_read(f->in, f->buf, n, e)) < 0)
		return r;
	f->by_directory = memmem(f->buf, n, "PK\5\6", 4) != NULL;
	return cnn_input_seek(f->in, 0, e);
}

int cnn_archive_feed_init(struct cnn_archive_feed *f, struct cnn_input *in,
    struct cnn_error *e)
{
	const unsigned char *p;
	size_t have;
	int r;

	f->in = in;
	f->step = sizeof f->buf;
	if ((r = cnn_input_peek(in, 2, &p, &have, e)) < 0 || have < 2 ||
	    memcmp(p, "PK", 2) != 0)
		return r;
	r = find_directory(f, e);
	f->is_zip = !f->by_directory;
	return r;
}

/* A later mark may be inside the end record's comment, so keep the first one, unless it
 * is too far back to be the end record. */
static void note_end(struct cnn_archive_feed *f, uint64_t at)
{
	if (f->end_at == 0 || at - f->end_at > ZIP_END + UINT16_MAX)
		f->end_at = at;
}

/* Notes where the end record of a zip may begin. */
static void watch_end(struct cnn_archive_feed *f, const unsigned char *p, size_t n)
{
	unsigned char seam[6];
	const unsigned char *at;
	size_t more = n < 3 ? n : 3;

	if (!f->is_zip || n == 0)
		return;
	memcpy(seam, f->tail, f->tail_size);
	memcpy(seam + f->tail_size, p, more);
	if ((at = memmem(seam, f->tail_size + more, "PK\5\6", 4)))
		note_end(f, f->size - f->tail_size + (size_t)(at - seam) + 4);
	for (size_t i = 0; (at = memmem(p + i, n - i, "PK\5\6", 4));
	     i = (size_t)(at - p) + 4)
		note_end(f, f->size + (size_t)(at - p) + 4);
	/* Keep the last three bytes read. */
	if (n >= 3) {
		memcpy(f->tail, p + n - 3, 3);
		f->tail_size = 3;
	} else {
		size_t keep = f->tail_size + n > 3 ? 3 - n : f->tail_size;

		memmove(f->tail, f->tail + f->tail_size - keep, keep);
		memcpy(f->tail + keep, p, n);
		f->tail_size = keep + n;
	}
}

/* Reads the next bytes into buf; *got is 0 at the end, which leaves buf as it is. */
static int next_chunk(struct cnn_archive_feed *f, size_t *got, struct cnn_error *e)
{
	int r = cnn_input_some(f->in, f->buf, f->step, got, e);

	if (r < 0 || *got == 0)
		return r;
	watch_end(f, f->buf, *got);
	f->chunk = *got;
	f->size += *got;
	f->step = f->step < sizeof f->buf / 2 ? 2 * f->step : sizeof f->buf;
	return CNN_OK;
}

static la_ssize_t on_read(struct archive *a, void *ctx, const void **buf)
{
	struct cnn_archive_feed *f = ctx;
	size_t got;

	*buf = f->buf;
	if (next_chunk(f, &got, &f->error) < 0) {
		archive_set_error(a, EIO, "the input can't be read");
		return -1;
	}
	return (la_ssize_t)got;
}

static la_int64_t on_seek(struct archive *a, void *ctx, la_int64_t offset, int whence)
{
	struct cnn_archive_feed *f = ctx;
	int64_t size = (int64_t)cnn_input_size(f->in);
	int64_t at = whence == SEEK_SET ? offset :
	    whence == SEEK_END		? size + offset :
					  (int64_t)cnn_input_offset(f->in) + offset;

	if (at < 0 || at > size)
		at = size;
	if (cnn_input_seek(f->in, (uint64_t)at, &f->error) < 0) {
		archive_set_error(a, EIO, "the input can't be read");
		return ARCHIVE_FATAL;
	}
	f->step = FIRST_STEP;
	return at;
}

int cnn_archive_feed_open(struct cnn_archive_feed *f, struct archive *a)
{
	archive_read_set_callback_data(a, f);
	archive_read_set_read_callback(a, on_read);
	if (f->by_directory)
		archive_read_set_seek_callback(a, on_seek);
	return archive_read_open1(a);
}

int cnn_archive_feed_drain(struct cnn_archive_feed *f, struct cnn_error *e)
{
	size_t got;
	int r;

	do
		r = next_chunk(f, &got, e);
	while (r == CNN_OK && got);
	return r;
}

bool cnn_archive_feed_is_cut(const struct cnn_archive_feed *f)
{
	return f->is_zip &&
	    (f->end_at == 0 || f->size - f->end_at < ZIP_END ||
		f->size - f->end_at > ZIP_END + UINT16_MAX);
}

int cnn_archive_feed_at_end(struct cnn_archive_feed *f, uint64_t used,
    struct cnn_error *e)
{
	size_t left = f->size - used < f->chunk ? (size_t)(f->size - used) : f->chunk;
	bool zeros = true;
	int r;

	for (size_t i = f->chunk - left; i < f->chunk; i++)
		zeros &= f->buf[i] == 0;
	if (zeros && (r = cnn_zeros_to_end(f->in, e)) != CNN_OK)
		return r == CNN_END ? CNN_OK : r;
	return cnn_fail(e, CNN_EDATA, "%s: unexpected bytes after the compressed data",
	    cnn_input_name(f->in));
}
