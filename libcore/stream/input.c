/* input.c - buffered inputs that can be peeked. */
#include "io.h"

#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10) /* minimum size of a read */

struct cnn_input {
	char *name;
	struct cnn_input_ops ops;
	void *ctx;
	unsigned char *buf;
	size_t start, end, size;   /* unread bytes are buf[start .. end) */
	unsigned long long offset; /* position of buf[start] in the input */
	uint64_t total;		   /* size of an input that can seek, else 0 */
	bool at_end;
};

/* --- sources ---------------------------------------------------------------------- */

struct file {
	int fd;
	off_t start; /* of a regular file: where reading began */
	uint64_t size;
};

static ssize_t file_read(void *ctx, void *buf, size_t size, struct cnn_error *e)
{
	const struct file *f = ctx;
	ssize_t n = cnn_fd_read(f->fd, buf, size);

	return n < 0 ? cnn_fail_errno(e, errno, "can't read") : n;
}

static int file_seek(void *ctx, uint64_t at, struct cnn_error *e)
{
	const struct file *f = ctx;

	return lseek(f->fd, f->start + (off_t)at, SEEK_SET) < 0 ?
	    cnn_fail_errno(e, errno, "can't seek") :
	    CNN_OK;
}

static void file_close(void *ctx)
{
	struct file *f = ctx;

	if (f->fd >= 0 && f->fd != STDIN_FILENO)
		close(f->fd);
	free(f);
}

struct memory {
	const unsigned char *data;
	size_t left;
};

static ssize_t memory_read(void *ctx, void *buf, size_t size, struct cnn_error *e)
{
	struct memory *m = ctx;

	(void)e;
	if (size > m->left)
		size = m->left;
	if (size)
		memcpy(buf, m->data, size);
	m->data += size;
	m->left -= size;
	return (ssize_t)size;
}

/* --- opening ---------------------------------------------------------------------- */

int cnn_input_wrap(struct cnn_input **in, const char *name,
    const struct cnn_input_ops *ops, void *ctx, struct cnn_error *e)
{
	struct cnn_input *new = calloc(1, sizeof *new);

	*in = NULL;
	if (new)
		new->name = strdup(name);
	if (!new || !new->name) {
		free(new);
		ops->close(ctx);
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", name);
	}
	new->ops = *ops;
	new->ctx = ctx;
	*in = new;
	return CNN_OK;
}

/* Opens path, or standard input, and checks that it can be read. */
static int file_open(struct file *f, const char *path, const char *name,
    struct cnn_error *e)
{
	struct stat st;

	f->fd = STDIN_FILENO;
	if (strcmp(path, "-") != 0 && (f->fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return cnn_fail_errno(e, errno, "%s: can't open", path);
	if (isatty(f->fd))
		return cnn_fail(e, CNN_EUSAGE,
		    "%s: is a terminal: use a file or a pipe", name);
	if (fstat(f->fd, &st) < 0)
		return cnn_fail_errno(e, errno, "%s: can't open", name);
	if (S_ISDIR(st.st_mode))
		return cnn_fail(e, CNN_EIO, "%s: is a directory", name);
	if (!cnn_fd_claim_input(f->fd))
		return cnn_fail(e, CNN_EUSAGE, "%s: is also an output", name);
	if (S_ISREG(st.st_mode) && (f->start = lseek(f->fd, 0, SEEK_CUR)) >= 0 &&
	    st.st_size > f->start)
		f->size = (uint64_t)(st.st_size - f->start);
	return CNN_OK;
}

int cnn_input_open(struct cnn_input **in, const char *path, struct cnn_error *e)
{
	static const struct cnn_input_ops ops = { file_read, file_close, file_seek };
	const char *name = strcmp(path, "-") ? path : "standard input";
	struct file *f = calloc(1, sizeof *f);
	int r;

	*in = NULL;
	if (!f)
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", name);
	if ((r = file_open(f, path, name, e)) < 0) {
		file_close(f);
		return r;
	}
	if ((r = cnn_input_wrap(in, name, &ops, f, e)) == CNN_OK)
		(*in)->total = f->size;
	return r;
}

int cnn_input_memory(struct cnn_input **in, const char *name, const void *data,
    size_t size, struct cnn_error *e)
{
	static const struct cnn_input_ops ops = { memory_read, free };
	struct memory *m = malloc(sizeof *m);

	*in = NULL;
	if (!m)
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", name);
	*m = (struct memory){ data, size };
	return cnn_input_wrap(in, name, &ops, m, e);
}

void cnn_input_close(struct cnn_input *in)
{
	if (!in)
		return;
	in->ops.close(in->ctx);
	free(in->buf);
	free(in->name);
	free(in);
}

const char *cnn_input_name(const struct cnn_input *in)
{
	return in->name;
}

unsigned long long cnn_input_offset(const struct cnn_input *in)
{
	return in->offset;
}

/* --- reading ---------------------------------------------------------------------- */

/* Makes room for at least one more byte after `end`. The buffer doubles only when it is
 * full of bytes that have arrived. */
static int make_room(struct cnn_input *in, struct cnn_error *e)
{
	unsigned char *buf;
	size_t size;

	if (in->start > 0 && in->start == in->end)
		in->start = in->end = 0;
	if (in->end < in->size)
		return CNN_OK;
	if (in->start >= in->size / 2 && in->start > 0) {
		memmove(in->buf, in->buf + in->start, in->end - in->start);
		in->end -= in->start;
		in->start = 0;
		return CNN_OK;
	}
	size = in->size ? in->size * 2 : BLOCK;
	if (size < in->size || !(buf = realloc(in->buf, size)))
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", in->name);
	in->buf = buf;
	in->size = size;
	return CNN_OK;
}

int cnn_input_peek(struct cnn_input *in, size_t want, const unsigned char **data,
    size_t *have, struct cnn_error *e)
{
	ssize_t n;
	int r;

	while (in->end - in->start < want && !in->at_end) {
		if ((r = make_room(in, e)) < 0)
			return r;
		n = in->ops.read(in->ctx, in->buf + in->end, in->size - in->end, e);
		if (n < 0) {
			cnn_error_prefix(e, "%s", in->name);
			return (int)n;
		}
		in->at_end = n == 0;
		in->end += (size_t)n;
	}
	*data = in->buf ? in->buf + in->start : (const unsigned char *)"";
	*have = in->end - in->start;
	return CNN_OK;
}

void cnn_input_skip(struct cnn_input *in, size_t n)
{
	in->start += n;
	in->offset += n;
}

uint64_t cnn_input_size(const struct cnn_input *in)
{
	return in->total;
}

int cnn_input_seek(struct cnn_input *in, uint64_t at, struct cnn_error *e)
{
	int r = in->ops.seek(in->ctx, at, e);

	if (r < 0) {
		cnn_error_prefix(e, "%s", in->name);
		return r;
	}
	in->start = in->end = 0;
	in->offset = at;
	in->at_end = false;
	return CNN_OK;
}

int cnn_input_some(struct cnn_input *in, void *buf, size_t size, size_t *got,
    struct cnn_error *e)
{
	size_t have = in->end - in->start;
	ssize_t n;

	*got = 0;
	if (have == 0 && !in->at_end && size > 0) {
		/* Nothing is buffered: bypass the buffer. */
		n = in->ops.read(in->ctx, buf, size, e);
		if (n < 0) {
			cnn_error_prefix(e, "%s", in->name);
			return (int)n;
		}
		in->at_end = n == 0;
		in->offset += (size_t)n;
		*got = (size_t)n;
		return CNN_OK;
	}
	if (have > size)
		have = size;
	if (have)
		memcpy(buf, in->buf + in->start, have);
	cnn_input_skip(in, have);
	*got = have;
	return CNN_OK;
}

int cnn_input_read(struct cnn_input *in, void *buf, size_t size, struct cnn_error *e)
{
	unsigned char *p = buf;
	size_t got;
	int r;

	for (; size > 0; p += got, size -= got) {
		if ((r = cnn_input_some(in, p, size, &got, e)) < 0)
			return r;
		if (got == 0)
			return cnn_fail(e, CNN_EDATA, "%s: truncated at byte %llu",
			    in->name, in->offset);
	}
	return CNN_OK;
}
