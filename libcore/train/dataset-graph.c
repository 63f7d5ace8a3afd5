/* dataset-graph.c - a data set as the inputs of a graph: checked, digested, and handed
 * to an executor. */
#include "dataset-private.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#define PLACE_TEXT 450 /* room for the name of a file and the number of a sample */

/* --- classes ---------------------------------------------------------------------- */

/* The name of a class for messages. */
static const char *class_name(const struct cnn_value *classes, size_t i)
{
	const struct cnn_value *v =
	    i < classes->as.array.count ? classes->as.array.items[i] : NULL;

	return v && v->type == CNN_STR ? v->as.str.data : "none";
}

int cnn_check_class_names(const char *field, const struct cnn_value *is,
    const struct cnn_value *was, const char *where, struct cnn_error *e)
{
	size_t i = 0;

	if (!is || !was || is->type != CNN_ARRAY || was->type != CNN_ARRAY)
		return CNN_OK;
	while (i < is->as.array.count && i < was->as.array.count &&
	    cnn_value_equal(is->as.array.items[i], was->as.array.items[i]))
		i++;
	if (i == is->as.array.count && i == was->as.array.count)
		return CNN_OK;
	return cnn_fail(e, CNN_EDATA, "field %s: class %zu is %s, but %s in %s", field,
	    i, class_name(is, i), class_name(was, i), where);
}

int cnn_dataset_check_classes(const struct cnn_dataset *d, const struct cnn_value *was,
    const char *where, struct cnn_error *e)
{
	const struct cnn_column *c = cnn_dataset_labels(d);

	return cnn_check_class_names(d->label, c ? c->classes : NULL, was, where, e);
}

/* --- indices and shapes ----------------------------------------------------------- */

/* Writes "FILE: sample N", where N counts from the start of the file that has the field of
 * this sample. Without files it is "sample N". */
static const char *place(const struct cnn_dataset *d, const struct cnn_column *c,
    size_t sample, char text[PLACE_TEXT])
{
	const struct cnn_origin *o = cnn_dataset_origin(d, c->name, sample);

	snprintf(text, PLACE_TEXT, "%.400s%ssample %zu", o ? o->file : "",
	    o ? ": " : "", sample - (o ? o->first : 0));
	return text;
}

static int check_lost(const struct cnn_dataset *d, const struct cnn_column *c,
    struct cnn_error *e)
{
	char where[PLACE_TEXT];

	return c->lost == 0 ? CNN_OK :
			      cnn_fail(e, CNN_EDATA, "%s: %s %lld is not a class",
				  place(d, c, c->lost_at, where),
				  strcmp(c->name, d->label) == 0 ? "label" : c->name,
				  (long long)c->lost_value);
}

static int check_indices(const struct cnn_dataset *d, const struct cnn_column *c,
    size_t limit, size_t first, struct cnn_error *e)
{
	size_t size = cnn_dtype_size(c->dtype), elements = c->sample_bytes / size;
	size_t all = d->samples * elements, some;
	bool is_label = strcmp(c->name, d->label) == 0;
	char where[PLACE_TEXT];
	int64_t values[512];
	int r = check_lost(d, c, e);

	for (size_t at = first * elements; r == CNN_OK && at < all; at += some) {
		some = all - at < 512 ? all - at : 512;
		cnn_to_i64(c->dtype, (const char *)c->data + at * size, some, values);
		for (size_t i = 0; i < some; i++)
			if (values[i] < 0 || (uint64_t)values[i] >= limit)
				return cnn_fail(e, CNN_EDATA,
				    "%s: %s %lld, but the net has %zu classes",
				    place(d, c, d->dropped + (at + i) / elements,
					where),
				    is_label ? "label" : c->name, (long long)values[i],
				    limit);
	}
	return r;
}

int cnn_dataset_check_labels(const struct cnn_dataset *d, size_t classes,
    struct cnn_error *e)
{
	const struct cnn_column *c = cnn_dataset_labels(d);

	return c ? check_indices(d, c, classes, 0, e) :
		   cnn_fail(e, CNN_EDATA,
		       "no field %s "
		       "with one integer per sample: choose another with --label",
		       d->label);
}

static int check_shape(const struct cnn_dataset *d, const struct cnn_column *c,
    const struct cnn_graph_node *input, struct cnn_error *e)
{
	const struct cnn_shape *want = &input->node.output;
	char a[CNN_SHAPE_TEXT], b[CNN_SHAPE_TEXT], where[PLACE_TEXT];

	if ((int)want->rank != c->rank ||
	    memcmp(want->dims, c->shape, want->rank * sizeof *c->shape) != 0)
		return cnn_fail(e, CNN_EDATA,
		    "field %s: samples of shape %s do not match the net's input %s",
		    c->name, cnn_shape_text(c->rank, c->shape, a, sizeof a),
		    cnn_graph_shape_text(want, b, sizeof b));
	if (input->index && !cnn_dtype_is_integer(c->dtype))
		return cnn_fail(e, CNN_EDATA, "field %s: %s: must be an integer type",
		    c->name, cnn_dtype_name(c->dtype));
	if (input->index && (c->scale != 1 || c->offset != 0))
		return cnn_fail(e, CNN_EDATA,
		    "field %s: has a scale or an offset, but the net reads it as whole "
		    "numbers",
		    c->name);
	if (!input->index && c->lost > 0)
		return cnn_fail(e, CNN_EDATA,
		    "%s: field %s: %lld is negative or does not fit in 32 bits",
		    place(d, c, c->lost_at, where), c->name, (long long)c->lost_value);
	return CNN_OK;
}

int cnn_dataset_check(const struct cnn_dataset *d, const struct cnn_graph *g,
    bool targets, size_t first, struct cnn_error *e)
{
	int r = CNN_OK;

	for (uint32_t i = 0; r == CNN_OK && i < g->input_count; i++) {
		const struct cnn_graph_node *input = &g->nodes[g->inputs[i]];
		const struct cnn_column *c = cnn_dataset_find(d, input->field);

		if (!targets && !cnn_output_needs(g, i))
			continue;
		if (!c)
			return cnn_dataset_lacks_column(d, input->field, e);
		r = check_shape(d, c, input, e);
		if (r == CNN_OK && input->index)
			r = check_indices(d, c, input->limit, first, e);
	}
	return r;
}

/* --- checked samples -------------------------------------------------------------- */

void cnn_dataset_digest(const struct cnn_dataset *d, const struct cnn_graph *g,
    char digest[17])
{
	const struct cnn_column *first =
	    cnn_dataset_find(d, g->nodes[g->inputs[0]].field);
	XXH64_hash_t parts[5 + CNN_MAX_RANK] = { first->dtype,
		(XXH64_hash_t)first->rank };
	size_t n = 2;

	memcpy(&parts[n++], &first->scale, sizeof first->scale);
	memcpy(&parts[n++], &first->offset, sizeof first->offset);
	for (int i = 0; i < first->rank; i++)
		parts[n++] = first->shape[i];
	parts[n] = XXH3_64bits(first->data, d->samples * first->sample_bytes);
	for (uint32_t i = 1; i < g->input_count; i++) {
		const struct cnn_column *c =
		    cnn_dataset_find(d, g->nodes[g->inputs[i]].field);

		if (c)
			parts[n] ^= XXH3_64bits_withSeed(c->data,
			    d->samples * c->sample_bytes, i);
	}
	n++;
	snprintf(digest, 17, "%016llx",
	    (unsigned long long)XXH3_64bits(parts, n * sizeof *parts));
}

struct cnn_rows cnn_dataset_rows(const struct cnn_dataset *d, const struct cnn_graph *g,
    bool targets, size_t first, size_t count)
{
	struct cnn_rows rows = { .count = count };

	for (uint32_t i = 0; i < g->input_count; i++) {
		const struct cnn_column *c =
		    cnn_dataset_find(d, g->nodes[g->inputs[i]].field);

		if (c && (targets || cnn_output_needs(g, i)))
			rows.fields[i] = (struct cnn_rows_column){ c->dtype,
				c->data ? c->data + first * c->sample_bytes :
					  (const unsigned char *)"",
				c->scale, c->offset }; /* "": there are no samples */
	}
	return rows;
}
