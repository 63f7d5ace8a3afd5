/* dataset.c - the columns of a data set: looked up, filled, freed. */
#include "dataset-private.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

int cnn_dataset_new(struct cnn_dataset **set, const char *image, const char *label,
    struct cnn_error *e)
{
	*set = calloc(1, sizeof **set);
	if (!*set)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	(*set)->image = image;
	(*set)->label = label;
	return CNN_OK;
}

static void free_column(struct cnn_column *c)
{
	free(c->name);
	free(c->data);
	cnn_value_free(c->classes);
}

static void free_origin(struct cnn_origin *o)
{
	free(o->file);
	free(o->field);
}

void cnn_dataset_free(struct cnn_dataset *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->column_count; i++)
		free_column(&d->columns[i]);
	cnn_memory_give_back(d->bytes);
	free(d->columns);
	for (size_t i = 0; i < d->origin_count; i++)
		free_origin(&d->origins[i]);
	free(d->origins);
	free(d);
}

void cnn_dataset_drop(struct cnn_dataset *d, size_t n)
{
	d->samples -= n;
	d->dropped += n;
	for (size_t i = 0; i < d->column_count; i++) {
		struct cnn_column *c = &d->columns[i];

		if (d->samples > 0)
			memmove(c->data, c->data + n * c->sample_bytes,
			    d->samples * c->sample_bytes);
	}
}

/* --- origins ---------------------------------------------------------------------- */

/* Forgets the files whose samples have all been dropped. */
static void forget_origins(struct cnn_dataset *d)
{
	size_t base = 0, kept = 0;

	for (size_t i = 0; i < d->origin_count; i++)
		if (d->origins[i].base <= d->dropped)
			base = d->origins[i].base;
	for (size_t i = 0; i < d->origin_count; i++) {
		if (d->origins[i].base >= base)
			d->origins[kept++] = d->origins[i];
		else
			free_origin(&d->origins[i]);
	}
	d->origin_count = kept;
}

int cnn_dataset_from(struct cnn_dataset *d, const char *file, const char *field,
    size_t after, struct cnn_error *e)
{
	struct cnn_origin *o;
	size_t room = d->origin_count;

	if (after == 0 && d->dropped > 0)
		forget_origins(d);
	/* The room is a power of two. */
	if ((room & (room - 1)) == 0) {
		o = reallocarray(d->origins, room ? 2 * room : 1, sizeof *o);
		if (!o)
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		d->origins = o;
	}
	o = &d->origins[d->origin_count];
	o->base = d->dropped + d->samples;
	o->first = o->base + after;
	o->file = strdup(file);
	o->field = field ? strdup(field) : NULL;
	if (o->file && (o->field || !field)) {
		d->origin_count++;
		return CNN_OK;
	}
	free_origin(o);
	return cnn_fail(e, CNN_ENOMEM, "out of memory");
}

const struct cnn_origin *cnn_dataset_origin(const struct cnn_dataset *d,
    const char *field, size_t sample)
{
	for (size_t i = d->origin_count; i-- > 0;) {
		const struct cnn_origin *o = &d->origins[i];

		if (o->first <= sample &&
		    (!field || !o->field || strcmp(o->field, field) == 0))
			return o;
	}
	return NULL;
}

void cnn_dataset_blame(const struct cnn_dataset *d, size_t sample, struct cnn_error *e)
{
	const struct cnn_origin *o = cnn_dataset_origin(d, NULL, sample);

	for (size_t i = 0; i < d->origin_count; i++) {
		const char *file = d->origins[i].file;
		size_t n = strlen(file);

		if (strncmp(e->text, file, n) == 0 &&
		    strncmp(e->text + n, ": ", 2) == 0)
			return;
	}
	if (o)
		cnn_error_prefix(e, "%s", o->file);
}

/* --- fields ----------------------------------------------------------------------- */

const char *cnn_dataset_name(const struct cnn_dataset *d, const char *field)
{
	return strcmp(field, "image") == 0 ? d->image :
	    strcmp(field, "label") == 0	   ? d->label :
					     field;
}

int cnn_dataset_lacks(const struct cnn_dataset *d, const char *field,
    const struct cnn_known *known, struct cnn_error *e)
{
	bool renamed = strcmp(field, "image") == 0 || strcmp(field, "label") == 0;

	return cnn_fail(e, CNN_EDATA, "no field %s (fields: %.300s)%s%s",
	    cnn_dataset_name(d, field), cnn_known_text(known),
	    renamed ? ": choose another with --" : "", renamed ? field : "");
}

bool cnn_output_needs(const struct cnn_graph *g, uint32_t i)
{
	const struct cnn_graph_node *nodes = g->nodes;
	bool needs[CNN_MAX_NODES + CNN_MAX_NET_INPUTS + 1] = { false };

	needs[g->output] = true;
	for (size_t n = g->node_count; n-- > 0;)
		for (uint32_t k = 0; needs[n] && k < nodes[n].node.input_count; k++)
			needs[nodes[n].inputs[k]] = true;
	return needs[g->inputs[i]];
}

const struct cnn_column *cnn_dataset_find(const struct cnn_dataset *d,
    const char *field)
{
	const char *name = cnn_dataset_name(d, field);

	for (size_t i = 0; i < d->column_count; i++)
		if (strcmp(d->columns[i].name, name) == 0)
			return &d->columns[i];
	return NULL;
}

const struct cnn_column *cnn_dataset_labels(const struct cnn_dataset *d)
{
	const struct cnn_column *c = cnn_dataset_find(d, "label");

	return c && c->rank == 0 && c->dtype == CNN_I32 ? c : NULL;
}

int32_t cnn_dataset_label(const struct cnn_dataset *d, size_t sample)
{
	const struct cnn_column *c = cnn_dataset_labels(d);
	int32_t label = -1;

	if (c)
		memcpy(&label, c->data + sample * sizeof label, sizeof label);
	return label;
}

bool cnn_dataset_keeps(const struct cnn_dataset *d, const char *name)
{
	if (!d->graph || strcmp(name, d->label) == 0)
		return true;
	for (uint32_t i = 0; i < d->graph->input_count; i++)
		if (strcmp(name,
			cnn_dataset_name(d,
			    d->graph->nodes[d->graph->inputs[i]].field)) == 0)
			return true;
	return false;
}

int cnn_dataset_lacks_column(const struct cnn_dataset *d, const char *field,
    struct cnn_error *e)
{
	struct cnn_known known = { 0 };

	for (size_t i = 0; i < d->column_count; i++)
		cnn_known_add(&known, "%s", d->columns[i].name);
	return cnn_dataset_lacks(d, field, &known, e);
}

/* Checks that the columns include the fields that the graph reads. */
static int check_columns(const struct cnn_dataset *d, const struct cnn_graph *g,
    bool targets, struct cnn_error *e)
{
	for (uint32_t i = 0; i < g->input_count; i++) {
		const char *field = g->nodes[g->inputs[i]].field;

		if ((targets || cnn_output_needs(g, i)) && !cnn_dataset_find(d, field))
			return cnn_dataset_lacks_column(d, field, e);
	}
	return CNN_OK;
}

int cnn_dataset_use(struct cnn_dataset *d, const struct cnn_graph *g, bool targets,
    struct cnn_error *e)
{
	size_t kept = 0, dropped;
	int r;

	if (d->begun && (r = check_columns(d, g, targets, e)) < 0)
		return r;
	d->graph = g;
	for (size_t i = 0; i < d->column_count; i++) {
		if (cnn_dataset_keeps(d, d->columns[i].name)) {
			d->columns[kept++] = d->columns[i];
			continue;
		}
		dropped = d->room * d->columns[i].sample_bytes;
		d->bytes -= dropped;
		cnn_memory_give_back(dropped);
		free_column(&d->columns[i]);
	}
	d->column_count = kept;
	return CNN_OK;
}

/* --- samples ---------------------------------------------------------------------- */

size_t cnn_dataset_row(const struct cnn_dataset *d)
{
	size_t row = 0;

	for (size_t i = 0; i < d->column_count; i++)
		row += d->columns[i].sample_bytes;
	return row;
}

/* Resizes the columns, which are counted already. */
static int resize(struct cnn_dataset *d, size_t room, struct cnn_error *e)
{
	for (size_t i = 0; i < d->column_count; i++) {
		struct cnn_column *c = &d->columns[i];
		const size_t bytes = room * c->sample_bytes;
		unsigned char *p = realloc(c->data, bytes ? bytes : 1);

		if (!p)
			return cnn_fail(e, CNN_ENOMEM, "out of memory for %zu samples",
			    room);
		if (!c->data) /* blocks moved by realloc do better with small pages */
			cnn_prefer_huge_pages(p, bytes);
		c->data = p;
	}
	d->room = room;
	return CNN_OK;
}

/* Makes room for more samples. */
static int grow(struct cnn_dataset *d, size_t more, struct cnn_error *e)
{
	size_t row = cnn_dataset_row(d), room, bytes;
	int r;

	if (more <= d->room - d->samples)
		return CNN_OK;
	if (more > UINT32_MAX - d->samples)
		return cnn_fail(e, CNN_ENOMEM, "too many samples");
	room = cnn_memory_room(d->room, d->samples + more, d->expected, row);
	if (room > UINT32_MAX)
		room = UINT32_MAX;
	if (!cnn_mul(room, row, &bytes))
		return cnn_fail(e, CNN_ENOMEM, "too many samples");
	if ((r = cnn_memory_take("samples", bytes - d->bytes, e)) < 0)
		return r;
	d->bytes = bytes;
	return resize(d, room, e);
}

void cnn_dataset_trim(struct cnn_dataset *d)
{
	struct cnn_error ignored = { 0 };

	if (d->room == d->samples || resize(d, d->samples, &ignored) < 0)
		return;
	cnn_memory_give_back(d->bytes - d->samples * cnn_dataset_row(d));
	d->bytes = d->samples * cnn_dataset_row(d);
}

/* Appends one integer per sample, as int32. */
static void append_numbers(struct cnn_dataset *d, struct cnn_column *c,
    const struct cnn_tensor *t, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t sample = d->samples + i;
		int64_t value;
		int32_t kept;

		cnn_to_i64(t->dtype,
		    (const char *)t->data + i * cnn_dtype_size(t->dtype), 1, &value);
		kept = value < 0 || value > INT32_MAX ? -1 : (int32_t)value;
		if (kept < 0 && c->lost++ == 0) {
			c->lost_at = d->dropped + sample;
			c->lost_value = value;
		}
		memcpy(c->data + sample * sizeof kept, &kept, sizeof kept);
	}
}

int cnn_dataset_append(struct cnn_dataset *d, struct cnn_record *rec,
    struct cnn_error *e)
{
	int r;

	if (rec->samples == 0)
		return CNN_OK;
	if ((r = grow(d, rec->samples, e)) < 0)
		return r;
	for (size_t i = 0; i < d->column_count; i++) {
		struct cnn_column *c = &d->columns[i];
		const struct cnn_tensor *t = cnn_record_find(rec, c->name);

		if (c->rank == 0 && c->dtype == CNN_I32)
			append_numbers(d, c, t, rec->samples);
		else
			memcpy(c->data + d->samples * c->sample_bytes, t->data,
			    rec->samples * c->sample_bytes);
	}
	d->samples += rec->samples;
	return CNN_OK;
}
