/* archive.c - reads archives and compressed files with libarchive. */
#include "archive-feed.h"
#include "compressed.h"
#include "format.h"

#include "base/printable.h"
#include "base/warning.h"

#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAR_BLOCK 512
#define MAX_7Z ((size_t)1 << 30) /* 7z needs seeking: held in memory */

/* The name of one or more members */
struct member_name {
	size_t members; /* whose turn has not come */
	char text[];
};

struct cnn_archive {
	struct archive *a;
	struct cnn_input *in;
	struct cnn_archive_feed feed;
	void *names;	   /* tsearch(3) tree of struct member_name */
	char *name;	   /* name of the last member */
	size_t number;	   /* of the last member, from 1 */
	int64_t header_at; /* unpacked bytes before the last header */
	bool in_member, passes_over;
};

/* Returns the error of the feed, if any, otherwise libarchive's, without the archive's
 * name. */
static int archive_failed(struct cnn_archive *a, struct cnn_error *e)
{
	const char *why = archive_error_string(a->a);

	if (a->feed.error.code)
		return cnn_fail(e, a->feed.error.code, "%s", a->feed.error.text);
	if (archive_errno(a->a) == ENOMEM)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	return cnn_fail(e, CNN_EDATA, "damaged archive: %s",
	    why ? why : "can't be read");
}

/* Only formats in which data are distributed. Some others (mtree, uuencode, rpm …)
 * accept text as an archive, and some filters run programs. */
static int set_formats(struct archive *a, bool by_directory)
{
	int (*const supports[])(struct archive *) = {
		archive_read_support_filter_lzip,
		archive_read_support_filter_lz4,
		archive_read_support_filter_compress,
		archive_read_support_format_tar,
		archive_read_support_format_7zip,
		archive_read_support_format_zip_streamable,
		archive_read_support_format_raw,
		archive_read_support_format_empty,
	};

	if (by_directory)
		return archive_read_support_format_zip_seekable(a);
	for (size_t i = 0; i < sizeof supports / sizeof *supports; i++)
		if (supports[i](a) < ARCHIVE_WARN)
			return ARCHIVE_FATAL;
	return ARCHIVE_OK;
}

/* libarchive converts names to the locale's character set and fails in "C". */
static locale_t begin_utf8(void)
{
	static const char *const names[] = { "C.UTF-8", "C.utf8", "en_US.UTF-8" };
	static locale_t utf8;

	for (size_t i = 0; !utf8 && i < sizeof names / sizeof *names; i++)
		utf8 = newlocale(LC_CTYPE_MASK, names[i], NULL);
	/* If a name can't be converted and errno happens to be ENOMEM, libarchive exits. */
	errno = 0;
	return utf8 ? uselocale(utf8) : NULL;
}

static void end_utf8(locale_t before)
{
	if (before)
		uselocale(before);
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

/* Opens a->a at the beginning of the input. */
static int open_reader(struct cnn_archive *a, struct cnn_error *e)
{
	static const unsigned char magic_7z[] = "7z\xbc\xaf\x27\x1c";
	const unsigned char *p;
	size_t have;
	int r;

	a->a = archive_read_new();
	if (!a->a || set_formats(a->a, a->feed.by_directory) < ARCHIVE_WARN)
		return cnn_fail(e, CNN_ENOMEM, "%s: can't initialize libarchive",
		    cnn_input_name(a->in));
	if ((r = cnn_input_peek(a->in, sizeof magic_7z - 1, &p, &have, e)) < 0)
		return r;
	if (have >= sizeof magic_7z - 1 && !memcmp(p, magic_7z, sizeof magic_7z - 1))
		r = open_7z(a, e);
	else if (cnn_archive_feed_open(&a->feed, a->a) != ARCHIVE_OK)
		r = archive_failed(a, e);
	if (r < 0)
		cnn_error_prefix(e, "%s", cnn_input_name(a->in));
	return r;
}

/* --- names ------------------------------------------------------------------------ */

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct member_name *)a)->text,
	    ((const struct member_name *)b)->text);
}

/* Returns the node of that text, new with 0 members if there was none; NULL: out of
 * memory. */
static struct member_name *name_node(struct cnn_archive *a, const char *text)
{
	struct member_name *new = calloc(1, sizeof *new + strlen(text) + 1), **node;

	if (!new)
		return NULL;
	strcpy(new->text, text);
	node = tsearch(new, &a->names, compare_names);
	if (!node || *node != new)
		free(new);
	return node ? *node : NULL;
}

/* The member's name; "" if it has none, as in a compressed file. NULL: out of memory.
 * A name that cannot be converted is replaced by the member's number. */
static char *entry_name(struct cnn_archive *a, struct archive_entry *entry)
{
	const char *name;
	char *text;

	if (archive_format(a->a) == ARCHIVE_FORMAT_RAW)
		return strdup("");
	name = archive_entry_pathname(entry);
	if (!name)
		name = archive_entry_pathname_utf8(entry);
	if (name)
		return strdup(name);
	return asprintf(&text, "member-%zu", a->number) < 0 ? NULL : text;
}

/* Counts how often each name occurs in the central directory of a zip. */
static int count_names(struct cnn_archive *a, struct cnn_error *e)
{
	struct archive_entry *entry;
	int r = open_reader(a, e), found;

	while (r == CNN_OK &&
	    (found = archive_read_next_header(a->a, &entry)) != ARCHIVE_EOF) {
		struct member_name *node;
		char *name;

		if (found < ARCHIVE_WARN) {
			r = archive_failed(a, e);
			cnn_error_prefix(e, "%s", cnn_input_name(a->in));
			break;
		}
		a->number++;
		if (archive_entry_filetype(entry) != AE_IFREG)
			continue;
		name = entry_name(a, entry);
		node = name ? name_node(a, name) : NULL;
		free(name);
		if (!node)
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		node->members++;
	}
	archive_read_free(a->a);
	a->a = NULL;
	a->number = 0;
	return r < 0 ? r : cnn_input_seek(a->in, 0, e);
}

/* Decides over members of the same name. In a zip with a directory the last one counts,
 * as for other programs: *skip is set for those before. Elsewhere later members are not
 * known, so a second one is an error. */
static int check_name(struct cnn_archive *a, bool *skip, struct cnn_error *e)
{
	struct member_name *node;

	*skip = false;
	if (!*a->name || (a->passes_over && !a->feed.by_directory))
		return CNN_OK;
	if (!(node = name_node(a, a->name)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (a->feed.by_directory) {
		*skip = node->members > 0 && --node->members > 0;
		if (*skip)
			cnn_warn("%s: %s: occurs again in the archive: the last one "
				 "counts",
			    cnn_input_name(a->in), a->name);
		return CNN_OK;
	}
	if (node->members++ > 0)
		return cnn_fail(e, CNN_EDATA,
		    "%s: two members are called %s: unpack it first",
		    cnn_input_name(a->in), a->name);
	return CNN_OK;
}

/* --- opening ---------------------------------------------------------------------- */

static int archive_open(struct cnn_archive **archive, struct cnn_input *in,
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
	if ((r = cnn_input_peek(a->in, CNN_COMPRESSED_PROBE, &p, &have, e)) < 0 ||
	    (cnn_compressed_probe(p, have) &&
		(r = cnn_compressed_wrap(&a->in, e)) < 0) ||
	    (r = cnn_archive_feed_init(&a->feed, a->in, e)) < 0 ||
	    (a->feed.by_directory && (r = count_names(a, e)) < 0) ||
	    (r = open_reader(a, e)) < 0)
		goto fail;
	*archive = a;
	return CNN_OK;
fail:
	cnn_archive_close(a);
	return r;
}

int cnn_archive_open(struct cnn_archive **archive, struct cnn_input *in,
    struct cnn_error *e)
{
	locale_t before = begin_utf8();
	int r = archive_open(archive, in, e);

	end_utf8(before);
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
	tdestroy(a->names, free);
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

	if (n < 0)
		return archive_failed(a, e);
	if (n == 0 && archive_format(a->a) == ARCHIVE_FORMAT_RAW)
		return cnn_archive_feed_at_end(&a->feed,
		    (uint64_t)archive_filter_bytes(a->a, -1), e);
	return (ssize_t)n;
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
	case ARCHIVE_FORMAT_ZIP: return cnn_archive_feed_is_cut(&a->feed);
	default: return false;
	}
}

/* Reads what follows the last member too, so that checksums are verified. */
static int drain(struct cnn_archive *a, struct cnn_error *e)
{
	int r = a->feed.by_directory ? CNN_OK : cnn_archive_feed_drain(&a->feed, e);

	if (r == CNN_OK && is_cut(a))
		r = cnn_fail(e, CNN_EDATA, "%s: truncated archive",
		    cnn_input_name(a->in));
	return r < 0 ? r : CNN_END;
}

/* "train.tgz:digits/a.png", or only the archive's name if the member has none. NULL: out
 * of memory. */
static char *message_name(const struct cnn_archive *a)
{
	char *text;

	if (asprintf(&text, "%s%s%s", cnn_input_name(a->in), *a->name ? ":" : "",
		a->name) < 0)
		return NULL;
	cnn_printable(text + strlen(cnn_input_name(a->in)), "");
	return text;
}

static int open_member(struct cnn_archive *a, struct cnn_input **member,
    struct cnn_error *e)
{
	static const struct cnn_input_ops ops = { member_read, member_close };
	char *text = message_name(a);
	int r;

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
static int refuse_link(struct cnn_archive *a, struct cnn_error *e)
{
	char *text = message_name(a);

	if (!text)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	cnn_fail(e, CNN_EDATA,
	    "%s: is a link, which is not followed (pack files with "
	    "tar --dereference --hard-dereference)",
	    text);
	free(text);
	return CNN_EDATA;
}

/* Reads the next header; CNN_END after the last. */
static int next_header(struct cnn_archive *a, struct archive_entry **entry,
    struct cnn_error *e)
{
	int r;

	if (a->in_member) /* skip the rest; damage is reported below */
		archive_read_data_skip(a->a);
	a->in_member = false;
	a->header_at = archive_filter_bytes(a->a, 0);
	switch (archive_read_next_header(a->a, entry)) {
	case ARCHIVE_OK:
	case ARCHIVE_WARN: break;
	case ARCHIVE_EOF: return drain(a, e);
	default:
		r = archive_failed(a, e);
		cnn_error_prefix(e, "%s", cnn_input_name(a->in));
		return r;
	}
	a->in_member = true;
	a->number++;
	free(a->name);
	a->name = entry_name(a, *entry);
	return a->name ? CNN_OK : cnn_fail(e, CNN_ENOMEM, "out of memory");
}

static int archive_next(struct cnn_archive *a, struct cnn_input **member,
    struct cnn_error *e)
{
	struct archive_entry *entry;
	bool skip;
	int r;

	for (;;) {
		if ((r = next_header(a, &entry, e)) != CNN_OK)
			return r;
		if (archive_entry_hardlink(entry) ||
		    archive_entry_filetype(entry) == AE_IFLNK) {
			if (a->passes_over)
				continue;
			return refuse_link(a, e);
		}
		if (archive_entry_filetype(entry) != AE_IFREG ||
		    (a->passes_over && !name_is_fair(a->name)))
			continue;
		if ((r = check_name(a, &skip, e)) < 0)
			return r;
		if (!skip)
			return open_member(a, member, e);
	}
}

int cnn_archive_next(struct cnn_archive *a, const char **name,
    struct cnn_input **member, struct cnn_error *e)
{
	locale_t before = begin_utf8();
	int r = archive_next(a, member, e);

	end_utf8(before);
	*name = a->name;
	return r;
}
