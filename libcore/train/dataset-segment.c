/* dataset-segment.c - the fields of a segment of data become columns, or must agree
 * with them. */
#include "dataset-private.h"

#include <stdlib.h>
#include <string.h>

static int no_field(const struct cnn_dataset *d, const struct cnn_header *h,
    const char *field, struct cnn_error *e)
{
	struct cnn_known known = { 0 };

	for (size_t i = 0; i < h->field_count; i++)
		cnn_known_add(&known, "%s", h->fields[i].name);
	return cnn_dataset_lacks(d, field, &known, e);
}

static bool is_label_field(const struct cnn_field *f)
{
	return cnn_dtype_is_integer(f->dtype) && f->rank == 0;
}

/* Checks that the fields that are needed are present. */
static int check_fields(const struct cnn_dataset *d, const struct cnn_header *h,
    bool targets, struct cnn_error *e)
{
	const struct cnn_field *label = cnn_header_find(h, d->label);
	const struct cnn_graph *g = d->graph;
	char shape[CNN_SHAPE_TEXT];
	bool needs_label = targets && g && g->loss_count == 0;

	for (uint32_t i = 0; g && i < g->input_count; i++) {
		const char *field = g->nodes[g->inputs[i]].field;

		if ((targets || cnn_output_needs(g, i)) &&
		    !cnn_header_find(h, cnn_dataset_name(d, field)))
			return no_field(d, h, field, e);
		needs_label |= targets && strcmp(field, "label") == 0 &&
		    g->nodes[g->inputs[i]].index;
	}
	if (needs_label && !label)
		return no_field(d, h, "label", e);
	if (needs_label && !is_label_field(label))
		return cnn_fail(e, CNN_EDATA,
		    "field %s: %s of shape %s: must be one integer per sample",
		    d->label, cnn_dtype_name(label->dtype),
		    cnn_shape_text(label->rank, label->shape, shape, sizeof shape));
	return CNN_OK;
}

static double scale_of(const struct cnn_field *f)
{
	return f->has_scale		      ? f->scale :
	    f->dtype == CNN_U8 && f->rank > 0 ? 1.0 / 255 :
						1;
}

static enum cnn_dtype kept_dtype(const struct cnn_field *f)
{
	return is_label_field(f) ? CNN_I32 : f->dtype;
}

static int add_column(struct cnn_dataset *d, const struct cnn_field *f,
    struct cnn_error *e)
{
	struct cnn_column *c = &d->columns[d->column_count];
	size_t count;

	if (!d->graph && strcmp(f->name, d->image) != 0 && f->rank > 0 &&
	    (!cnn_shape_count(f->rank, f->shape, &count) || count == 0))
		return CNN_OK; /* no net reads it */
	*c = (struct cnn_column){
		.dtype = kept_dtype(f),
		.rank = f->rank,
		.scale = scale_of(f),
		.offset = f->has_scale ? f->offset : 0,
	};
	memcpy(c->shape, f->shape, sizeof c->shape);
	if (!cnn_shape_count(c->rank, c->shape, &count) || count == 0 ||
	    !cnn_mul(count, cnn_dtype_size(c->dtype), &c->sample_bytes))
		return cnn_fail(e, CNN_EDATA,
		    "field %s: a sample is empty or too large", f->name);
	d->column_count++;
	if (!(c->name = strdup(f->name)) ||
	    (f->classes && !(c->classes = cnn_value_copy(f->classes))))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	return CNN_OK;
}

/* The first segment determines type, shape, scale and classes for all. */
static int begin(struct cnn_dataset *d, const struct cnn_header *h, struct cnn_error *e)
{
	int r = CNN_OK;

	d->columns = calloc(h->field_count + 1, sizeof *d->columns);
	if (!d->columns)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t i = 0; r == CNN_OK && i < h->field_count; i++)
		if (cnn_dataset_keeps(d, h->fields[i].name))
			r = add_column(d, &h->fields[i], e);
	d->begun = r == CNN_OK;
	return r;
}

/* A later segment must have the same column. */
static int check_column(const struct cnn_column *c, const struct cnn_field *f,
    struct cnn_error *e)
{
	char a[CNN_SHAPE_TEXT], b[CNN_SHAPE_TEXT];

	if (!f)
		return cnn_fail(e, CNN_EDATA,
		    "field %s: present in only some of the data", c->name);
	if (kept_dtype(f) != c->dtype || f->rank != c->rank ||
	    memcmp(f->shape, c->shape, (size_t)c->rank * sizeof *c->shape) != 0 ||
	    scale_of(f) != c->scale || (f->has_scale ? f->offset : 0) != c->offset)
		return cnn_fail(e, CNN_EDATA,
		    "field %s: %s %s or its scale does not "
		    "match the data before it: %s %s",
		    c->name, cnn_dtype_name(f->dtype),
		    cnn_shape_text(f->rank, f->shape, a, sizeof a),
		    cnn_dtype_name(c->dtype),
		    cnn_shape_text(c->rank, c->shape, b, sizeof b));
	return cnn_check_class_names(c->name, f->classes, c->classes,
	    "the data before it", e);
}

int cnn_dataset_segment(struct cnn_dataset *d, const struct cnn_header *h, bool targets,
    struct cnn_error *e)
{
	const struct cnn_field *label = cnn_header_find(h, d->label);
	int r = check_fields(d, h, targets, e);

	if (r < 0)
		return r;
	if (!d->begun)
		return begin(d, h, e);
	for (size_t i = 0; r == CNN_OK && i < d->column_count; i++)
		r = check_column(&d->columns[i], cnn_header_find(h, d->columns[i].name),
		    e);
	if (r == CNN_OK && label && !cnn_dataset_find(d, "label"))
		r = cnn_fail(e, CNN_EDATA, "field %s: present in only some of the data",
		    d->label);
	return r;
}
