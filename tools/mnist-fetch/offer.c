/* offer.c - identifies files from a source by their contents.
 *
 * File names and compression differ between mirrors, folders, npm's package and other
 * archives, but the digest does not. So each file offered is unpacked if necessary,
 * hashed and compared with the parts wanted.
 */
#include "store.h"
#include "sha256.h"

#include "formats/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)
#define MAX_NESTING 3 /* a .gz in a zip in a tar.gz */

struct offer {
	struct cnn_store *store;
	const struct cnn_part *const *parts;
	size_t count;
	unsigned taken;
	struct cnn_error *miss;
};

/* The size beyond which a file cannot be any of the parts. */
static uint64_t largest(const struct offer *o)
{
	uint64_t most = 0;

	for (size_t i = 0; i < o->count; i++) {
		const struct cnn_part *p = o->parts[i];
		uint64_t bytes = p->raw_sha256 ? p->raw_bytes : p->bytes;

		if (bytes == 0)
			return UINT64_MAX;
		if (bytes > most)
			most = bytes;
	}
	return most;
}

/* Copies `in` to f. *digest is "" if it is larger than any part. */
static int copy(const struct offer *o, struct cnn_input *in, FILE *f,
    char digest[CNN_SHA256_TEXT], struct cnn_error *e)
{
	uint64_t most = largest(o), size = 0;
	unsigned char *buf = malloc(BLOCK);
	struct cnn_sha256 *d = NULL;
	size_t got;
	int r;

	*digest = '\0';
	if (!buf) {
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
		goto out;
	}
	if ((r = cnn_sha256_new(&d, e)) < 0)
		goto out;
	while ((r = cnn_input_some(in, buf, BLOCK, &got, e)) == CNN_OK && got > 0) {
		if ((size += got) > most)
			goto out;
		if ((r = cnn_sha256_add(d, buf, got, e)) < 0)
			goto out;
		if (fwrite(buf, 1, got, f) != got) {
			o->store->full = true;
			r = cnn_fail_errno(e, errno, "%s: can't write",
			    o->store->folder);
			goto out;
		}
	}
	if (r == CNN_OK)
		r = cnn_sha256_text(d, digest, e);
out:
	cnn_sha256_free(d);
	free(buf);
	return r;
}

/* If the copy is one of the parts, renames it to that part's name. */
static int keep(struct offer *o, const char *temporary, const char *name,
    const char *digest, struct cnn_error *e)
{
	char part_name[CNN_PART_NAME], *path;
	int r = CNN_OK;

	for (size_t i = 0; i < o->count; i++) {
		if (strcmp(digest, cnn_part_digest(o->parts[i])))
			continue;
		cnn_part_name(o->parts[i], part_name, sizeof part_name);
		if (!(path = cnn_store_path(o->store, part_name)))
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		if (rename(temporary, path) < 0) {
			o->store->full = true;
			r = cnn_fail_errno(e, errno, "%s", path);
		} else {
			o->taken |= 1u << i;
		}
		free(path);
		return r;
	}
	if (!cnn_part_is_named(o->parts[0], name))
		return CNN_OK;
	if (*digest)
		cnn_fail(o->miss, CNN_EDATA, "its SHA-256 is %s, not %s", digest,
		    cnn_part_digest(o->parts[0]));
	else
		cnn_fail(o->miss, CNN_EDATA, "it is longer than the requested file");
	return CNN_OK;
}

static int take_file(struct offer *o, struct cnn_input *in, const char *name,
    struct cnn_error *e)
{
	/* A fixed name is safe: the store is locked. */
	char *temporary = cnn_store_path(o->store, "incoming.tmp");
	char digest[CNN_SHA256_TEXT];
	FILE *f = NULL;
	int r;

	if (!temporary)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (!(f = fopen(temporary, "wxe"))) {
		unlink(temporary); /* left by a fetch that was killed */
		f = fopen(temporary, "wxe");
	}
	if (!f) {
		o->store->full = true;
		r = cnn_fail_errno(e, errno, "%s", temporary);
		goto out;
	}
	r = copy(o, in, f, digest, e);
	if (fclose(f) && r == CNN_OK) {
		o->store->full = true;
		r = cnn_fail_errno(e, errno, "%s: can't write", temporary);
	}
	if (r == CNN_OK)
		r = keep(o, temporary, name, digest, e);
	unlink(temporary); /* no longer there if it was kept */
out:
	free(temporary);
	return r;
}

/* Takes ownership of `in`. */
static int take(struct offer *o, struct cnn_input *in, const char *name, int depth,
    struct cnn_error *e)
{
	struct cnn_archive *archive;
	struct cnn_input *member;
	const char *member_name;
	struct cnn_error bad = { 0 };
	bool is_archive = false;
	int r = CNN_OK;

	/* A part that is kept as published can be an archive: do not unpack it. */
	if (o->parts[0]->raw_sha256 && depth < MAX_NESTING)
		r = cnn_archive_sniff(in, &is_archive, e);
	if (r == CNN_OK && !is_archive)
		r = take_file(o, in, name, e);
	if (r < 0 || !is_archive) {
		cnn_input_close(in);
		return r;
	}
	if ((r = cnn_archive_open(&archive, in, e)) < 0)
		return r;
	/* Names do not matter here, and are never used as paths. */
	cnn_archive_pass_over(archive);
	while (o->taken != (1u << o->count) - 1 &&
	    (r = cnn_archive_next(archive, &member_name, &member, e)) == CNN_OK) {
		bool unknown = !o->miss->code;

		r = take(o, member, *member_name ? member_name : name, depth + 1, e);
		/* A damaged member may be some other file. If the archive itself is
		 * damaged, there is no next member. */
		if (r == CNN_EDATA && *member_name) {
			bad = bad.code ? bad : *e;
			*e = (struct cnn_error){ 0 };
			continue;
		}
		if (r < 0)
			break;
		if (unknown && *member_name)
			cnn_error_prefix(o->miss, "%s", member_name);
	}
	cnn_archive_close(archive);
	if (r < 0 && bad.code)
		*e = bad;
	else if (r == CNN_END && bad.code && !o->miss->code)
		*o->miss = bad;
	return r == CNN_END ? CNN_OK : r;
}

int cnn_store_offer(struct cnn_store *s, const struct cnn_part *const *parts,
    size_t count, struct cnn_input *in, unsigned *taken, struct cnn_error *miss,
    struct cnn_error *e)
{
	struct offer o = { s, parts, count, 0, miss };
	char *name = strdup(cnn_input_name(in));
	int r;

	*taken = 0;
	if (!name) {
		cnn_input_close(in);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	r = take(&o, in, name, 0, e);
	*taken = o.taken;
	if (r == CNN_OK && o.taken == 0)
		cnn_fail(miss, CNN_EDATA, "nothing in it has the SHA-256 of %s",
		    parts[0]->file);
	free(name);
	return r;
}
