/* metrics.c - writes the table of a training run. */
#include "metrics.h"

#include "base/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)64 << 10)
#define LINE ((size_t)512) /* bytes; more than a line of the table has */
#define TABS 6		   /* before the columns of the validation */
#define NONE "-\t-\n"	   /* these columns without a validation */

struct cnn_metrics {
	FILE *f;
	char *path;
	bool waits; /* the last line ends before the columns of the validation */
};

/* --- the end of an existing table ------------------------------------------------- */

struct table {
	const char *path;
	int fd;
	off_t size;
	uint64_t after;
	off_t end;  /* of what is kept */
	bool waits; /* its last line ends before the columns of the validation */
	bool bare;  /* or has "-" there */
	bool cut;   /* the file does not end with a newline */
};

static int read_at(const struct table *t, char *buf, size_t size, off_t from,
    struct cnn_error *e)
{
	ssize_t n = pread(t->fd, buf, size, from);

	if (n < 0)
		return cnn_fail_errno(e, errno, "%s: can't read", t->path);
	return (size_t)n == size ?
	    CNN_OK :
	    cnn_fail(e, CNN_EIO, "%s: changed while being read", t->path);
}

/* The number at the start of a line; 0 if there is none, as in the line of names. */
static uint64_t step_of(const char *line)
{
	return *line >= '0' && *line <= '9' ? strtoull(line, NULL, 10) : 0;
}

/* Whether a line without a newline has all columns before those of the validation. */
static bool is_first_part(const char *line, size_t size)
{
	size_t tabs = 0;

	for (size_t i = 0; i < size; i++)
		tabs += line[i] == '\t';
	return tabs == TABS && line[size - 1] == '\t';
}

/* Whether the line of `size` bytes that ends at `end` is kept. At least LINE bytes of
 * it can be read, or all of it. */
static bool keeps(struct table *t, const char *line, size_t size, off_t end)
{
	const size_t none = strlen(NONE);
	const uint64_t step = step_of(line);

	t->end = end;
	if (end == t->size && t->cut)
		return t->waits = size <= LINE && step == t->after &&
		    is_first_part(line, size);
	t->bare = step == t->after && size > none && size <= LINE &&
	    memcmp(line + size - none, NONE, none) == 0;
	return step <= t->after;
}

/* Finds the last line with a step <= t->after. The steps increase, and a resume is
 * usually near the end, so this reads backwards. */
static int find_end(struct table *t, char *buf, struct cnn_error *e)
{
	off_t end = t->size, from = t->size;
	char last = '\n';
	int r = CNN_OK;

	if (t->size > 0)
		r = read_at(t, &last, 1, t->size - 1, e);
	t->cut = last != '\n';
	while (r == CNN_OK && from > 0) {
		size_t block = (uint64_t)from < BLOCK ? (size_t)from : BLOCK;
		size_t size = block + LINE;

		from -= (off_t)block;
		if (t->size - from < (off_t)size)
			size = (size_t)(t->size - from);
		if ((r = read_at(t, buf, size, from, e)) < 0)
			break;
		buf[size] = '\0';
		for (size_t i = block + 1; i-- > 0;) {
			const off_t at = from + (off_t)i;

			if (at > 0 && (i == 0 || buf[i - 1] != '\n'))
				continue;
			if (at < end && keeps(t, buf + i, (size_t)(end - at), end))
				return CNN_OK;
			end = at;
		}
	}
	t->end = 0;
	return r;
}

/* Truncates the table after the line of step `after`, or after the first part of that
 * line if it waits for a validation. */
static int truncate_table(struct cnn_metrics *m, uint64_t after, bool validates,
    off_t *end, struct cnn_error *e)
{
	struct table t = { .path = m->path, .fd = fileno(m->f), .after = after };
	char *buf = malloc(BLOCK + LINE + 1);
	struct stat st;
	int r = CNN_OK;

	if (!buf)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (fstat(t.fd, &st) < 0)
		r = cnn_fail_errno(e, errno, "%s: can't read", m->path);
	t.size = r < 0 ? 0 : st.st_size;
	if (r == CNN_OK)
		r = find_end(&t, buf, e);
	free(buf);
	if (r < 0)
		return r;
	if (t.bare && validates) {
		t.end -= (off_t)strlen(NONE);
		t.waits = true;
	}
	*end = t.end;
	if (ftruncate(t.fd, t.end) < 0 || fseeko(m->f, t.end, SEEK_SET) < 0)
		return cnn_fail_errno(e, errno, "%s: can't write", m->path);
	m->waits = t.waits;
	if (t.waits && !validates) {
		m->waits = false;
		fputs(NONE, m->f);
	}
	return CNN_OK;
}

/* --- opening ---------------------------------------------------------------------- */

/* Opens and locks the file, and empties it unless this is a resume. */
static int open_file(struct cnn_metrics *m, bool resumes, struct cnn_error *e)
{
	struct stat st;
	bool regular = stat(m->path, &st) < 0 || S_ISREG(st.st_mode);
	int flags = regular && resumes ? O_RDWR : O_WRONLY;
	int fd = open(m->path, flags | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		return cnn_fail_errno(e, errno, "%s: can't write", m->path);
	/* Not every file system has locks; without them, nothing is noticed. */
	if (regular && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		close(fd);
		return cnn_fail(e, CNN_EIO,
		    "%s: another run is writing its metrics to this file", m->path);
	}
	if ((regular && !resumes && ftruncate(fd, 0) < 0) ||
	    !(m->f = fdopen(fd, resumes && regular ? "r+" : "w"))) {
		cnn_fail_errno(e, errno, "%s: can't write", m->path);
		close(fd);
		return CNN_EIO;
	}
	/* Write each line at once: a checkpoint must not be newer than the table. */
	setvbuf(m->f, NULL, _IOLBF, 0);
	return CNN_OK;
}

int cnn_metrics_open(struct cnn_metrics **metrics, const char *path, uint64_t after,
    bool validates, struct cnn_error *e)
{
	struct cnn_metrics *m = calloc(1, sizeof *m);
	off_t end = 0;
	struct stat st;
	int r;

	*metrics = NULL;
	if (!m || !(m->path = strdup(path))) {
		free(m);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	/* Only a regular file can be truncated; a pipe gets only new lines. */
	if ((r = open_file(m, after > 0, e)) == CNN_OK && after > 0 &&
	    fstat(fileno(m->f), &st) == 0 && S_ISREG(st.st_mode))
		r = truncate_table(m, after, validates, &end, e);
	if (r < 0) {
		cnn_metrics_close(m, e);
		return r;
	}
	if (end == 0)
		fputs(
		    "step\tepoch\tsamples\tloss\taccuracy\tlr\tval_loss\tval_accuracy\n",
		    m->f);
	*metrics = m;
	return CNN_OK;
}

bool cnn_metrics_waits(const struct cnn_metrics *m)
{
	return m->waits;
}

/* --- lines ------------------------------------------------------------------------ */

static int flush(struct cnn_metrics *m, struct cnn_error *e)
{
	return fflush(m->f) || ferror(m->f) ?
	    cnn_fail_errno(e, errno, "%s: can't write", m->path) :
	    CNN_OK;
}

int cnn_metrics_add(struct cnn_metrics *m, const struct cnn_train_status *s,
    bool validates, struct cnn_error *e)
{
	fprintf(m->f, "%llu\t%llu\t%llu\t%.9g\t%.9g\t%.9g\t",
	    (unsigned long long)s->step, (unsigned long long)s->epoch,
	    (unsigned long long)s->samples, cnn_printable_number(s->loss), s->accuracy,
	    s->lr);
	m->waits = validates;
	if (!validates)
		fputs(NONE, m->f);
	return flush(m, e);
}

int cnn_metrics_validated(struct cnn_metrics *m, const struct cnn_evaluation *val,
    struct cnn_error *e)
{
	m->waits = false;
	fprintf(m->f, "%.9g\t%.9g\n", cnn_evaluation_loss(val),
	    cnn_evaluation_accuracy(val));
	return flush(m, e);
}

int cnn_metrics_close(struct cnn_metrics *m, struct cnn_error *e)
{
	int r = CNN_OK, lost;

	if (!m)
		return CNN_OK;
	if (m->f) {
		if (m->waits)
			fputs(NONE, m->f);
		lost = fflush(m->f);
		lost |= fclose(m->f);
		if (lost)
			r = cnn_fail_errno(e, errno, "%s: can't write", m->path);
	}
	free(m->path);
	free(m);
	return r;
}
