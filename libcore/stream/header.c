/* header.c - a segment's header in memory. */
#include "stream.h"
#include <stdlib.h>
#include <string.h>

struct cnn_header *cnn_header_new(enum cnn_kind kind)
{
	struct cnn_header *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->kind = kind;
	h->meta = cnn_value_map();
	h->history = cnn_value_array();
	if (!h->meta || !h->history) {
		cnn_header_free(h);
		return NULL;
	}
	return h;
}

void cnn_header_free(struct cnn_header *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->field_count; i++) {
		free(h->fields[i].name);
		cnn_value_free(h->fields[i].classes);
		cnn_value_free(h->fields[i].other);
	}
	free(h->fields);
	cnn_value_free(h->meta);
	cnn_value_free(h->history);
	cnn_value_free(h->model);
	cnn_value_free(h->other);
	free(h);
}

size_t cnn_header_limit(enum cnn_kind kind)
{
	return kind == CNN_MODEL ? CNN_MAX_PARAMETERS : CNN_MAX_FIELDS;
}

struct cnn_field *cnn_header_add(struct cnn_header *h, const char *name,
    enum cnn_dtype dtype, int rank, const size_t *shape)
{
	const size_t count = h->field_count;
	struct cnn_field *f;
	char *copy;

	if (count == cnn_header_limit(h->kind))
		return NULL;
	/* The capacity doubles whenever the count reaches a power of two. */
	if ((count & (count - 1)) == 0) {
		f = realloc(h->fields, (count ? 2 * count : 1) * sizeof *f);
		if (!f)
			return NULL;
		h->fields = f;
	}
	if (!(copy = strdup(name)))
		return NULL;
	f = &h->fields[h->field_count++];
	*f = (struct cnn_field){ .name = copy, .dtype = dtype, .rank = rank };
	for (int i = 0; i < rank; i++)
		f->shape[i] = shape[i];
	return f;
}

struct cnn_field *cnn_header_find(const struct cnn_header *h, const char *name)
{
	for (size_t i = 0; i < h->field_count; i++)
		if (strcmp(h->fields[i].name, name) == 0)
			return &h->fields[i];
	return NULL;
}

/* Copies from (may be NULL) to *to, which must be NULL. False if out of memory. */
static bool copy_value(struct cnn_value **to, const struct cnn_value *from)
{
	return !from || (*to = cnn_value_copy(from));
}

struct cnn_header *cnn_header_copy(const struct cnn_header *h)
{
	struct cnn_header *c = calloc(1, sizeof *c);
	bool good = c != NULL;

	if (good) {
		c->kind = h->kind;
		good = copy_value(&c->meta, h->meta) &&
		    copy_value(&c->history, h->history) &&
		    copy_value(&c->model, h->model) && copy_value(&c->other, h->other);
	}
	for (size_t i = 0; good && i < h->field_count; i++) {
		const struct cnn_field *from = &h->fields[i];
		struct cnn_field *f =
		    cnn_header_add(c, from->name, from->dtype, from->rank, from->shape);

		if (!(good = f != NULL))
			break;
		f->has_scale = from->has_scale;
		f->scale = from->scale;
		f->offset = from->offset;
		good = copy_value(&f->classes, from->classes) &&
		    copy_value(&f->other, from->other);
	}
	if (!good) {
		cnn_header_free(c);
		return NULL;
	}
	return c;
}

static bool same_value(const struct cnn_value *a, const struct cnn_value *b)
{
	return a && b ? cnn_value_equal(a, b) : a == b;
}

bool cnn_header_compatible(const struct cnn_header *a, const struct cnn_header *b)
{
	if (a->kind != b->kind || a->field_count != b->field_count)
		return false;
	for (size_t i = 0; i < a->field_count; i++) {
		const struct cnn_field *f = &a->fields[i];
		const struct cnn_field *g = cnn_header_find(b, f->name);

		if (!g || f->dtype != g->dtype || f->rank != g->rank ||
		    memcmp(f->shape, g->shape, (size_t)f->rank * sizeof *f->shape) ||
		    f->has_scale != g->has_scale ||
		    (f->has_scale &&
			(f->scale != g->scale || f->offset != g->offset)) ||
		    !same_value(f->classes, g->classes))
			return false;
	}
	return true;
}

struct cnn_tensor *cnn_record_find(struct cnn_record *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->names[i], name) == 0)
			return &r->tensors[i];
	return NULL;
}
