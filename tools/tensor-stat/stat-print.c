/* stat-print.c - prints statistics for people and for programs. */
#include "stat-private.h"

#include "base/printable.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *class_name(const struct cnn_stat *s, size_t label)
{
	const struct cnn_value *classes = s->label->classes;

	if (!classes || label >= classes->as.array.count ||
	    classes->as.array.items[label]->type != CNN_STR)
		return NULL;
	return classes->as.array.items[label]->as.str.data;
}

/* The number of labels to list: up to the last that occurs or has a name. */
static size_t label_limit(const struct cnn_stat *s)
{
	size_t n = s->label_count;

	while (n && !s->labels[n - 1] && !class_name(s, n - 1))
		n--;
	return n;
}

/* Prints text from a stream, which may contain anything, escaped as in a JSON string
 * but without the quotes. */
static void print_text(FILE *out, const char *text)
{
	cnn_print_json_text(out, text, strlen(text));
}

/* A field's name as the table shows it. Returns the number of its characters. */
static size_t shown_name(const struct cnn_field *f, char name[CNN_MAX_NAME + 1])
{
	size_t characters;

	snprintf(name, CNN_MAX_NAME + 1, "%s", f->name);
	cnn_utf8_fit(cnn_printable(name, ""), SIZE_MAX, &characters);
	return characters;
}

static const char *kind_name(const struct cnn_header *h)
{
	return h->kind == CNN_MODEL ? "model" : "data";
}

/* --- for people ------------------------------------------------------------------- */

static void print_field(const struct cnn_stat *s, size_t i, size_t width, FILE *out)
{
	const struct cnn_field *f = &s->header->fields[i];
	const struct stat_field *n = &s->fields[i];
	char name[CNN_MAX_NAME + 1], shape[CNN_SHAPE_TEXT];
	size_t characters = shown_name(f, name);

	fprintf(out, "  %s%*s  %-8s  %-12s", name, (int)(width - characters), "",
	    cnn_dtype_name(f->dtype),
	    cnn_shape_text(f->rank, f->shape, shape, sizeof shape));
	if (n->count)
		fprintf(out, "  %10.6g  %10.6g  %10.6g  %10.6g", n->min, n->max,
		    stat_mean(n), stat_deviation(n));
	if (n->others)
		fprintf(out, "  %" PRIu64 " not finite", n->others);
	if (f->has_scale)
		fprintf(out, "  scale %g offset %g", f->scale, f->offset);
	putc('\n', out);
}

static void print_labels(const struct cnn_stat *s, FILE *out)
{
	size_t limit = label_limit(s);

	for (size_t i = 0; i < limit; i++) {
		const char *name = class_name(s, i);

		if (!s->labels[i] && !name)
			continue;
		fprintf(out, "  label %4zu  %10" PRIu64 "%s", i, s->labels[i],
		    name ? "  " : "");
		if (name)
			print_text(out, name);
		putc('\n', out);
	}
	if (s->label_others)
		fprintf(out, "  label  other  %" PRIu64 "\n", s->label_others);
}

static void print_history(const struct cnn_value *history, FILE *out)
{
	for (size_t i = 0; i < history->as.array.count; i++) {
		const struct cnn_value *entry = history->as.array.items[i], *options;
		const char *tool, *version = "";

		fputs("  history  ", out);
		if (!cnn_value_get_str(entry, "tool", &tool)) {
			cnn_value_print_json(out, entry);
			putc('\n', out);
			continue;
		}
		print_text(out, tool);
		cnn_value_get_str(entry, "version", &version);
		putc(' ', out);
		print_text(out, version);
		options = cnn_value_get(entry, "options");
		if (options && options->type == CNN_MAP && options->as.map.count) {
			putc(' ', out);
			cnn_value_print_json(out, options);
		}
		putc('\n', out);
	}
}

void cnn_stat_print(const struct cnn_stat *s, FILE *out, size_t segment)
{
	const struct cnn_header *h = s->header;
	char digest[17], name[CNN_MAX_NAME + 1];
	size_t width = strlen("field");

	for (size_t i = 0; i < h->field_count; i++) {
		size_t characters = shown_name(&h->fields[i], name);

		width = characters > width ? characters : width;
	}
	if (segment > 1)
		putc('\n', out);
	fprintf(out, "segment %zu: %s, %zu records", segment, kind_name(h), s->records);
	if (h->kind == CNN_DATA)
		fprintf(out, ", %zu samples", s->samples);
	fprintf(out, "\n  %-*s  %-8s  %-12s  %10s  %10s  %10s  %10s\n", (int)width,
	    "field", "type", "shape", "min", "max", "mean", "std");
	for (size_t i = 0; i < h->field_count; i++)
		print_field(s, i, width, out);
	if (s->label)
		print_labels(s, out);
	for (size_t i = 0; i < h->meta->as.map.count; i++) {
		fputs("  meta  ", out);
		cnn_value_print_json(out, h->meta->as.map.keys[i]);
		fputs(": ", out);
		cnn_value_print_json(out, h->meta->as.map.values[i]);
		putc('\n', out);
	}
	print_history(h->history, out);
	cnn_content_text(s->content, digest);
	fprintf(out, "  digest  %s\n", digest);
}

/* The number of digits that distinguishes adjacent values of the type. */
static int digits(enum cnn_dtype dtype)
{
	return dtype == CNN_F64 || cnn_dtype_is_integer(dtype) ? 17 : 9;
}

/* --- key<TAB>value ---------------------------------------------------------------- */

static void tsv_key(FILE *out, const char *field, const char *key)
{
	print_text(out, field);
	fprintf(out, ".%s\t", key);
}

static void tsv_number(FILE *out, const char *field, const char *key, double n,
    int precision)
{
	tsv_key(out, field, key);
	fprintf(out, "%.*g\n", precision, n);
}

static void tsv_field(const struct cnn_stat *s, size_t i, FILE *out)
{
	const struct cnn_field *f = &s->header->fields[i];
	const struct stat_field *n = &s->fields[i];
	char shape[CNN_SHAPE_TEXT];

	tsv_key(out, f->name, "dtype");
	fprintf(out, "%s\n", cnn_dtype_name(f->dtype));
	tsv_key(out, f->name, "shape");
	fprintf(out, "%s\n", cnn_shape_text(f->rank, f->shape, shape, sizeof shape));
	if (f->has_scale) {
		tsv_number(out, f->name, "scale", f->scale, 9);
		tsv_number(out, f->name, "offset", f->offset, 9);
	}
	if (n->count) {
		tsv_number(out, f->name, "min", n->min, digits(f->dtype));
		tsv_number(out, f->name, "max", n->max, digits(f->dtype));
		tsv_number(out, f->name, "mean", stat_mean(n), 9);
		tsv_number(out, f->name, "std", stat_deviation(n), 9);
	}
	tsv_key(out, f->name, "notfinite");
	fprintf(out, "%" PRIu64 "\n", n->others);
}

void cnn_stat_print_tsv(const struct cnn_stat *s, FILE *out, size_t segment)
{
	const struct cnn_header *h = s->header;
	size_t limit = s->label ? label_limit(s) : 0;
	char digest[17];

	cnn_content_text(s->content, digest);
	fprintf(out, "segment\t%zu\nkind\t%s\nrecords\t%zu\n", segment, kind_name(h),
	    s->records);
	if (h->kind == CNN_DATA)
		fprintf(out, "samples\t%zu\n", s->samples);
	fprintf(out, "digest\t%s\n", digest);
	for (size_t i = 0; i < h->field_count; i++)
		tsv_field(s, i, out);
	for (size_t i = 0; i < limit; i++)
		fprintf(out, "label.count.%zu\t%" PRIu64 "\n", i, s->labels[i]);
	for (size_t i = 0; i < limit; i++)
		if (class_name(s, i)) {
			fprintf(out, "label.class.%zu\t", i);
			print_text(out, class_name(s, i));
			putc('\n', out);
		}
	if (s->label)
		fprintf(out, "label.count.other\t%" PRIu64 "\n", s->label_others);
	fputs("meta\t", out);
	cnn_value_print_json(out, h->meta);
	fputs("\nhistory\t", out);
	cnn_value_print_json(out, h->history);
	putc('\n', out);
}

/* --- JSON ------------------------------------------------------------------------- */

/* JSON has no NaN and no infinity. */
static void json_number(FILE *out, const char *key, double n, int precision)
{
	fprintf(out, ",\"%s\":", key);
	if (isfinite(n))
		fprintf(out, "%.*g", precision, n);
	else
		fputs("null", out);
}

static void json_field(const struct cnn_stat *s, size_t i, FILE *out)
{
	const struct cnn_field *f = &s->header->fields[i];
	const struct stat_field *n = &s->fields[i];

	cnn_print_json_string(out, f->name, strlen(f->name));
	fprintf(out, ":{\"dtype\":\"%s\",\"shape\":[", cnn_dtype_name(f->dtype));
	for (int k = 0; k < f->rank; k++)
		fprintf(out, "%s%zu", k ? "," : "", f->shape[k]);
	putc(']', out);
	if (f->has_scale)
		fprintf(out, ",\"scale\":%.17g,\"offset\":%.17g", f->scale, f->offset);
	if (f->classes) {
		fputs(",\"classes\":", out);
		cnn_value_print_json(out, f->classes);
	}
	if (n->count) {
		json_number(out, "min", n->min, digits(f->dtype));
		json_number(out, "max", n->max, digits(f->dtype));
		json_number(out, "mean", stat_mean(n), 9);
		json_number(out, "std", stat_deviation(n), 9);
	}
	fprintf(out, ",\"notfinite\":%" PRIu64 "}", n->others);
}

void cnn_stat_print_json(const struct cnn_stat *s, FILE *out, size_t segment)
{
	const struct cnn_header *h = s->header;
	size_t limit = s->label ? label_limit(s) : 0;
	char digest[17];

	cnn_content_text(s->content, digest);
	fprintf(out, "{\"segment\":%zu,\"kind\":\"%s\",\"records\":%zu", segment,
	    kind_name(h), s->records);
	if (h->kind == CNN_DATA)
		fprintf(out, ",\"samples\":%zu", s->samples);
	fprintf(out, ",\"digest\":\"%s\",\"fields\":{", digest);
	for (size_t i = 0; i < h->field_count; i++) {
		if (i)
			putc(',', out);
		json_field(s, i, out);
	}
	putc('}', out);
	if (s->label) {
		fputs(",\"labels\":[", out);
		for (size_t i = 0; i < limit; i++)
			fprintf(out, "%s%" PRIu64, i ? "," : "", s->labels[i]);
		fprintf(out, "],\"other_labels\":%" PRIu64, s->label_others);
	}
	fputs(",\"meta\":", out);
	cnn_value_print_json(out, h->meta);
	fputs(",\"history\":", out);
	cnn_value_print_json(out, h->history);
	fputs("}\n", out);
}
