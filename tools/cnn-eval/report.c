/* report.c - prints an evaluation. */
#include "report.h"

#include "base/printable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Columns of the table, in characters. */
#define NAME_WIDTH 14
#define COUNT_WIDTH 6

/* Per class: the number of samples with its label, of predictions of it, and of correct
 * predictions. */
struct tally {
	uint64_t truth, predicted, both;
};

static struct tally tally_of(const struct cnn_evaluation *v, size_t class)
{
	struct tally t = { 0, 0, v->confusion[class * v->classes + class] };

	for (size_t i = 0; i < v->classes; i++) {
		t.truth += v->confusion[class * v->classes + i];
		t.predicted += v->confusion[i * v->classes + class];
	}
	return t;
}

/* The classes that are reported one by one. */
static size_t classes_of(const struct cnn_evaluation *v)
{
	return v->confusion ? v->classes : 0;
}

static double ratio(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : NAN;
}

/* Formats a number for JSON, which has no nan. */
static const char *number(double x, char buf[32])
{
	if (isfinite(x))
		snprintf(buf, 32, "%.9g", x);
	else
		strcpy(buf, "null");
	return buf;
}

/* Prints the text and at least as many blanks as make it `width` characters. */
static void print_left(FILE *f, const char *text, size_t width)
{
	size_t characters;

	cnn_utf8_fit(text, SIZE_MAX, &characters);
	fprintf(f, "%s%*s", text, (int)(characters < width ? width - characters : 0),
	    "");
}

/* Prints exactly `width` characters: blanks, and the text or its first characters. */
static void print_right(FILE *f, const char *text, size_t width)
{
	size_t characters, bytes = cnn_utf8_fit(text, width, &characters);

	fprintf(f, "%*s%.*s", (int)(width - characters), "", (int)bytes, text);
}

static void print_table(FILE *f, const struct cnn_evaluation *v,
    const struct cnn_model *m)
{
	const size_t classes = classes_of(v);
	char buf[32];

	fprintf(f, "accuracy  %.2f %% (%.9g of %llu)\n",
	    100 * cnn_evaluation_accuracy(v), v->hits, (unsigned long long)v->samples);
	if (v->has_loss)
		fprintf(f, "loss      %.5f\n", cnn_evaluation_loss(v));
	if (classes == 0)
		return;
	fprintf(f, "\n%-*s %9s %10s %8s\n", NAME_WIDTH, "class", "samples", "precision",
	    "recall");
	for (size_t c = 0; c < classes; c++) {
		struct tally t = tally_of(v, c);

		print_left(f, cnn_model_class(m, c, buf), NAME_WIDTH);
		fprintf(f, " %9llu %9.2f%% %7.2f%%\n", (unsigned long long)t.truth,
		    100 * ratio(t.both, t.predicted), 100 * ratio(t.both, t.truth));
	}
	if (classes > 24)
		return;
	fprintf(f,
	    "\nconfusion matrix (rows: true class, columns: predicted class)\n%*s",
	    NAME_WIDTH, "");
	for (size_t c = 0; c < classes; c++) {
		putc(' ', f);
		print_right(f, cnn_model_class(m, c, buf), COUNT_WIDTH);
	}
	for (size_t t = 0; t < classes; t++) {
		putc('\n', f);
		print_left(f, cnn_model_class(m, t, buf), NAME_WIDTH);
		for (size_t c = 0; c < classes; c++)
			fprintf(f, " %*llu", COUNT_WIDTH,
			    (unsigned long long)v->confusion[t * classes + c]);
	}
	putc('\n', f);
}

static void print_tsv(FILE *f, const struct cnn_evaluation *v,
    const struct cnn_model *m)
{
	const size_t classes = classes_of(v);
	char a[32], b[32];

	fprintf(f, "accuracy\t%.9g\nloss\t%.9g\nsamples\t%llu\ncorrect\t%.15g\n",
	    cnn_evaluation_accuracy(v), cnn_evaluation_loss(v),
	    (unsigned long long)v->samples, v->hits);
	for (size_t c = 0; c < classes; c++) {
		struct tally t = tally_of(v, c);
		const char *name = cnn_model_class(m, c, a);

		fprintf(f, "samples/%s\t%llu\nprecision/%s\t%.9g\nrecall/%s\t%.9g\n",
		    name, (unsigned long long)t.truth, name, ratio(t.both, t.predicted),
		    name, ratio(t.both, t.truth));
	}
	for (size_t t = 0; t < classes; t++)
		for (size_t c = 0; c < classes; c++)
			fprintf(f, "confusion/%s/%s\t%llu\n", cnn_model_class(m, t, a),
			    cnn_model_class(m, c, b),
			    (unsigned long long)v->confusion[t * classes + c]);
}

static void print_json(FILE *f, const struct cnn_evaluation *v,
    const struct cnn_model *m)
{
	const size_t classes = classes_of(v);
	char a[32], b[32], hits[32];

	fprintf(f,
	    "{\"accuracy\": %s, \"loss\": %s, \"samples\": %llu, "
	    "\"correct\": %s, \"classes\": [",
	    number(cnn_evaluation_accuracy(v), a), number(cnn_evaluation_loss(v), b),
	    (unsigned long long)v->samples, number(v->hits, hits));
	for (size_t c = 0; c < classes; c++) {
		struct tally t = tally_of(v, c);
		const char *name = cnn_model_class(m, c, a);

		fprintf(f, "%s{\"name\": ", c ? ", " : "");
		cnn_print_json_string(f, name, strlen(name));
		fprintf(f, ", \"samples\": %llu, \"precision\": %s, \"recall\": %s}",
		    (unsigned long long)t.truth, number(ratio(t.both, t.predicted), a),
		    number(ratio(t.both, t.truth), b));
	}
	fputs("], \"confusion\": [", f);
	for (size_t t = 0; t < classes; t++)
		for (size_t c = 0; c < classes; c++)
			fprintf(f, "%s%llu%s",
			    c	  ? ", " :
				t ? ", [" :
				    "[",
			    (unsigned long long)v->confusion[t * classes + c],
			    c + 1 == classes ? "]" : "");
	fputs("]}\n", f);
}

int cnn_print_evaluation(struct cnn_output *out, const struct cnn_evaluation *v,
    const struct cnn_model *m, enum cnn_print how, struct cnn_error *e)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int r;

	if (!f)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (how == CNN_PRINT_TSV)
		print_tsv(f, v, m);
	else if (how == CNN_PRINT_JSON)
		print_json(f, v, m);
	else
		print_table(f, v, m);
	r = fclose(f) ? cnn_fail(e, CNN_ENOMEM, "out of memory") :
			cnn_output_write(out, text, size, e);
	free(text);
	return r;
}
