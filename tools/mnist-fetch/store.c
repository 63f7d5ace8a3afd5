/* store.c - the cache: its folder, its lock, and files that are verified each time they
 * are used.
 *
 * Files are put in place by rename but not synced: if a crash damages one, its digest
 * does not match and it is fetched again.
 */
#include "store.h"
#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)

/* --- the folder ------------------------------------------------------------------- */

/* The base folder, and in *middle the path from it to the data sets' folders. Relative
 * values are ignored, as the XDG specification demands. */
static const char *cache_base(const char **middle)
{
	const char *base = getenv("XDG_CACHE_HOME");
	const struct passwd *user;

	*middle = "cnntools";
	if (base && *base == '/')
		return base;
	*middle = ".cache/cnntools";
	base = getenv("HOME");
	if (base && *base == '/')
		return base;
	user = getpwuid(getuid());
	return user && user->pw_dir && *user->pw_dir == '/' ? user->pw_dir : NULL;
}

int cnn_store_open(struct cnn_store *s, const char *folder, struct cnn_error *e)
{
	const char *middle, *base = cache_base(&middle);

	*s = (struct cnn_store){ .lock = -1 };
	if (base && asprintf(&s->folder, "%s/%s/%s", base, middle, folder) < 0) {
		s->folder = NULL;
		return cnn_fail(e, CNN_ENOMEM, "cache: out of memory");
	}
	return CNN_OK;
}

void cnn_store_close(struct cnn_store *s)
{
	if (s->temporary)
		cnn_remove_folder(s->folder);
	if (s->lock >= 0)
		close(s->lock);
	free(s->folder);
	*s = (struct cnn_store){ .lock = -1 };
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	remove(path);
	return 0;
}

void cnn_remove_folder(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int make_folders(const char *path, struct cnn_error *e)
{
	char *copy = strdup(path), *p = copy;
	int r = CNN_OK;

	if (!copy)
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", path);
	do {
		p = strchr(p + 1, '/');
		if (p)
			*p = '\0';
		if (mkdir(copy, 0777) < 0 && errno != EEXIST)
			r = cnn_fail_errno(e, errno, "%s: can't create the directory",
			    copy);
		if (p)
			*p = '/';
	} while (p && r == CNN_OK);
	free(copy);
	return r;
}

int cnn_store_lock(struct cnn_store *s, bool wait, struct cnn_error *e)
{
	char *path;
	int r;

	if (!s->folder)
		return cnn_fail(e, CNN_EIO, "cache: no home directory");
	if (s->lock < 0) {
		if ((r = make_folders(s->folder, e)) < 0)
			return r;
		path = cnn_store_path(s, ".lock");
		if (!path)
			return cnn_fail(e, CNN_ENOMEM, "cache: out of memory");
		s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		r = s->lock < 0 ? cnn_fail_errno(e, errno, "%s", path) : CNN_OK;
		free(path);
		if (r < 0)
			return r;
		if (access(s->folder, W_OK | X_OK) < 0)
			return cnn_fail_errno(e, errno, "%s", s->folder);
	}
	do
		r = flock(s->lock, LOCK_EX | (wait ? 0 : LOCK_NB));
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EWOULDBLOCK)
		return CNN_END;
	return r < 0 ? cnn_fail_errno(e, errno, "%s: can't lock it", s->folder) :
		       CNN_OK;
}

int cnn_store_make_temporary(struct cnn_store *s, struct cnn_error *e)
{
	const char *base = getenv("TMPDIR");
	char *folder;

	if (!base || !*base)
		base = "/tmp";
	if (asprintf(&folder, "%s/cnntools-XXXXXX", base) < 0)
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", base);
	if (!mkdtemp(folder)) {
		free(folder);
		return cnn_fail_errno(e, errno,
		    "%s: can't create a temporary directory", base);
	}
	cnn_store_close(s);
	s->folder = folder;
	s->temporary = true;
	return CNN_OK;
}

char *cnn_store_path(const struct cnn_store *s, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", s->folder, name) < 0 ? NULL : path;
}

char *cnn_store_partial(const struct cnn_store *s, const struct cnn_part *part)
{
	char name[CNN_PART_NAME + sizeof ".part"];

	snprintf(name, sizeof name, "%s.part", part->file);
	return cnn_store_path(s, name);
}

/* --- finding ---------------------------------------------------------------------- */

static ssize_t fd_read(void *ctx, void *buf, size_t size, struct cnn_error *e)
{
	ssize_t n;

	do
		n = read(*(int *)ctx, buf, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? cnn_fail_errno(e, errno, "can't read") : n;
}

static void fd_close(void *ctx)
{
	close(*(int *)ctx);
	free(ctx);
}

/* Returns CNN_END if the file is not the part. */
static int verify(int fd, const struct cnn_part *part, struct cnn_error *e)
{
	unsigned char *buf = malloc(BLOCK);
	struct cnn_sha256 *digest = NULL;
	char text[CNN_SHA256_TEXT];
	struct stat st;
	ssize_t n;
	int r;

	if (!buf) {
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
		goto out;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (part->raw_bytes && (uint64_t)st.st_size != part->raw_bytes)) {
		r = CNN_END;
		goto out;
	}
	if ((r = cnn_sha256_new(&digest, e)) < 0)
		goto out;
	while ((n = fd_read(&fd, buf, BLOCK, e)) > 0)
		if ((r = cnn_sha256_add(digest, buf, (size_t)n, e)) < 0)
			goto out;
	if (n < 0)
		r = (int)n;
	else if ((r = cnn_sha256_text(digest, text, e)) == CNN_OK)
		r = strcmp(text, cnn_part_digest(part)) ? CNN_END : CNN_OK;
out:
	cnn_sha256_free(digest);
	free(buf);
	return r;
}

int cnn_store_find(struct cnn_store *s, const struct cnn_part *part,
    struct cnn_input **in, bool *damaged, struct cnn_error *e)
{
	static const struct cnn_input_ops ops = { fd_read, fd_close };
	struct cnn_error why = { 0 };
	char name[CNN_PART_NAME], *path;
	int fd, *ctx = NULL, r;

	*damaged = false;
	if (!s->folder)
		return CNN_END;
	cnn_part_name(part, name, sizeof name);
	if (!(path = cnn_store_path(s, name)))
		return cnn_fail(e, CNN_ENOMEM, "cache: out of memory");
	/* Do not wait on FIFOs */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		/* If it cannot be opened, whatever the reason, it must be fetched. */
		free(path);
		return CNN_END;
	}
	/* A file that the disk cannot read counts as damaged. */
	r = verify(fd, part, &why);
	if (r == CNN_EIO)
		r = CNN_END;
	else if (r < 0)
		cnn_fail(e, r, "%s", why.text);
	*damaged = r == CNN_END;
	if (r == CNN_OK && lseek(fd, 0, SEEK_SET) < 0)
		r = cnn_fail_errno(e, errno, "can't seek to the start");
	if (r == CNN_OK && !(ctx = malloc(sizeof *ctx)))
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (r < 0)
		cnn_error_prefix(e, "%s", path);
	if (r == CNN_OK) {
		*ctx = fd;
		r = cnn_input_wrap(in, path, &ops, ctx, e);
	} else {
		close(fd);
	}
	free(path);
	return r;
}
