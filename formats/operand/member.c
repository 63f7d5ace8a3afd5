/* member.c - detects formats, and unpacks archives and, one level deep, archives in
 * archives. */
#include "member.h"

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
	int r = cnn_archive_sniff(*in, is_archive, e);

	if (r < 0 || !*is_archive)
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
		if (r == CNN_OK && *base_name(*name) == '.') {
			cnn_input_close(*in); /* a file manager's leftovers */
			*in = NULL;	      /* reset: the next call may fail */
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

int cnn_members_next(struct cnn_members *s, struct cnn_member *member,
    struct cnn_error *e)
{
	const char *name;
	const unsigned char *p;
	bool is_archive = true;
	size_t have;
	int r;

	*member = (struct cnn_member){ 0 };
	if (s->over)
		return CNN_END;
	while (is_archive) {
		r = next_input(s, &member->in, &name, e);
		if (r == CNN_END && s->count == 0)
			return cnn_fail(e, CNN_EDATA,
			    "%s: the archive contains no files", s->name);
		if (r != CNN_OK)
			return r;
		if ((r = try_archive(s, &member->in, &is_archive, e)) < 0)
			goto fail;
	}
	if ((r = cnn_codec_sniff(member->in, &member->codec, e)) < 0)
		goto fail;
	if (!member->codec) {
		r = cnn_input_peek(member->in, SNIFF_STREAM, &p, &have, e);
		if (r == CNN_OK && !looks_like_stream(p, have))
			r = cnn_fail(e, CNN_EDATA,
			    "%s: unknown format (not a tensor "
			    "stream, IDX, npy, PNG or an archive of these)",
			    cnn_input_name(member->in));
		if (r < 0)
			goto fail;
	} else if (member->codec == &cnn_codec_npy && s->depth &&
	    s->levels[s->depth - 1].zip) {
		npz_field(member, name);
	}
	s->count++;
	member->alone = s->over = !s->named;
	return CNN_OK;
fail:
	cnn_input_close(member->in);
	member->in = NULL;
	return r;
}
