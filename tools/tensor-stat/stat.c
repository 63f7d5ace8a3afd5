/* stat.c - computes statistics.
 *
 * Sums add the elements one by one in order, so that record boundaries do not affect
 * any digit. The first element x0 is subtracted first, so that a large mean does not
 * cancel the digits of the variance:
 *     mean = x0 + sum(x - x0) / n
 *     variance = sum((x - x0)^2) / n - (sum(x - x0) / n)^2
 */
#include "stat-private.h"

#include "base/printable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 1024

struct cnn_stat *cnn_stat_new(const struct cnn_header *header)
{
	struct cnn_stat *s = calloc(1, sizeof *s);
	const struct cnn_field *f = cnn_header_find(header, "label");

	if (!s)
		return NULL;
	s->header = header;
	s->content = cnn_content_new(header);
	s->fields = calloc(header->field_count + 1, sizeof *s->fields);
	if (header->kind == CNN_DATA && f && f->rank == 0 &&
	    cnn_dtype_is_integer(f->dtype))
		s->label = f;
	if (!s->content || !s->fields) {
		cnn_stat_free(s);
		return NULL;
	}
	return s;
}

void cnn_stat_free(struct cnn_stat *s)
{
	if (!s)
		return;
	cnn_content_free(s->content);
	free(s->fields);
	free(s->labels);
	free(s);
}

double stat_mean(const struct stat_field *f)
{
	/* Sums that overflow make it infinite or NaN. */
	return cnn_printable_number(f->shift + f->sum / (double)f->count);
}

double stat_deviation(const struct stat_field *f)
{
	double mean = f->sum / (double)f->count;
	double variance = f->squares / (double)f->count - mean * mean;

	/* Rounding may make it negative; squares that overflow make it NaN. */
	return variance < 0 ? 0 : cnn_printable_number(sqrt(variance));
}

static void count_values(struct stat_field *f, const double *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double d;

		if (!isfinite(x[i])) {
			f->others++;
			continue;
		}
		if (f->count++ == 0)
			f->min = f->max = f->shift = x[i];
		d = x[i] - f->shift;
		f->sum += d;
		f->squares += d * d;
		f->min = x[i] < f->min ? x[i] : f->min;
		f->max = x[i] > f->max ? x[i] : f->max;
	}
}

/* A fast path for bytes, the most common type: their sums are exact in integers. */
static void count_bytes(struct stat_field *f, const unsigned char *x, size_t n)
{
	for (size_t m; n; x += m, n -= m) {
		uint32_t sum = 0, squares = 0;
		unsigned char min = 255, max = 0;

		m = n < BLOCK ? n : BLOCK;
		for (size_t i = 0; i < m; i++) {
			sum += x[i];
			squares += (uint32_t)x[i] * x[i];
			min = x[i] < min ? x[i] : min;
			max = x[i] > max ? x[i] : max;
		}
		f->sum += sum;
		f->squares += squares;
		if (f->count == 0 || min < f->min)
			f->min = min;
		if (f->count == 0 || max > f->max)
			f->max = max;
		f->count += m;
	}
}

static void count_field(struct stat_field *f, const struct cnn_tensor *t)
{
	const unsigned char *p = t->data;
	size_t size = cnn_dtype_size(t->dtype), n;
	double block[BLOCK];

	if (!cnn_shape_count(t->rank, t->shape, &n))
		return;
	if (t->dtype == CNN_U8) {
		count_bytes(f, p, n);
		return;
	}
	for (size_t m; n; p += m * size, n -= m) {
		m = n < BLOCK ? n : BLOCK;
		cnn_to_f64(t->dtype, p, m, block);
		count_values(f, block, m);
	}
}

static int count_label(struct cnn_stat *s, int64_t label, struct cnn_error *e)
{
	size_t count = s->label_count ? s->label_count : 16;
	uint64_t *grown;

	if (label < 0 || label >= STAT_CLASSES) {
		s->label_others++;
		return CNN_OK;
	}
	while (count <= (size_t)label)
		count *= 2;
	if (count > s->label_count) {
		if (!(grown = reallocarray(s->labels, count, sizeof *grown)))
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		memset(grown + s->label_count, 0,
		    (count - s->label_count) * sizeof *grown);
		s->labels = grown;
		s->label_count = count;
	}
	s->labels[label]++;
	return CNN_OK;
}

static int count_labels(struct cnn_stat *s, const struct cnn_tensor *t,
    struct cnn_error *e)
{
	const unsigned char *p = t->data;
	size_t size = cnn_dtype_size(t->dtype), n = t->shape[0];
	int64_t block[BLOCK];
	int r = CNN_OK;

	for (size_t m; n && r == CNN_OK; p += m * size, n -= m) {
		m = n < BLOCK ? n : BLOCK;
		cnn_to_i64(t->dtype, p, m, block);
		for (size_t i = 0; i < m && r == CNN_OK; i++)
			r = count_label(s, block[i], e);
	}
	return r;
}

int cnn_stat_add(struct cnn_stat *s, const struct cnn_record *record,
    struct cnn_error *e)
{
	int r = CNN_OK;

	for (size_t i = 0; i < record->count && r == CNN_OK; i++) {
		const struct cnn_field *f =
		    cnn_header_find(s->header, record->names[i]);

		if (!f)
			continue;
		count_field(&s->fields[f - s->header->fields], &record->tensors[i]);
		if (f == s->label)
			r = count_labels(s, &record->tensors[i], e);
	}
	cnn_content_add(s->content, record);
	s->records++;
	s->samples += record->samples;
	return r;
}
