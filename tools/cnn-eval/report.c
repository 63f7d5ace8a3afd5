/* report.c - prints an evaluation. */
#include "report.h"

#include "base/printable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Columns of the table, in characters. */
#define NAME_WIDTH 14
#define COUNT_WIDTH 6

/* With more classes than this, --tsv and --json have only the entries of the confusion
 * matrix that are not zero, which are at most as many as samples. */
#define WHOLE_MATRIX 100
#define TABLE_MATRIX 24 /* the table has the matrix of at most so many classes */

/* Per class: the number of samples with its label, of predictions of it, and of correct
 * predictions. */
struct tally {
	uint64_t truth, predicted, both;
};

struct report {
	FILE *f;
	const struct cnn_evaluation *v;
	const struct cnn_model *m;
	size_t classes; /* reported one by one */
	struct tally *tallies;
};

static uint64_t entry(const struct report *r, size_t truth, size_t predicted)
{
	return r->v->confusion[truth * r->classes + predicted];
}

static void count_classes(struct report *r)
{
	for (size_t t = 0; t < r->classes; t++)
		for (size_t p = 0; p < r->classes; p++) {
			uint64_t n = entry(r, t, p);

			r->tallies[t].truth += n;
			r->tallies[p].predicted += n;
			r->tallies[t].both += t == p ? n : 0;
		}
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

static double precision(const struct tally *t)
{
	return ratio(t->both, t->predicted);
}

static double recall(const struct tally *t)
{
	return ratio(t->both, t->truth);
}

static void print_matrix(const struct report *r)
{
	char buf[32];

	fprintf(r->f,
	    "\nconfusion matrix (rows: true class, columns: predicted class)\n%*s",
	    NAME_WIDTH, "");
	for (size_t p = 0; p < r->classes; p++) {
		putc(' ', r->f);
		print_right(r->f, cnn_model_class(r->m, p, buf), COUNT_WIDTH);
	}
	for (size_t t = 0; t < r->classes; t++) {
		putc('\n', r->f);
		print_left(r->f, cnn_model_class(r->m, t, buf), NAME_WIDTH);
		for (size_t p = 0; p < r->classes; p++)
			fprintf(r->f, " %*llu", COUNT_WIDTH,
			    (unsigned long long)entry(r, t, p));
	}
	putc('\n', r->f);
}

static void print_table(const struct report *r)
{
	const struct cnn_evaluation *v = r->v;
	char buf[32];

	fprintf(r->f, "accuracy  %.2f %% (%.9g of %llu)\n",
	    100 * cnn_evaluation_accuracy(v), v->hits, (unsigned long long)v->samples);
	if (v->has_loss)
		fprintf(r->f, "loss      %.5f\n", cnn_evaluation_loss(v));
	if (r->classes == 0)
		return;
	fprintf(r->f, "\n%-*s %9s %10s %8s\n", NAME_WIDTH, "class", "samples",
	    "precision", "recall");
	for (size_t c = 0; c < r->classes; c++) {
		const struct tally *t = &r->tallies[c];

		print_left(r->f, cnn_model_class(r->m, c, buf), NAME_WIDTH);
		fprintf(r->f, " %9llu %9.2f%% %7.2f%%\n", (unsigned long long)t->truth,
		    100 * precision(t), 100 * recall(t));
	}
	if (r->classes <= TABLE_MATRIX)
		print_matrix(r);
}

/* Whether the entry is printed by --tsv. */
static bool is_listed(const struct report *r, size_t truth, size_t predicted)
{
	return r->classes <= WHOLE_MATRIX || entry(r, truth, predicted) > 0;
}

static void print_tsv(const struct report *r)
{
	const struct cnn_evaluation *v = r->v;
	char a[32], b[32];

	fprintf(r->f, "accuracy\t%.9g\nloss\t%.9g\nsamples\t%llu\ncorrect\t%.15g\n",
	    cnn_evaluation_accuracy(v), cnn_evaluation_loss(v),
	    (unsigned long long)v->samples, v->hits);
	for (size_t c = 0; c < r->classes; c++) {
		const struct tally *t = &r->tallies[c];
		const char *name = cnn_model_class(r->m, c, a);

		fprintf(r->f,
		    "samples\t%s\t%llu\nprecision\t%s\t%.9g\nrecall\t%s\t%.9g\n", name,
		    (unsigned long long)t->truth, name, precision(t), name, recall(t));
	}
	for (size_t t = 0; t < r->classes; t++)
		for (size_t p = 0; p < r->classes; p++)
			if (is_listed(r, t, p))
				fprintf(r->f, "confusion\t%s\t%s\t%llu\n",
				    cnn_model_class(r->m, t, a),
				    cnn_model_class(r->m, p, b),
				    (unsigned long long)entry(r, t, p));
}

/* Prints the class's name as the model has it: a JSON string can hold any text. */
static void print_json_name(const struct report *r, size_t class)
{
	const struct cnn_value *names = r->m->classes, *name;
	char number[32];

	if (names && class < names->as.array.count) {
		name = names->as.array.items[class];
		cnn_print_json_string(r->f, name->as.str.data, name->as.str.size);
	} else {
		fprintf(r->f, "\"%s\"", cnn_model_class(r->m, class, number));
	}
}

static void print_json_matrix(const struct report *r)
{
	fputs(", \"confusion\": [", r->f);
	for (size_t t = 0; t < r->classes; t++)
		for (size_t p = 0; p < r->classes; p++)
			fprintf(r->f, "%s%llu%s",
			    p	  ? ", " :
				t ? ", [" :
				    "[",
			    (unsigned long long)entry(r, t, p),
			    p + 1 == r->classes ? "]" : "");
	putc(']', r->f);
}

static void print_json_entries(const struct report *r)
{
	const char *separator = "";

	fputs(", \"confusion_entries\": [", r->f);
	for (size_t t = 0; t < r->classes; t++)
		for (size_t p = 0; p < r->classes; p++) {
			if (entry(r, t, p) == 0)
				continue;
			fprintf(r->f, "%s[%zu, %zu, %llu]", separator, t, p,
			    (unsigned long long)entry(r, t, p));
			separator = ", ";
		}
	putc(']', r->f);
}

static void print_json(const struct report *r)
{
	const struct cnn_evaluation *v = r->v;
	char a[32], b[32], hits[32];

	fprintf(r->f,
	    "{\"accuracy\": %s, \"loss\": %s, \"samples\": %llu, "
	    "\"correct\": %s, \"classes\": [",
	    number(cnn_evaluation_accuracy(v), a), number(cnn_evaluation_loss(v), b),
	    (unsigned long long)v->samples, number(v->hits, hits));
	for (size_t c = 0; c < r->classes; c++) {
		const struct tally *t = &r->tallies[c];

		fprintf(r->f, "%s{\"name\": ", c ? ", " : "");
		print_json_name(r, c);
		fprintf(r->f, ", \"samples\": %llu, \"precision\": %s, \"recall\": %s}",
		    (unsigned long long)t->truth, number(precision(t), a),
		    number(recall(t), b));
	}
	putc(']', r->f);
	if (r->classes <= WHOLE_MATRIX)
		print_json_matrix(r);
	else
		print_json_entries(r);
	fputs("}\n", r->f);
}

int cnn_print_evaluation(struct cnn_output *out, const struct cnn_evaluation *v,
    const struct cnn_model *m, enum cnn_print how, struct cnn_error *e)
{
	struct report report = { .v = v, .m = m };
	char *text = NULL;
	size_t size = 0;
	int r;

	report.classes = v->confusion ? v->classes : 0;
	report.tallies = calloc(report.classes + 1, sizeof *report.tallies);
	if (!report.tallies || !(report.f = open_memstream(&text, &size))) {
		free(report.tallies);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	count_classes(&report);
	if (how == CNN_PRINT_TSV)
		print_tsv(&report);
	else if (how == CNN_PRINT_JSON)
		print_json(&report);
	else
		print_table(&report);
	r = fclose(report.f) ? cnn_fail(e, CNN_ENOMEM, "out of memory") :
			       cnn_output_write(out, text, size, e);
	free(text);
	free(report.tallies);
	return r;
}
