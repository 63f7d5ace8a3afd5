/* dataset.c - samples held in memory. */
#include "dataset.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

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

void cnn_dataset_free(struct cnn_dataset *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->column_count; i++)
		free_column(&d->columns[i]);
	free(d->columns);
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

/* --- fields ----------------------------------------------------------------------- */

/* The name in the data of the field that nets call `field`. */
static const char *name_of(const struct cnn_dataset *d, const char *field)
{
	return strcmp(field, "image") == 0 ? d->image :
	    strcmp(field, "label") == 0	   ? d->label :
					     field;
}

const struct cnn_column *cnn_dataset_find(const struct cnn_dataset *d,
    const char *field)
{
	const char *name = name_of(d, field);

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

/* Is the field of this name in the data kept? */
static bool is_kept(const struct cnn_dataset *d, const char *name)
{
	if (!d->graph || strcmp(name, d->label) == 0)
		return true;
	for (uint32_t i = 0; i < d->graph->input_count; i++)
		if (strcmp(name,
			name_of(d, d->graph->nodes[d->graph->inputs[i]].field)) == 0)
			return true;
	return false;
}

void cnn_dataset_use(struct cnn_dataset *d, const struct cnn_graph *g)
{
	size_t kept = 0;

	d->graph = g;
	for (size_t i = 0; i < d->column_count; i++) {
		if (is_kept(d, d->columns[i].name))
			d->columns[kept++] = d->columns[i];
		else
			free_column(&d->columns[i]);
	}
	d->column_count = kept;
}

/* Does the graph's output depend on its input number i? Targets are what it does not
 * depend on. */
static bool output_needs(const struct cnn_graph *g, uint32_t i)
{
	const struct cnn_graph_node *nodes = g->nodes;
	bool needs[CNN_MAX_NODES + CNN_MAX_NET_INPUTS + 1] = { false };

	needs[g->output] = true;
	for (size_t n = g->node_count; n-- > 0;)
		for (uint32_t k = 0; needs[n] && k < nodes[n].node.input_count; k++)
			needs[nodes[n].inputs[k]] = true;
	return needs[g->inputs[i]];
}

/* --- segments --------------------------------------------------------------------- */

static int no_field(const struct cnn_dataset *d, const struct cnn_header *h,
    const char *field, struct cnn_error *e)
{
	bool renamed = strcmp(field, "image") == 0 || strcmp(field, "label") == 0;
	char known[300] = "";

	for (size_t i = 0; i < h->field_count; i++) {
		size_t n = strlen(known);

		snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
		    h->fields[i].name);
	}
	return cnn_fail(e, CNN_EDATA, "no field %s (fields: %s)%s%s", name_of(d, field),
	    *known ? known : "none", renamed ? ": choose another with --" : "",
	    renamed ? field : "");
}

static bool is_label_field(const struct cnn_field *f)
{
	return cnn_dtype_is_integer(f->dtype) && f->rank == 0;
}

/* Checks that the fields that are needed are there. */
static int check_fields(const struct cnn_dataset *d, const struct cnn_header *h,
    bool targets, struct cnn_error *e)
{
	const struct cnn_field *label = cnn_header_find(h, d->label);
	const struct cnn_graph *g = d->graph;
	char shape[CNN_SHAPE_TEXT];
	bool needs_label = targets && (!g || g->loss_count == 0);

	if (!g && !cnn_header_find(h, d->image))
		return no_field(d, h, "image", e);
	for (uint32_t i = 0; g && i < g->input_count; i++) {
		const char *field = g->nodes[g->inputs[i]].field;

		if ((targets || output_needs(g, i)) &&
		    !cnn_header_find(h, name_of(d, field)))
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
		if (is_kept(d, h->fields[i].name))
			r = add_column(d, &h->fields[i], e);
	d->begun = r == CNN_OK;
	return r;
}

/* The name of a class for messages. */
static const char *class_name(const struct cnn_value *classes, size_t i)
{
	const struct cnn_value *v =
	    i < classes->as.array.count ? classes->as.array.items[i] : NULL;

	return v && v->type == CNN_STR ? v->as.str.data : "none";
}

/* Compares names as a model stores them, with control characters replaced (see
 * cnn_model_set_classes()). */
static bool same_name(const struct cnn_value *a, const struct cnn_value *b)
{
	if (a->type != CNN_STR || b->type != CNN_STR ||
	    a->as.str.size != b->as.str.size)
		return cnn_value_equal(a, b);
	for (size_t i = 0; i < a->as.str.size; i++) {
		unsigned char c = (unsigned char)a->as.str.data[i];
		unsigned char d = (unsigned char)b->as.str.data[i];

		if ((c < 0x20 || c == 0x7f ? '?' : c) !=
		    (d < 0x20 || d == 0x7f ? '?' : d))
			return false;
	}
	return true;
}

static int check_classes(const char *field, const struct cnn_value *is,
    const struct cnn_value *was, const char *where, struct cnn_error *e)
{
	size_t i = 0;

	if (!is || !was || is->type != CNN_ARRAY || was->type != CNN_ARRAY)
		return CNN_OK;
	while (i < is->as.array.count && i < was->as.array.count &&
	    same_name(is->as.array.items[i], was->as.array.items[i]))
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

	return check_classes(d->label, c ? c->classes : NULL, was, where, e);
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
	return check_classes(c->name, f->classes, c->classes, "the data before it", e);
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

/* --- samples ---------------------------------------------------------------------- */

/* Initial capacity in samples: enough for the first record and for all samples
 * expected, the latter up to 1 GiB. */
static size_t first_room(const struct cnn_dataset *d, size_t more)
{
	size_t most = (size_t)1 << 30, expected, bytes = 0;

	for (size_t i = 0; i < d->column_count; i++)
		bytes += d->columns[i].sample_bytes;
	if (bytes == 0)
		return more;
	expected = (d->expected < most ? d->expected : most) / bytes;
	return more > expected ? more : expected;
}

static int grow(struct cnn_dataset *d, size_t more, struct cnn_error *e)
{
	size_t room = d->room ? d->room : first_room(d, more), bytes;

	if (more <= d->room - d->samples)
		return CNN_OK;
	while (room - d->samples < more)
		if (!cnn_mul(room, 2, &room))
			return cnn_fail(e, CNN_ENOMEM, "too many samples");
	if (room > UINT32_MAX)
		return cnn_fail(e, CNN_ENOMEM, "too many samples");
	for (size_t i = 0; i < d->column_count; i++) {
		struct cnn_column *c = &d->columns[i];
		unsigned char *p;

		if (!cnn_mul(room, c->sample_bytes, &bytes))
			return cnn_fail(e, CNN_ENOMEM, "too many samples");
		if (!(p = realloc(c->data, bytes)))
			return cnn_fail(e, CNN_ENOMEM, "out of memory for %zu samples",
			    room);
		if (!c->data) /* blocks that realloc moves do better with small pages */
			cnn_prefer_huge_pages(p, bytes);
		c->data = p;
	}
	d->room = room;
	return CNN_OK;
}

/* One whole number per sample, as int32. */
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

static int check_lost(const struct cnn_dataset *d, const struct cnn_column *c,
    struct cnn_error *e)
{
	return c->lost == 0 ?
	    CNN_OK :
	    cnn_fail(e, CNN_EDATA, "sample %zu: %s %lld is not a class", c->lost_at,
		strcmp(c->name, d->label) == 0 ? "label" : c->name,
		(long long)c->lost_value);
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

/* --- the data set and a graph ----------------------------------------------------- */

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

static int check_indices(const struct cnn_dataset *d, const struct cnn_column *c,
    size_t limit, struct cnn_error *e)
{
	size_t size = cnn_dtype_size(c->dtype), elements = c->sample_bytes / size;
	size_t all = d->samples * elements, some;
	bool is_label = strcmp(c->name, d->label) == 0;
	int64_t values[512];
	int r = check_lost(d, c, e);

	for (size_t at = 0; r == CNN_OK && at < all; at += some) {
		some = all - at < 512 ? all - at : 512;
		cnn_to_i64(c->dtype, (const char *)c->data + at * size, some, values);
		for (size_t i = 0; i < some; i++)
			if (values[i] < 0 || (uint64_t)values[i] >= limit)
				return cnn_fail(e, CNN_EDATA,
				    "sample %zu: %s %lld, but the net has %zu classes",
				    d->dropped + (at + i) / elements,
				    is_label ? "label" : c->name, (long long)values[i],
				    limit);
	}
	return r;
}

int cnn_dataset_check_labels(const struct cnn_dataset *d, size_t classes,
    struct cnn_error *e)
{
	const struct cnn_column *c = cnn_dataset_labels(d);

	return c ? check_indices(d, c, classes, e) :
		   cnn_fail(e, CNN_EDATA,
		       "no field %s "
		       "with one integer per sample: choose another with --label",
		       d->label);
}

static int check_shape(const struct cnn_column *c, const struct cnn_graph_node *input,
    struct cnn_error *e)
{
	const struct cnn_shape *want = &input->node.output;
	char a[CNN_SHAPE_TEXT], b[CNN_SHAPE_TEXT];

	if ((int)want->rank != c->rank ||
	    memcmp(want->dims, c->shape, want->rank * sizeof *c->shape) != 0)
		return cnn_fail(e, CNN_EDATA,
		    "field %s: samples of shape %s do not match the net's input %s",
		    c->name, cnn_shape_text(c->rank, c->shape, a, sizeof a),
		    cnn_graph_shape_text(want, b, sizeof b));
	if (input->index && !cnn_dtype_is_integer(c->dtype))
		return cnn_fail(e, CNN_EDATA, "field %s: %s: must be whole numbers",
		    c->name, cnn_dtype_name(c->dtype));
	if (!input->index && c->lost > 0)
		return cnn_fail(e, CNN_EDATA,
		    "field %s: sample %zu: %lld is negative or does not fit 32 bits",
		    c->name, c->lost_at, (long long)c->lost_value);
	return CNN_OK;
}

int cnn_dataset_check(const struct cnn_dataset *d, const struct cnn_graph *g,
    bool targets, struct cnn_error *e)
{
	int r = CNN_OK;

	for (uint32_t i = 0; r == CNN_OK && i < g->input_count; i++) {
		const struct cnn_graph_node *input = &g->nodes[g->inputs[i]];
		const struct cnn_column *c = cnn_dataset_find(d, input->field);

		if (!targets && !output_needs(g, i))
			continue;
		if (!c)
			return cnn_fail(e, CNN_EDATA, "the data lack the field %s",
			    name_of(d, input->field));
		r = check_shape(c, input, e);
		if (r == CNN_OK && input->index)
			r = check_indices(d, c, input->limit, e);
	}
	return r;
}

struct cnn_rows cnn_dataset_rows(const struct cnn_dataset *d, const struct cnn_graph *g,
    bool targets, size_t first, size_t count)
{
	struct cnn_rows rows = { .count = count };

	for (uint32_t i = 0; i < g->input_count; i++) {
		const struct cnn_column *c =
		    cnn_dataset_find(d, g->nodes[g->inputs[i]].field);

		if (c && (targets || output_needs(g, i)))
			rows.fields[i] = (struct cnn_rows_column){ c->dtype,
				c->data ? c->data + first * c->sample_bytes :
					  (const unsigned char *)"",
				c->scale, c->offset }; /* "": there are no samples */
	}
	return rows;
}
