/* member.c - detects formats, and unpacks archives and, one level deep, archives in
 * archives. */
#include "member.h"

#include "base/warning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 2	/* such as labels.gz in train.tgz */
#define SNIFF_STREAM 24 /* a map's head and its first key */

struct level {
	struct cnn_archive *archive;
	bool zip;
};

struct cnn_members {
	char *name;
	struct cnn_input *root;		/* the input, until its format is known */
	const struct cnn_input *bottom; /* the input; borrowed */
	struct level levels[MAX_DEPTH];
	int depth;
	bool named; /* an archive had named members */
	bool over;
	size_t count;
	size_t strangers; /* members of other formats, which are passed over */
	char *stranger;	  /* the first of them */
};

int cnn_members_open(struct cnn_members **members, const char *path,
    struct cnn_error *e)
{
	struct cnn_members *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", path);
	r = cnn_input_open(&s->root, path, e);
	if (r == CNN_OK && !(s->name = strdup(cnn_input_name(s->root))))
		r = cnn_fail(e, CNN_ENOMEM, "%s: out of memory", path);
	if (r < 0) {
		cnn_members_close(s);
		return r;
	}
	s->bottom = s->root;
	*members = s;
	return CNN_OK;
}

void cnn_members_close(struct cnn_members *s)
{
	if (!s)
		return;
	while (s->depth)
		cnn_archive_close(s->levels[--s->depth].archive);
	cnn_input_close(s->root);
	free(s->name);
	free(s->stranger);
	free(s);
}

unsigned long long cnn_members_consumed(const struct cnn_members *s)
{
	return cnn_input_offset(s->bottom);
}

/* Whether this is a map whose first key is "tensor-stream", in any of its MessagePack
 * encodings. Empty input counts as a stream too, because the stream reader has the
 * right message for it. */
static bool looks_like_stream(const unsigned char *p, size_t have)
{
	if (have > SNIFF_STREAM)
		have = SNIFF_STREAM;
	return have == 0 ||
	    (((*p & 0xf0) == 0x80 || *p == 0xde || *p == 0xdf) &&
		memmem(p, have, "tensor-stream", 13));
}

static const char *base_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

/* Sets the field to "image" for "data/image.npy". */
static void npz_field(struct cnn_member *member, const char *path)
{
	const char *base = base_name(path);
	size_t n = strlen(base);

	if (n > 4 && !strcmp(base + n - 4, ".npy") && n - 4 < sizeof member->field) {
		memcpy(member->field, base, n - 4);
		member->field[n - 4] = 0;
	}
}

/* Takes ownership of the input if it is an archive. */
static int try_archive(struct cnn_members *s, struct cnn_input **in, bool *is_archive,
    struct cnn_error *e)
{
	struct level *level = &s->levels[s->depth];
	const unsigned char *p;
	size_t have;
	int r = cnn_input_peek(*in, SNIFF_STREAM, &p, &have, e);

	/* A stream is recognised at once: its writer may wait for an answer to its first
	 * bytes, and a tar needs many. */
	*is_archive = false;
	if (r < 0 || (have > 0 && looks_like_stream(p, have)) ||
	    (r = cnn_archive_sniff(*in, is_archive, e)) < 0 || !*is_archive)
		return r;
	if (s->depth == MAX_DEPTH)
		return cnn_fail(e, CNN_EDATA,
		    "%s: archives are nested too deeply: unpack it first",
		    cnn_input_name(*in));
	if ((r = cnn_input_peek(*in, 2, &p, &have, e)) < 0)
		return r;
	level->zip = p[0] == 'P';
	r = cnn_archive_open(&level->archive, *in, e);
	*in = NULL;
	s->depth += r == CNN_OK;
	return r;
}

/* Passes over a member that another program has left in the archive. */
static int pass_over(struct cnn_members *s, struct cnn_input **in, struct cnn_error *e)
{
	if (s->strangers++ == 0 && !(s->stranger = strdup(cnn_input_name(*in))))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	cnn_input_close(*in);
	*in = NULL; /* the next call may fail */
	return CNN_OK;
}

/* Whether a file manager has made the member: its name begins with a dot, or it is in the
 * folder __MACOSX. */
static bool is_hidden(const char *name)
{
	return *base_name(name) == '.' || !strncmp(name, "__MACOSX/", 9) ||
	    strstr(name, "/__MACOSX/");
}

/* Gets the next input and its name in its archive. */
static int next_input(struct cnn_members *s, struct cnn_input **in, const char **name,
    struct cnn_error *e)
{
	int r = CNN_END;

	*name = "";
	if (s->root) {
		*in = s->root;
		s->root = NULL;
		return CNN_OK;
	}
	while (s->depth) {
		r = cnn_archive_next(s->levels[s->depth - 1].archive, name, in, e);
		if (r == CNN_OK && is_hidden(*name)) {
			if ((r = pass_over(s, in, e)) < 0)
				break;
			continue;
		}
		if (r != CNN_END)
			break;
		cnn_archive_close(s->levels[--s->depth].archive);
	}
	if (r == CNN_OK && **name)
		s->named = true;
	return r;
}

/* Gets the next input that is not an archive. */
static int next_file(struct cnn_members *s, struct cnn_input **in, const char **name,
    struct cnn_error *e)
{
	bool is_archive = true;
	int r = CNN_OK;

	while (r == CNN_OK && is_archive) {
		if ((r = next_input(s, in, name, e)) == CNN_OK)
			r = try_archive(s, in, &is_archive, e);
	}
	return r;
}

/* After the last member. */
static int at_end(const struct cnn_members *s, struct cnn_error *e)
{
	if (s->count == 0 && s->strangers == 0)
		return cnn_fail(e, CNN_EDATA, "%s: the archive contains no files",
		    s->name);
	if (s->count == 0)
		return cnn_fail(e, CNN_EDATA,
		    "%s: the archive contains no file of a known format (tensor "
		    "stream, IDX, npy, PNG): the first of %zu is %s",
		    s->name, s->strangers, s->stranger);
	if (s->strangers > 0)
		cnn_warn("%s: files of other formats in the archive were passed over: "
			 "%zu, the first is %s",
		    s->name, s->strangers, s->stranger);
	return CNN_END;
}

/* Detects the format of member->in. CNN_END: it is none that is known. */
static int detect(struct cnn_members *s, struct cnn_member *member, struct cnn_error *e)
{
	const unsigned char *p;
	size_t have;
	int r = cnn_codec_sniff(member->in, &member->codec, e);

	if (r < 0 || member->codec)
		return r;
	if ((r = cnn_input_peek(member->in, SNIFF_STREAM, &p, &have, e)) < 0)
		return r;
	if (looks_like_stream(p, have) && (have > 0 || !s->named))
		return CNN_OK;
	return s->named ? CNN_END :
			  cnn_fail(e, CNN_EDATA,
			      "%s: unknown format (not a tensor "
			      "stream, IDX, npy, PNG or an archive of these)",
			      cnn_input_name(member->in));
}

int cnn_members_next(struct cnn_members *s, struct cnn_member *member,
    struct cnn_error *e)
{
	const char *name;
	int r;

	*member = (struct cnn_member){ 0 };
	if (s->over)
		return CNN_END;
	do {
		if ((r = next_file(s, &member->in, &name, e)) == CNN_END)
			return at_end(s, e);
		if (r == CNN_OK && (r = detect(s, member, e)) == CNN_END) {
			r = pass_over(s, &member->in, e);
			continue;
		}
		break;
	} while (r == CNN_OK);
	if (r < 0) {
		cnn_input_close(member->in);
		member->in = NULL;
		return r;
	}
	if (member->codec == &cnn_codec_npy && s->depth && s->levels[s->depth - 1].zip)
		npz_field(member, name);
	s->count++;
	member->alone = s->over = !s->named;
	return CNN_OK;
}
