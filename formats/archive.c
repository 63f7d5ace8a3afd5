/* archive.c - reads archives and compressed files in one pass with libarchive. */
#include "format.h"
#include "gzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAR_MAGIC_AT 257
#define TAR_BLOCK 512
/* bytes of the end record after its mark, if it has no comment */
#define ZIP_END 18
#define MAX_7Z ((size_t)1 << 30) /* 7z needs seeking: held in memory */

struct cnn_archive {
	struct archive *a;
	struct cnn_input *in;
	struct cnn_error error; /* of in, kept while libarchive unwinds */
	char *name;		/* name of the last member */
	int64_t header_at;	/* unpacked bytes before the last header */
	bool in_member, passes_over;
	bool is_zip;
	/* Of a zip: the last bytes read, for an end mark that spans two reads */
	unsigned char tail[3];
	size_t tail_size;
	uint64_t size; /* of a zip: bytes read so far */
	/* Of a zip: offset after the mark of the end record; 0: none. If several marks
	 * are possible, the first one. */
	uint64_t end_at;
	unsigned char buf[64 << 10];
};

static const struct {
	const char *bytes;
	size_t at, size;
} magics[] = {
	{ "BZh", 0, 3 },
	{ "\xfd"
	  "7zXZ\0",
	    0, 6 },
	{ "\x28\xb5\x2f\xfd", 0, 4 }, /* zstd */
	{ "\x04\x22\x4d\x18", 0, 4 }, /* lz4 */
	{ "LZIP", 0, 4 },
	{ "\x1f\x9d", 0, 2 }, /* compress */
	{ "PK\3\4", 0, 4 },
	{ "PK\5\6", 0, 4 }, /* an empty zip */
	{ "7z\xbc\xaf\x27\x1c", 0, 6 },
	{ "ustar", TAR_MAGIC_AT, 5 },
};

static bool starts_7z(const unsigned char *p, size_t have)
{
	return have >= 6 && memcmp(p, "7z\xbc\xaf\x27\x1c", 6) == 0;
}

int cnn_archive_sniff(struct cnn_input *in, bool *is_archive, struct cnn_error *e)
{
	const unsigned char *p;
	size_t have;
	int r = cnn_input_peek(in, TAR_MAGIC_AT + 5, &p, &have, e);

	if (r < 0)
		return r;
	*is_archive = cnn_gzip_probe(p, have);
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if (have >= magics[i].at + magics[i].size &&
		    !memcmp(p + magics[i].at, magics[i].bytes, magics[i].size))
			*is_archive = true;
	return CNN_OK;
}

/* Returns the error of a->in, if any, otherwise libarchive's, without the archive's
 * name. */
static int archive_failed(struct cnn_archive *a, struct cnn_error *e)
{
	const char *why = archive_error_string(a->a);

	if (a->error.code)
		return cnn_fail(e, a->error.code, "%s", a->error.text);
	if (archive_errno(a->a) == ENOMEM)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	return cnn_fail(e, CNN_EDATA, "damaged archive: %s",
	    why ? why : "can't be read");
}

/* A later mark may be inside the end record's comment, so keep the first one, unless it
 * is too far back to be the end record. */
static void note_end(struct cnn_archive *a, uint64_t at)
{
	if (a->end_at == 0 || at - a->end_at > ZIP_END + UINT16_MAX)
		a->end_at = at;
}

/* Notes where the end record of a zip may begin. */
static void watch_end(struct cnn_archive *a, const unsigned char *p, size_t n)
{
	unsigned char seam[6];
	const unsigned char *at;
	size_t more = n < 3 ? n : 3;

	if (!a->is_zip || n == 0)
		return;
	memcpy(seam, a->tail, a->tail_size);
	memcpy(seam + a->tail_size, p, more);
	if ((at = memmem(seam, a->tail_size + more, "PK\5\6", 4)))
		note_end(a, a->size - a->tail_size + (size_t)(at - seam) + 4);
	for (size_t i = 0; (at = memmem(p + i, n - i, "PK\5\6", 4));
	     i = (size_t)(at - p) + 4)
		note_end(a, a->size + (size_t)(at - p) + 4);
	a->size += n;
	/* Keep the last three bytes read. */
	if (n >= 3) {
		memcpy(a->tail, p + n - 3, 3);
		a->tail_size = 3;
	} else {
		size_t keep = a->tail_size + n > 3 ? 3 - n : a->tail_size;

		memmove(a->tail, a->tail + a->tail_size - keep, keep);
		memcpy(a->tail + keep, p, n);
		a->tail_size = keep + n;
	}
}

static la_ssize_t feed(struct archive *ar, void *ctx, const void **buf)
{
	struct cnn_archive *a = ctx;
	size_t got;

	*buf = a->buf;
	if (cnn_input_some(a->in, a->buf, sizeof a->buf, &got, &a->error) < 0) {
		archive_set_error(ar, EIO, "the input can't be read");
		return -1;
	}
	watch_end(a, a->buf, got);
	return (la_ssize_t)got;
}

/* Only formats in which data are distributed. Some others (mtree, uuencode, rpm …)
 * accept text as an archive, and some filters run programs. */
static int set_formats(struct archive *a)
{
	int (*const supports[])(struct archive *) = {
		archive_read_support_filter_bzip2,
		archive_read_support_filter_xz,
		archive_read_support_filter_lzip,
		archive_read_support_filter_zstd,
		archive_read_support_filter_lz4,
		archive_read_support_filter_compress,
		archive_read_support_format_tar,
		archive_read_support_format_zip,
		archive_read_support_format_7zip,
		archive_read_support_format_raw,
		archive_read_support_format_empty,
	};

	for (size_t i = 0; i < sizeof supports / sizeof *supports; i++)
		if (supports[i](a) < ARCHIVE_WARN)
			return ARCHIVE_FATAL;
	return ARCHIVE_OK;
}

/* The table of contents of a 7z archive is at its end. */
static int open_7z(struct cnn_archive *a, struct cnn_error *e)
{
	const unsigned char *p;
	size_t have;
	int r = cnn_input_peek(a->in, MAX_7Z + 1, &p, &have, e);

	if (r < 0)
		return r;
	if (have > MAX_7Z)
		return cnn_fail(e, CNN_EDATA,
		    "7z archive larger than %zu MiB: unpack it first", MAX_7Z >> 20);
	return archive_read_open_memory(a->a, p, have) == ARCHIVE_OK ?
	    CNN_OK :
	    archive_failed(a, e);
}

int cnn_archive_open(struct cnn_archive **archive, struct cnn_input *in,
    struct cnn_error *e)
{
	struct cnn_archive *a = calloc(1, sizeof *a);
	const unsigned char *p;
	size_t have;
	int r;

	if (!a) {
		cnn_input_close(in);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	a->in = in;
	if ((r = cnn_input_peek(a->in, 6, &p, &have, e)) < 0)
		goto fail;
	if (cnn_gzip_probe(p, have) &&
	    ((r = cnn_gzip_wrap(&a->in, e)) < 0 ||
		(r = cnn_input_peek(a->in, 6, &p, &have, e)) < 0))
		goto fail;
	a->is_zip = have >= 2 && memcmp(p, "PK", 2) == 0;
	a->a = archive_read_new();
	if (!a->a || set_formats(a->a) != ARCHIVE_OK) {
		r = cnn_fail(e, CNN_ENOMEM, "%s: can't initialize libarchive",
		    cnn_input_name(a->in));
		goto fail;
	}
	if (starts_7z(p, have))
		r = open_7z(a, e);
	else if (archive_read_open(a->a, a, NULL, feed, NULL) != ARCHIVE_OK)
		r = archive_failed(a, e);
	if (r < 0) {
		cnn_error_prefix(e, "%s", cnn_input_name(a->in));
		goto fail;
	}
	*archive = a;
	return CNN_OK;
fail:
	cnn_archive_close(a);
	return r;
}

void cnn_archive_pass_over(struct cnn_archive *a)
{
	a->passes_over = true;
}

void cnn_archive_close(struct cnn_archive *a)
{
	if (!a)
		return;
	archive_read_free(a->a);
	cnn_input_close(a->in);
	free(a->name);
	free(a);
}

/* Names are used in messages and as field names, never as paths of files. Still, "../x"
 * or "/x" suggests a malicious archive. */
static bool name_is_fair(const char *name)
{
	if (*name == '/')
		return false;
	for (;; name++) {
		size_t n = strcspn(name, "/");

		if (n == 2 && !memcmp(name, "..", n))
			return false;
		name += n;
		if (!*name)
			return true;
	}
}

static ssize_t member_read(void *ctx, void *buf, size_t size, struct cnn_error *e)
{
	struct cnn_archive *a = ctx;
	la_ssize_t n = archive_read_data(a->a, buf, size);

	return n < 0 ? archive_failed(a, e) : (ssize_t)n;
}

static void member_close(void *ctx)
{
	(void)ctx; /* the next header skips the rest */
}

/* Whether the archive lacks its end: the zeros of a tar or the end record of a zip.
 * libarchive accepts that, but members may be missing, so it is an error here. */
static bool is_cut(struct cnn_archive *a)
{
	switch (archive_format(a->a) & ARCHIVE_FORMAT_BASE_MASK) {
	case ARCHIVE_FORMAT_TAR:
		return archive_filter_bytes(a->a, 0) < a->header_at + TAR_BLOCK;
	case ARCHIVE_FORMAT_ZIP:
		return a->is_zip &&
		    (a->end_at == 0 || a->size - a->end_at < ZIP_END ||
			a->size - a->end_at > ZIP_END + UINT16_MAX);
	default: return false;
	}
}

/* Reads what follows the last member too, so that gzip's checksum is verified. */
static int drain(struct cnn_archive *a, struct cnn_error *e)
{
	size_t got;
	int r;

	do {
		r = cnn_input_some(a->in, a->buf, sizeof a->buf, &got, e);
		if (r == CNN_OK)
			watch_end(a, a->buf, got);
	} while (r == CNN_OK && got);
	if (r == CNN_OK && is_cut(a))
		return cnn_fail(e, CNN_EDATA, "%s: truncated archive",
		    cnn_input_name(a->in));
	return r < 0 ? r : CNN_END;
}

static const char *entry_name(struct cnn_archive *a, struct archive_entry *entry)
{
	const char *name;

	if (archive_format(a->a) == ARCHIVE_FORMAT_RAW)
		return "";
	name = archive_entry_pathname(entry);
	return name ? name : archive_entry_pathname_utf8(entry);
}

/* "train.tgz:digits/a.png", or only the archive's name if the member has none. Control
 * characters become '?'. */
static char *message_name(const struct cnn_archive *a)
{
	char *text;

	if (asprintf(&text, "%s%s%s", cnn_input_name(a->in), *a->name ? ":" : "",
		a->name) < 0)
		return NULL;
	for (char *p = text + strlen(cnn_input_name(a->in)); *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return text;
}

static int open_member(struct cnn_archive *a, struct archive_entry *entry,
    struct cnn_input **member, struct cnn_error *e)
{
	static const struct cnn_input_ops ops = { member_read, member_close };
	const char *name = entry_name(a, entry);
	char *text;
	int r;

	if (!name)
		return cnn_fail(e, CNN_EDATA, "%s: can't read the name of a member",
		    cnn_input_name(a->in));
	free(a->name);
	a->name = strdup(name);
	text = a->name ? message_name(a) : NULL;
	if (!text)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (name_is_fair(a->name))
		r = cnn_input_wrap(member, text, &ops, a, e);
	else
		r = cnn_fail(e, CNN_EDATA,
		    "%s: the member's name points outside the archive", text);
	free(text);
	return r;
}

/* Fails: skipping the link would silently lose a sample. */
static int refuse_link(struct cnn_archive *a, struct archive_entry *entry,
    struct cnn_error *e)
{
	const char *name = entry_name(a, entry);
	char *text;

	free(a->name);
	a->name = strdup(name ? name : "");
	if (!a->name || !(text = message_name(a)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	cnn_fail(e, CNN_EDATA,
	    "%s: is a link, which is not followed (pack files with "
	    "tar --dereference --hard-dereference)",
	    text);
	free(text);
	return CNN_EDATA;
}

int cnn_archive_next(struct cnn_archive *a, const char **name,
    struct cnn_input **member, struct cnn_error *e)
{
	struct archive_entry *entry;
	const char *member_name;
	int r;

	for (;;) {
		if (a->in_member) /* skip the rest; damage is reported below */
			archive_read_data_skip(a->a);
		a->in_member = false;
		a->header_at = archive_filter_bytes(a->a, 0);
		switch (archive_read_next_header(a->a, &entry)) {
		case ARCHIVE_OK:
		case ARCHIVE_WARN: a->in_member = true; break;
		case ARCHIVE_EOF: return drain(a, e);
		default:
			r = archive_failed(a, e);
			cnn_error_prefix(e, "%s", cnn_input_name(a->in));
			return r;
		}
		if (archive_entry_hardlink(entry) ||
		    archive_entry_filetype(entry) == AE_IFLNK) {
			if (a->passes_over)
				continue;
			return refuse_link(a, entry, e);
		}
		if (archive_entry_filetype(entry) != AE_IFREG)
			continue;
		member_name = entry_name(a, entry);
		if (!a->passes_over || (member_name && name_is_fair(member_name)))
			break;
	}
	r = open_member(a, entry, member, e);
	*name = a->name;
	return r;
}
