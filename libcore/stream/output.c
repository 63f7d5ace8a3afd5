/* output.c - outputs that appear complete or not at all. */
#include "interrupt-private.h"

#include "descriptor.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER ((size_t)64 << 10) /* a good write size for a pipe */
#define MOST_LINKS 40

struct cnn_output {
	char *name;	 /* "standard output", or the path as given */
	char *path;	 /* the final file, with links followed */
	char *temporary; /* the path being written; NULL: in place */
	int fd;
	struct cnn_error early;	 /* of a flush before a wait; kept for the next write */
	struct cnn_output *next; /* in `live` */
	size_t used;
	unsigned char buf[BUFFER];
};

/* Outputs that are written in place, so somebody may be waiting for their bytes */
static struct cnn_output *live;

/* PATH.XXXXXX, with as much of a long name as leaves room for the suffix. NULL: out of
 * memory. */
static char *temporary_name(const char *path)
{
	static const char suffix[] = ".XXXXXX";
	const char *slash = strrchr(path, '/');
	size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
	size_t most = folder + NAME_MAX - strlen(suffix);
	char *name;

	return asprintf(&name, "%.*s%s", (int)(most < INT_MAX ? most : INT_MAX), path,
		   suffix) < 0 ?
	    NULL :
	    name;
}

/* Creates PATH.XXXXXX beside the file, with the mode of the file that it will replace
 * or, if there is none, of a new file. A rename would also replace a file that must not
 * be written, so that is refused here. */
static int open_temporary(struct cnn_output *out, struct cnn_error *e)
{
	mode_t mask = umask(0), mode;
	sigset_t signals;
	struct stat st;
	int err = 0;

	umask(mask);
	mode = 0666 & ~mask;
	if (stat(out->path, &st) == 0) {
		mode = st.st_mode & 0777;
		if (faccessat(AT_FDCWD, out->path, W_OK, AT_EACCESS) < 0)
			return cnn_fail_errno(e, errno, "%s: can't write", out->name);
	} else if (errno == ENAMETOOLONG) {
		return cnn_fail_errno(e, errno, "%s: can't open", out->name);
	}
	if (!(out->temporary = temporary_name(out->path)))
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", out->name);
	cnn_signals_block(&signals);
	out->fd = mkostemp(out->temporary, O_CLOEXEC);
	if (out->fd < 0)
		err = errno;
	else if (!cnn_temporary_add(out->temporary)) {
		unlink(out->temporary);
		close(out->fd);
		out->fd = -1;
		err = EMFILE;
	}
	pthread_sigmask(SIG_SETMASK, &signals, NULL);
	if (err) {
		free(out->temporary);
		out->temporary = NULL;
		return cnn_fail_errno(e, err,
		    "%s: can't create a temporary file beside it", out->name);
	}
	fchmod(out->fd, mode);
	return CNN_OK;
}

/* The descriptor that a path like /dev/fd/3 names; -1 for any other path. */
static int descriptor(const char *path)
{
	static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		size_t n = strlen(folders[i]);
		unsigned long fd;
		char *end;

		if (strncmp(path, folders[i], n) != 0 || path[n] < '0' || path[n] > '9')
			continue;
		fd = strtoul(path + n, &end, 10);
		if (*end == '\0' && fd <= INT_MAX)
			return (int)fd;
	}
	return -1;
}

/* Follows symbolic links to the file to create or replace, which need not exist: the
 * link itself stays, as with a shell's >. The chain may end at one of our descriptors,
 * as with /dev/stdout; *fd is then that descriptor. Returns NULL on failure, with errno
 * set. */
static char *follow(const char *path, int *fd)
{
	char *at = strdup(path), target[PATH_MAX];

	for (int i = 0; at && (*fd = descriptor(at)) < 0; i++) {
		ssize_t n = readlink(at, target, sizeof target - 1);
		const char *slash = strrchr(at, '/');
		char *next;

		if (n < 0)
			break;
		target[n] = '\0';
		if (i == MOST_LINKS) {
			errno = ELOOP;
			next = NULL;
		} else if (asprintf(&next, "%.*s%s",
			       *target == '/' || !slash ? 0 : (int)(slash + 1 - at), at,
			       target) < 0) {
			next = NULL;
		}
		free(at);
		at = next;
	}
	return at;
}

static int write_all(struct cnn_output *, const void *, size_t, struct cnn_error *);

static int flush(struct cnn_output *out, struct cnn_error *e)
{
	size_t used = out->used;

	out->used = 0;
	if (out->early.code) {
		if (e->code == CNN_OK)
			*e = out->early;
		return e->code;
	}
	return write_all(out, out->buf, used, e);
}

/* Passes on what has been written so far, before the program waits for input. */
static void flush_live(void)
{
	for (struct cnn_output *out = live; out; out = out->next)
		if (out->used > 0)
			flush(out, &out->early);
}

/* Prepares to write in place. */
static int go_live(struct cnn_output *out, struct cnn_error *e)
{
	if (!cnn_fd_claim_output(out->fd))
		return cnn_fail(e, CNN_EUSAGE, "%s: is also an input", out->name);
	out->next = live;
	live = out;
	cnn_fd_on_wait(flush_live);
	return CNN_OK;
}

int cnn_output_open(struct cnn_output **output, const char *path, bool binary,
    struct cnn_error *e)
{
	struct cnn_output *out = calloc(1, sizeof *out);
	int r = CNN_OK, fd = -1;
	struct stat st;

	*output = NULL;
	if (!out)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	out->fd = -1;
	if (!path || strcmp(path, "-") == 0)
		fd = STDOUT_FILENO;
	else if (*path == '\0')
		r = cnn_fail(e, CNN_EUSAGE, "the output's file name is empty");
	else if (!(out->path = follow(path, &fd)))
		r = cnn_fail_errno(e, errno, "%s: can't open", path);
	if (r == CNN_OK &&
	    !(out->name = strdup(fd == STDOUT_FILENO ? "standard output" : path)))
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (r < 0) {
		cnn_output_abort(out);
		return r;
	}
	if (fd == STDOUT_FILENO) {
		out->fd = STDOUT_FILENO;
		if (binary && isatty(out->fd))
			r = cnn_fail(e, CNN_EUSAGE,
			    "standard output: is a terminal: "
			    "write binary data to a file or a pipe (or use -o FILE)");
	} else if (fd >= 0) {
		if ((out->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0)
			r = cnn_fail_errno(e, errno, "%s: can't open", path);
	} else if (stat(out->path, &st) == 0 && !S_ISREG(st.st_mode)) {
		/* /dev/full or a FIFO: there is nothing to rename. */
		if (S_ISDIR(st.st_mode))
			r = cnn_fail(e, CNN_EIO, "%s: is a directory", path);
		else if ((out->fd = open(out->path, O_WRONLY | O_CLOEXEC)) < 0)
			r = cnn_fail_errno(e, errno, "%s: can't open", path);
	} else {
		r = open_temporary(out, e);
	}
	if (r == CNN_OK && !out->temporary)
		r = go_live(out, e);
	if (r < 0) {
		cnn_output_abort(out);
		return r;
	}
	*output = out;
	return CNN_OK;
}

int cnn_output_check(const char *path, bool binary, struct cnn_error *e)
{
	struct cnn_output *out;
	struct stat st;
	int r;

	/* Do not open a FIFO: its reader would mistake us for the writer. */
	if (path && strcmp(path, "-") != 0 && stat(path, &st) == 0 &&
	    !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return CNN_OK;
	if ((r = cnn_output_open(&out, path, binary, e)) == CNN_OK)
		cnn_output_abort(out);
	return r;
}

static int write_all(struct cnn_output *out, const void *data, size_t size,
    struct cnn_error *e)
{
	const unsigned char *p = data;
	ssize_t n;

	while (size > 0) {
		if ((n = cnn_fd_write(out->fd, p, size)) < 0)
			return cnn_fail_errno(e, errno, "%s: can't write", out->name);
		p += n;
		size -= (size_t)n;
	}
	return CNN_OK;
}

int cnn_output_write(struct cnn_output *out, const void *data, size_t size,
    struct cnn_error *e)
{
	int r;

	if (size > BUFFER - out->used && (r = flush(out, e)) < 0)
		return r;
	if (size >= BUFFER)
		return write_all(out, data, size, e);
	if (size > 0)
		memcpy(out->buf + out->used, data, size);
	out->used += size;
	return CNN_OK;
}

int cnn_output_printf(struct cnn_output *out, struct cnn_error *e, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", out->name);
	r = cnn_output_write(out, text, (size_t)n, e);
	free(text);
	return r;
}

/* The rename is durable only once the folder is on disk too. Not every file system can
 * sync a folder; those that cannot (EINVAL) do not need it. */
static int sync_folder(const char *folder, const char *path, struct cnn_error *e)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = CNN_OK;

	if (fd >= 0) {
		if (fsync(fd) < 0 && errno != EINVAL)
			r = cnn_fail_errno(e, errno, "%s: can't sync its directory",
			    path);
		close(fd);
	}
	return r;
}

int cnn_output_commit(struct cnn_output *out, struct cnn_error *e)
{
	int r = flush(out, e);
	int fd = out->fd;

	if (r == CNN_OK && out->temporary && fsync(fd) < 0)
		r = cnn_fail_errno(e, errno, "%s: can't sync", out->name);
	/* close() is the last point where a network file system can report an error. */
	if (r == CNN_OK) {
		out->fd = -1;
		if (close(fd) < 0 && errno != EINTR)
			r = cnn_fail_errno(e, errno, "%s: can't write", out->name);
	}
	if (r == CNN_OK && out->temporary) {
		if (rename(out->temporary, out->path) < 0) {
			r = cnn_fail_errno(e, errno,
			    "%s: can't rename the temporary file to it", out->name);
		} else {
			cnn_temporary_remove(out->temporary);
			/* The name is no longer in use: dirname() may modify it. */
			r = sync_folder(dirname(out->temporary), out->name, e);
			free(out->temporary);
			out->temporary = NULL;
		}
	}
	cnn_output_abort(out);
	return r;
}

void cnn_output_abort(struct cnn_output *out)
{
	if (!out)
		return;
	for (struct cnn_output **p = &live; *p; p = &(*p)->next)
		if (*p == out) {
			*p = out->next;
			break;
		}
	if (out->fd >= 0 && out->fd != STDOUT_FILENO)
		close(out->fd);
	if (out->temporary) {
		unlink(out->temporary);
		cnn_temporary_remove(out->temporary);
	}
	free(out->temporary);
	free(out->path);
	free(out->name);
	free(out);
}

const char *cnn_output_name(const struct cnn_output *out)
{
	return out->name;
}
