/* join.c - joins arrays into segments. */
#include "join.h"

#include <stdlib.h>
#include <string.h>

struct column {
	struct cnn_array_source *sources;
	size_t count, room;
	size_t samples;	    /* in all sources */
	size_t at;	    /* index of the source being read */
	unsigned char *buf; /* data of one record */
};

struct cnn_group {
	struct column columns[CNN_MAX_FIELDS];
	size_t count;
	struct cnn_header *header;
	size_t step; /* samples per record */
	size_t done;
};

struct cnn_group *cnn_group_new(void)
{
	return calloc(1, sizeof(struct cnn_group));
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
	free(g);
}

const char *cnn_group_name(const struct cnn_group *g)
{
	return g->columns[0].sources[0].name;
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
	c->samples += p->shape.shape[0];
	c->sources[c->count++] = *p;
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

int cnn_group_add(struct cnn_group *g, struct cnn_array_source *p, struct cnn_error *e)
{
	struct column *last = g->count ? &g->columns[g->count - 1] : NULL;
	int r;

	if (last && !strcmp(last->sources[0].field, p->field) &&
	    same_samples(&last->sources[0].shape, &p->shape) &&
	    (g->count == 1 || last->samples < g->columns[0].samples))
		return append(last, p, e);
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
		const struct cnn_array_source *p = &g->columns[i].sources[0];

		if (!cnn_header_add(g->header, p->field, p->shape.dtype,
			p->shape.rank - 1, p->shape.shape + 1))
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		bytes += p->row;
	}
	g->step = CNN_RECORD_BYTES / (bytes ? bytes : 1);
	g->step += g->step == 0;
	*header = g->header;
	return CNN_OK;
}

/* Reads the next n samples of a column, from as many sources as needed. Of empty
 * sources only the end is checked. */
static int fill(struct column *c, size_t n, struct cnn_error *e)
{
	size_t row = c->sources[0].row;
	int r = CNN_OK;

	for (size_t at = 0, m; r == CNN_OK && c->at < c->count; at += m) {
		struct cnn_array_source *p = &c->sources[c->at];
		size_t left = p->shape.shape[0] - p->done;

		m = left < n - at ? left : n - at;
		if (left && !m)
			break;
		r = cnn_array_source_read(p, m, c->buf + at * row, e);
		c->at += m == left;
	}
	return r;
}

int cnn_group_record(struct cnn_group *g, struct cnn_record *record,
    struct cnn_error *e)
{
	size_t left = g->columns[0].samples - g->done;
	size_t n = left < g->step ? left : g->step;

	*record = (struct cnn_record){ .count = g->count, .samples = n };
	for (size_t i = 0; i < g->count; i++) {
		struct column *c = &g->columns[i];
		int r;

		if (!c->buf && !(c->buf = malloc((n + !n) * c->sources[0].row)))
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		if ((r = fill(c, n, e)) < 0)
			return r;
		record->names[i] = c->sources[0].field;
		record->tensors[i] = c->sources[0].shape;
		record->tensors[i].shape[0] = n;
		record->tensors[i].data = c->buf;
	}
	g->done += n;
	return n ? CNN_OK : CNN_END;
}
