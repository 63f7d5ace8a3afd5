/* test-metrics.c - the table of a training run: cut where a resume begins, wherever
 * that is; completed by a validation; of one run at a time. */
#include "says.h"
#include "tap.h"

#include "train/metrics.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES "step\tepoch\tsamples\tloss\taccuracy\tlr\tval_loss\tval_accuracy\n"
#define STEPS 4000 /* some blocks of the reader */

static char path[] = "/tmp/test-metrics-XXXXXX";

/* The line of a step. The lengths differ. An epoch has four steps. */
static int line(char *text, unsigned step)
{
	return sprintf(text, "%u\t%u\t%d\t%.*f\t0.5\t0.001\t%s\n", step, step / 4, 16,
	    (int)(step % 40), 1.0 / step, step % 4 ? "-\t-" : "2.5\t0.25");
}

/* A table up to a step, as text that the caller frees. */
static char *table(unsigned steps, size_t *size)
{
	char *text = malloc(sizeof NAMES + (size_t)steps * 128);
	size_t n = (size_t)sprintf(text, NAMES);

	for (unsigned i = 1; i <= steps; i++)
		n += (size_t)line(text + n, i);
	*size = n;
	return text;
}

static void put(const void *data, size_t size)
{
	FILE *f = fopen(path, "w");

	if (f) {
		fwrite(data, 1, size, f);
		fclose(f);
	}
}

static bool is(const void *data, size_t size)
{
	FILE *f = fopen(path, "r");
	char *got = malloc(size + 2);
	size_t n = f ? fread(got, 1, size + 2, f) : 0;
	bool same = n == size && memcmp(got, data, size) == 0;

	free(got);
	if (f)
		fclose(f);
	return same;
}

/* Opens and closes the table as a resume after that step does. */
static bool resume(uint64_t after, bool validates)
{
	struct cnn_error e = { 0 };
	struct cnn_metrics *m;

	return cnn_metrics_open(&m, path, after, validates, &e) == CNN_OK &&
	    cnn_metrics_waits(m) == false && cnn_metrics_close(m, &e) == CNN_OK;
}

static void test_resume(void)
{
	size_t size, want_size;
	char *all = table(STEPS, &size), *want;
	bool good = true, torn = true;

	for (unsigned after = 1; after <= STEPS + 1; after += after < 64 ? 1 : 7) {
		want = table(after < STEPS ? after : STEPS, &want_size);
		put(all, size);
		good = good && resume(after, false) && is(want, want_size);
		put(all, size - 3);
		if (after >= STEPS) { /* the last line was torn */
			free(want);
			want = table(STEPS - 1, &want_size);
		}
		torn = torn && resume(after, false) && is(want, want_size);
		free(want);
	}
	ok(good, "the lines after the checkpoint go, wherever it is");
	ok(torn, "and so does a last line that is not whole");
	put(NAMES, strlen(NAMES));
	ok(resume(5, false) && is(NAMES, strlen(NAMES)), "of a table without lines");
	put(NAMES, 9);
	ok(resume(5, false) && is(NAMES, strlen(NAMES)), "of names that are torn");
	put("", 0);
	ok(resume(5, false) && is(NAMES, strlen(NAMES)), "of an empty file");
	free(all);
}

/* What is far before the checkpoint is not read: it is 64 GiB. */
static void test_backwards(void)
{
	const off_t far = (off_t)64 << 30;
	struct stat st;
	char text[256];
	int n, fd;

	put(NAMES, strlen(NAMES));
	if (truncate(path, far) < 0)
		return skip("a table of 64 GiB", "the file system has no such files");
	n = sprintf(text, "\n8\t1\t16\t0.5\t0.5\t0.001\t-\t-\n");
	fd = open(path, O_WRONLY | O_APPEND);
	ok(write(fd, text, (size_t)n) == n && write(fd, "9\t1\n", 4) == 4 &&
		resume(8, false) && stat(path, &st) == 0 && st.st_size == far + n,
	    "a table of 64 GiB is read from its end");
	close(fd);
	put("", 0);
}

/* Resumes after the step with a validation, and gives its values. */
static bool validated(uint64_t after)
{
	const struct cnn_evaluation v = { .samples = 4,
		.hits = 1,
		.loss_sum = 10,
		.has_loss = true };
	struct cnn_error e = { 0 };
	struct cnn_metrics *m;
	bool good = cnn_metrics_open(&m, path, after, true, &e) == CNN_OK &&
	    cnn_metrics_waits(m) && cnn_metrics_validated(m, &v, &e) == CNN_OK &&
	    !cnn_metrics_waits(m);

	return cnn_metrics_close(m, &e) == CNN_OK && good;
}

static void test_validation(void)
{
	const struct cnn_train_status s = { .step = 4,
		.epoch = 1,
		.samples = 16,
		.loss = 0.25,
		.accuracy = 0.5,
		.lr = 0.001 };
	const char *part = "4\t1\t16\t0.25\t0.5\t0.001\t";
	struct cnn_error e = { 0 };
	struct cnn_metrics *m;
	char text[1024], want[1024];

	sprintf(want, NAMES "%s2.5\t0.25\n", part);
	unlink(path);
	cnn_metrics_open(&m, path, 0, true, &e);
	cnn_metrics_add(m, &s, true, &e);
	sprintf(text, NAMES "%s", part);
	ok(cnn_metrics_waits(m) && is(text, strlen(text)),
	    "before the validation the file has the first part of the line");
	cnn_metrics_close(m, &e);
	sprintf(text, NAMES "%s-\t-\n", part);
	ok(is(text, strlen(text)), "without it the line is whole at the end");
	ok(validated(4) && is(want, strlen(want)), "a resume validates after it");
	ok(resume(4, true) && is(want, strlen(want)), "and the next one does not");
	sprintf(text, NAMES "%s", part);
	put(text, strlen(text));
	ok(validated(4) && is(want, strlen(want)), "killed between the parts");
	put(text, strlen(text));
	sprintf(want, NAMES "%s-\t-\n", part);
	ok(resume(4, false) && is(want, strlen(want)),
	    "killed between them, and resumed without a validation");
	put(text, strlen(text));
	ok(resume(3, true) && is(NAMES, strlen(NAMES)),
	    "the first part of a line after the checkpoint goes");
	put(text, strlen(text) - 1);
	ok(resume(4, false) && is(NAMES, strlen(NAMES)), "and one that is not whole");
}

static void test_two(void)
{
	struct cnn_error e = { 0 };
	struct cnn_metrics *m, *second;

	put(NAMES "x\n", strlen(NAMES) + 2);
	cnn_metrics_open(&m, path, 7, false, &e);
	for (uint64_t after = 0; after < 14; after += 7) {
		e = (struct cnn_error){ 0 };
		cnn_metrics_open(&second, path, after, false, &e);
		ok(!second && says(&e, CNN_EIO, path) &&
			says(&e, CNN_EIO, "another run") &&
			is(NAMES "x\n", strlen(NAMES) + 2),
		    "a second run is refused, and changes nothing");
	}
	e = (struct cnn_error){ 0 };
	cnn_metrics_close(m, &e);
	ok(resume(0, false), "the file is free after the first");
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	test_resume();
	test_backwards();
	test_validation();
	test_two();
	unlink(path);
	return done();
}
