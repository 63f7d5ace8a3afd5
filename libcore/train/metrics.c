/* metrics.c - writes the table of a training run. */
#include "metrics.h"

#include "base/printable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct cnn_metrics {
	FILE *f;
	char *path;
};

/* The offset after the last line with a step <= `after`. */
static off_t kept(FILE *f, uint64_t after)
{
	char *line = NULL;
	size_t room = 0;
	off_t end = 0;

	while (getline(&line, &room, f) > 0 && strchr(line, '\n')) {
		if (end > 0 && strtoull(line, NULL, 10) > after)
			break;
		end = ftello(f);
	}
	free(line);
	return end;
}

int cnn_metrics_open(struct cnn_metrics **metrics, const char *path, uint64_t after,
    struct cnn_error *e)
{
	struct cnn_metrics *m = calloc(1, sizeof *m);
	struct stat st;
	off_t end = 0;

	*metrics = NULL;
	if (!m || !(m->path = strdup(path))) {
		free(m);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	/* Only a regular file can be truncated; a pipe gets only new lines. */
	if (after > 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    (m->f = fopen(path, "r+e"))) {
		end = kept(m->f, after);
		if (ftruncate(fileno(m->f), end) < 0 ||
		    fseeko(m->f, end, SEEK_SET) < 0) {
			fclose(m->f);
			m->f = NULL;
		}
	} else {
		m->f = fopen(path, "we");
	}
	if (!m->f) {
		cnn_fail_errno(e, errno, "%s: can't write", path);
		free(m->path);
		free(m);
		return CNN_EIO;
	}
	/* Write each line at once: a checkpoint must not be newer than the table. */
	setvbuf(m->f, NULL, _IOLBF, 0);
	if (end == 0)
		fputs(
		    "step\tepoch\tsamples\tloss\taccuracy\tlr\tval_loss\tval_accuracy\n",
		    m->f);
	*metrics = m;
	return CNN_OK;
}

int cnn_metrics_add(struct cnn_metrics *m, const struct cnn_train_status *s,
    const struct cnn_evaluation *val, struct cnn_error *e)
{
	fprintf(m->f, "%llu\t%llu\t%llu\t%.9g\t%.9g\t%.9g\t",
	    (unsigned long long)s->step, (unsigned long long)s->epoch,
	    (unsigned long long)s->samples, cnn_printable_number(s->loss), s->accuracy,
	    s->lr);
	if (val)
		fprintf(m->f, "%.9g\t%.9g\n", cnn_evaluation_loss(val),
		    cnn_evaluation_accuracy(val));
	else
		fputs("-\t-\n", m->f);
	return ferror(m->f) ? cnn_fail_errno(e, errno, "%s: can't write", m->path) :
			      CNN_OK;
}

int cnn_metrics_close(struct cnn_metrics *m, struct cnn_error *e)
{
	int r = CNN_OK, lost;

	if (!m)
		return CNN_OK;
	lost = fflush(m->f);
	lost |= fclose(m->f);
	if (lost)
		r = cnn_fail_errno(e, errno, "%s: can't write", m->path);
	free(m->path);
	free(m);
	return r;
}
