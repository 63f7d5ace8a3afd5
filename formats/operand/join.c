/* join.c - joins arrays into segments. */
#include "join.h"

#include <stdio.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct column {
	struct cnn_array_source *sources;
	size_t count, room;
	size_t good;	    /* index of the first good source; count: none */
	size_t samples;	    /* in all sources */
	size_t at;	    /* index of the source being read */
	unsigned char *buf; /* data of one record */
};

struct cnn_group {
	struct column columns[CNN_MAX_FIELDS];
	size_t count;
	struct cnn_header *header;
	size_t step; /* samples per record */
	size_t done; /* samples read */
	size_t kept; /* samples given */
	struct cnn_skipped *skipped;
	bool *drop; /* by sample of the record: one of its pictures is bad */
};

struct cnn_group *cnn_group_new(struct cnn_skipped *skipped)
{
	struct cnn_group *g = calloc(1, sizeof *g);

	if (g)
		g->skipped = skipped;
	return g;
}

/* The source that defines the column's field: the first good one, or a bad one if all are
 * bad. */
static const struct cnn_array_source *definition(const struct column *c)
{
	return &c->sources[c->good < c->count ? c->good : 0];
}

void cnn_group_free(struct cnn_group *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->count; i++) {
		struct column *c = &g->columns[i];

		for (size_t k = 0; k < c->count; k++)
			cnn_array_source_free(&c->sources[k]);
		free(c->sources);
		free(c->buf);
	}
	cnn_header_free(g->header);
	free(g->drop);
	free(g);
}

const char *cnn_group_name(const struct cnn_group *g)
{
	return definition(&g->columns[0])->name;
}

bool cnn_group_array(const struct cnn_group *g, size_t i, const char **name,
    const char **field, size_t *first)
{
	const struct column *c = g->columns;
	const struct column *end = c + g->count;

	for (; c < end && i >= c->count; c++)
		i -= c->count;
	if (c == end)
		return false;
	*name = c->sources[i].name;
	*field = c->sources[i].field;
	*first = c->sources[i].first;
	return true;
}

size_t cnn_group_samples(const struct cnn_group *g)
{
	return g->columns[0].samples;
}

unsigned long long cnn_group_consumed(const struct cnn_group *g)
{
	unsigned long long sum = 0, some;

	for (size_t i = 0; i < g->count; i++)
		for (size_t k = 0; k < g->columns[i].count; k++) {
			some = cnn_array_source_consumed(&g->columns[i].sources[k]);
			sum = some > ULLONG_MAX - sum ? ULLONG_MAX : sum + some;
		}
	return sum;
}

static bool same_samples(const struct cnn_tensor *a, const struct cnn_tensor *b)
{
	return a->dtype == b->dtype && a->rank == b->rank &&
	    !memcmp(a->shape + 1, b->shape + 1,
		(size_t)(a->rank - 1) * sizeof *a->shape);
}

static int append(struct column *c, const struct cnn_array_source *p,
    struct cnn_error *e)
{
	size_t room = c->room ? 2 * c->room : 4;
	struct cnn_array_source *grown;

	if (p->shape.shape[0] > SIZE_MAX - c->samples)
		return cnn_fail(e, CNN_EDATA, "%s: too many samples", p->name);
	if (c->count == c->room) {
		if (!(grown = reallocarray(c->sources, room, sizeof *grown)))
			return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", p->name);
		c->sources = grown;
		c->room = room;
	}
	c->good += c->good == c->count && p->bad;
	c->sources[c->count] = *p;
	c->sources[c->count++].first = c->samples;
	c->samples += p->shape.shape[0];
	return CNN_OK;
}

/* Columns are joined side by side, so all must have the same length. Compares the last
 * one with the first; called when the last one is complete. */
static int check_lengths(const struct cnn_group *g, struct cnn_error *e)
{
	const struct column *a = &g->columns[0], *b;

	if (g->count == 0)
		return CNN_OK;
	b = &g->columns[g->count - 1];
	if (a->samples != b->samples)
		return cnn_fail(e, CNN_EDATA,
		    "%s: %zu samples of %s, but %s has %zu of %s", b->sources[0].name,
		    b->samples, b->sources[0].field, a->sources[0].name, a->samples,
		    a->sources[0].field);
	return CNN_OK;
}

/* Makes a good picture bad because it differs from the set's others. */
static int mark_odd(struct cnn_array_source *p, const struct cnn_array_source *first,
    struct cnn_error *e)
{
	char is[CNN_SHAPE_TEXT], has[CNN_SHAPE_TEXT];

	if (asprintf(&p->bad, "%s: the picture is %s, but %s is %s", p->name,
		cnn_shape_text(p->shape.rank - 1, p->shape.shape + 1, is, sizeof is),
		first->name,
		cnn_shape_text(first->shape.rank - 1, first->shape.shape + 1, has,
		    sizeof has)) >= 0)
		return CNN_OK;
	p->bad = NULL;
	return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", p->name);
}

/* Whether a source of the column's field belongs to the column. A picture does, even if
 * it differs: it is marked as bad. */
static int belongs(const struct column *c, struct cnn_array_source *p, bool *yes,
    struct cnn_error *e)
{
	const struct cnn_array_source *first = definition(c);

	*yes = first->bad || p->bad || same_samples(&first->shape, &p->shape);
	if (*yes || !p->picture || !first->picture)
		return CNN_OK;
	*yes = true;
	return mark_odd(p, first, e);
}

int cnn_group_add(struct cnn_group *g, struct cnn_array_source *p, struct cnn_error *e)
{
	struct column *last = g->count ? &g->columns[g->count - 1] : NULL;
	bool goes_on = false;
	int r = CNN_OK;

	if (last && !strcmp(last->sources[0].field, p->field) &&
	    (g->count == 1 || last->samples < g->columns[0].samples))
		r = belongs(last, p, &goes_on, e);
	if (r == CNN_OK && p->bad && !g->skipped)
		r = cnn_fail(e, CNN_EDATA,
		    "%s (tensor-cat --skip-bad leaves such pictures out)", p->bad);
	if (r < 0 || goes_on)
		return r < 0 ? r : append(last, p, e);
	if ((r = check_lengths(g, e)) < 0)
		return r;
	for (size_t i = 0; i < g->count; i++)
		if (!strcmp(g->columns[i].sources[0].field, p->field))
			return CNN_END;
	if (g->count == CNN_MAX_FIELDS)
		return CNN_END;
	if ((r = append(&g->columns[g->count], p, e)) == CNN_OK)
		g->count++;
	return r;
}

int cnn_group_header(struct cnn_group *g, const struct cnn_header **header,
    struct cnn_error *e)
{
	size_t bytes = 0;
	int r = check_lengths(g, e);

	if (r < 0)
		return r;
	if (!(g->header = cnn_header_new(CNN_DATA)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t i = 0; i < g->count; i++) {
		const struct cnn_array_source *p = definition(&g->columns[i]);

		if (p->bad)
			return cnn_fail(e, CNN_EDATA, "%s (no picture can be read)",
			    p->bad);
		if (!cnn_header_add(g->header, p->field, p->shape.dtype,
			p->shape.rank - 1, p->shape.shape + 1))
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		bytes += p->row;
	}
	g->step = CNN_RECORD_BYTES / (bytes ? bytes : 1);
	g->step += g->step == 0;
	if (g->skipped && !(g->drop = calloc(g->step, sizeof *g->drop)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	*header = g->header;
	return CNN_OK;
}

static void skip(struct cnn_group *g, size_t at, const char *why)
{
	if (g->skipped->count++ == 0)
		snprintf(g->skipped->first, sizeof g->skipped->first, "%s", why);
	g->drop[at] = true;
}

/* Reads m samples of one source into the record, as its samples from `at` on. */
static int fill_from(struct cnn_group *g, struct cnn_array_source *p, size_t at,
    size_t m, void *buf, struct cnn_error *e)
{
	struct cnn_error own = { 0 };
	int r;

	if (p->bad) {
		skip(g, at, p->bad);
		p->done += m;
		return CNN_OK;
	}
	r = cnn_array_source_read(p, m, buf, &own);
	if (r == CNN_EDATA && p->picture && g->skipped) {
		skip(g, at, own.text);
		return CNN_OK;
	}
	if (r == CNN_EDATA && p->picture)
		return cnn_fail(e, r,
		    "%s (tensor-cat --skip-bad leaves such pictures out)", own.text);
	if (r < 0 && e && e->code == CNN_OK)
		*e = own;
	return r;
}

/* Reads the next n samples of a column, from as many sources as needed. Of empty
 * sources only the end is checked. */
static int fill(struct cnn_group *g, struct column *c, size_t n, struct cnn_error *e)
{
	size_t row = definition(c)->row;
	int r = CNN_OK;

	for (size_t at = 0, m; r == CNN_OK && c->at < c->count; at += m) {
		struct cnn_array_source *p = &c->sources[c->at];
		size_t left = p->shape.shape[0] - p->done;

		m = left < n - at ? left : n - at;
		if (left && !m)
			break;
		r = fill_from(g, p, at, m, c->buf + at * row, e);
		c->at += m == left;
	}
	return r;
}

/* Removes the samples with bad pictures from all columns. Returns how many of n are
 * left. */
static size_t remove_dropped(struct cnn_group *g, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; !g->drop[i] && kept < i && k < g->count; k++) {
			struct column *c = &g->columns[k];
			size_t row = definition(c)->row;

			memcpy(c->buf + kept * row, c->buf + i * row, row);
		}
		kept += !g->drop[i];
		g->drop[i] = false;
	}
	return kept;
}

/* Reads the next n samples of all columns. */
static int fill_all(struct cnn_group *g, size_t n, struct cnn_error *e)
{
	for (size_t i = 0; i < g->count; i++) {
		struct column *c = &g->columns[i];
		int r;

		if (!c->buf && !(c->buf = malloc((n + !n) * definition(c)->row)))
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		if ((r = fill(g, c, n, e)) < 0)
			return r;
	}
	g->done += n;
	return CNN_OK;
}

int cnn_group_record(struct cnn_group *g, struct cnn_record *record,
    struct cnn_error *e)
{
	size_t left, n, kept;

	do {
		int r;

		left = g->columns[0].samples - g->done;
		n = left < g->step ? left : g->step;
		if ((r = fill_all(g, n, e)) < 0)
			return r;
		kept = g->skipped ? remove_dropped(g, n) : n;
	} while (n && !kept);
	g->kept += kept;
	if (g->done && !g->kept)
		return cnn_fail(e, CNN_EDATA, "%s (no picture can be read)",
		    g->skipped->first);
	*record = (struct cnn_record){ .count = g->count, .samples = kept };
	for (size_t i = 0; i < g->count; i++) {
		const struct cnn_array_source *p = definition(&g->columns[i]);

		record->names[i] = p->field;
		record->tensors[i] = p->shape;
		record->tensors[i].shape[0] = kept;
		record->tensors[i].data = g->columns[i].buf;
	}
	return kept ? CNN_OK : CNN_END;
}
