/* model.c - reads and writes models as segments. */
#include "model.h"

#include "base/memory.h"
#include "class-names.h"

#include <stdlib.h>
#include <string.h>

/* Parameters of the model, zeroed. NULL, with *e set: out of memory. */
static float *new_floats(struct cnn_model *m, size_t count, struct cnn_error *e)
{
	float *p;

	if (cnn_memory_take("the net's parameters", count * sizeof *p, e) < 0)
		return NULL;
	m->bytes += count * sizeof *p;
	if (!(p = calloc(count ? count : 1, sizeof *p)))
		cnn_fail(e, CNN_ENOMEM, "out of memory");
	return p;
}

/* Checks that the parameters, `copies` times, take at most max_bytes, and that each can
 * be written: one row of it must fit in one tensor. */
static int check_params(const struct cnn_model *m, size_t copies, size_t max_bytes,
    struct cnn_error *e)
{
	const struct cnn_graph *g = m->graph;
	size_t floats = 0;

	if (g->param_count > CNN_MAX_PARAMETERS)
		return cnn_fail(e, CNN_EDATA, "more than %d parameters",
		    CNN_MAX_PARAMETERS);
	for (size_t i = 0; i < g->param_count; i++) {
		const struct cnn_shape *s = &g->params[i].def.shape;
		size_t rows = s->rank > 0 && s->dims[0] ? s->dims[0] : 1;

		if (g->params[i].count / rows > CNN_MAX_TENSOR / sizeof(float))
			return cnn_fail(e, CNN_EDATA,
			    "%s: one row takes more than %zu MiB", g->params[i].name,
			    CNN_MAX_TENSOR >> 20);
		if (g->params[i].count > SIZE_MAX / 64 - floats)
			return cnn_fail(e, CNN_ENOMEM, "too many parameters");
		floats += g->params[i].count;
	}
	if (max_bytes && floats > max_bytes / sizeof(float) / copies)
		return cnn_memory_refuse(copies > 1 ?
			"the net's parameters and moments" :
			"the net's parameters",
		    floats * copies * sizeof(float), e);
	return CNN_OK;
}

static int take_params(struct cnn_model *m, size_t max_bytes, struct cnn_error *e)
{
	const struct cnn_graph *g = m->graph;
	int r = check_params(m, 1, max_bytes, e);

	if (r < 0)
		return r;
	m->params = calloc(g->param_count + 1, sizeof *m->params);
	if (!m->params)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t i = 0; i < g->param_count; i++)
		if (!(m->params[i] = new_floats(m, g->params[i].count, e)))
			return CNN_ENOMEM;
	return CNN_OK;
}

int cnn_model_new(struct cnn_model **model, const char *where, const char *text,
    size_t size, struct cnn_plugins *plugins, uint64_t seed, size_t max_bytes,
    struct cnn_error *e)
{
	struct cnn_model *m = calloc(1, sizeof *m);
	int r;

	*model = NULL;
	if (!m || !(m->meta = cnn_value_map()) || !(m->history = cnn_value_array())) {
		cnn_model_free(m);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	m->seed = seed;
	r = cnn_graph_build(&m->graph, where, text, size, plugins, e);
	if (r == CNN_OK && (r = take_params(m, max_bytes, e)) < 0)
		cnn_error_prefix(e, "%s", where);
	if (r < 0) {
		cnn_model_free(m);
		return r;
	}
	for (size_t i = 0; i < m->graph->param_count; i++)
		cnn_graph_init_param(m->graph, i, seed, m->params[i]);
	*model = m;
	return CNN_OK;
}

static void give_back(struct cnn_model *m, size_t count)
{
	m->bytes -= count * sizeof(float);
	cnn_memory_give_back(count * sizeof(float));
}

void cnn_model_strip(struct cnn_model *m)
{
	for (uint32_t k = 0; k < m->moment_count; k++) {
		for (size_t i = 0; i < m->graph->param_count; i++) {
			if (!m->moments[k][i])
				continue;
			free(m->moments[k][i]);
			give_back(m, m->graph->params[i].count);
		}
		free(m->moments[k]);
		m->moments[k] = NULL;
	}
	m->moment_count = 0;
	cnn_value_free(m->training);
	m->training = NULL;
}

static void drop_classes(struct cnn_model *m)
{
	if (m->classes)
		cnn_class_names_free(m->class_names, m->classes->as.array.count);
	cnn_value_free(m->classes);
	m->class_names = NULL;
	m->classes = NULL;
}

void cnn_model_free(struct cnn_model *m)
{
	if (!m)
		return;
	cnn_model_strip(m);
	for (size_t i = 0; m->params && i < m->graph->param_count; i++)
		free(m->params[i]);
	cnn_memory_give_back(m->bytes);
	free(m->params);
	cnn_graph_free(m->graph);
	cnn_value_free(m->meta);
	cnn_value_free(m->history);
	drop_classes(m);
	free(m->arrived);
	free(m);
}

static bool trainable(const struct cnn_model *m, size_t i)
{
	return m->graph->params[i].def.kind == CNN_PARAM_TRAINABLE;
}

int cnn_model_set_moments(struct cnn_model *m, uint32_t count, const char *const *names,
    struct cnn_error *e)
{
	for (; m->moment_count < count; m->moment_count++) {
		uint32_t k = m->moment_count;

		snprintf(m->moment_names[k], sizeof m->moment_names[k], "%s", names[k]);
		m->moments[k] = calloc(m->graph->param_count + 1, sizeof **m->moments);
		if (!m->moments[k])
			return cnn_fail(e, CNN_ENOMEM, "out of memory");
		for (size_t i = 0; i < m->graph->param_count; i++)
			if (trainable(m, i) &&
			    !(m->moments[k][i] =
				    new_floats(m, m->graph->params[i].count, e))) {
				m->moment_count++;
				return CNN_ENOMEM;
			}
	}
	return CNN_OK;
}

int cnn_model_set_classes(struct cnn_model *m, const struct cnn_value *classes,
    struct cnn_error *e)
{
	const struct cnn_shape *output = &m->graph->nodes[m->graph->output].node.output;
	struct cnn_value *copy;
	char **names;
	int r;

	if (classes->type != CNN_ARRAY)
		return cnn_fail(e, CNN_EDATA, "the classes must be a list of names");
	for (size_t i = 0; i < classes->as.array.count; i++)
		if (classes->as.array.items[i]->type != CNN_STR)
			return cnn_fail(e, CNN_EDATA,
			    "class %zu: the name must be a string", i);
	if (!(copy = cnn_value_copy(classes)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if ((r = cnn_class_names(&names, copy, cnn_graph_shape_count(output), e)) < 0) {
		cnn_value_free(copy);
		return r;
	}
	drop_classes(m);
	m->classes = copy;
	m->class_names = names;
	return CNN_OK;
}

const char *cnn_model_class(const struct cnn_model *m, size_t class, char *buf)
{
	if (m->classes && class < m->classes->as.array.count)
		return m->class_names[class];
	snprintf(buf, 32, "%zu", class);
	return buf;
}

/* --- reading ---------------------------------------------------------------------- */

/* Finds the moments: fields whose names are a parameter's, '@' and the moment's. */
static int find_moments(struct cnn_model *m, const struct cnn_header *h,
    size_t max_bytes, struct cnn_error *e)
{
	const char *names[CNN_MAX_MOMENTS];
	uint32_t count = 0, k;
	int r;

	for (size_t i = 0; i < h->field_count; i++) {
		const char *at = strchr(h->fields[i].name, '@');

		if (!at)
			continue;
		for (k = 0; k < count; k++)
			if (strcmp(names[k], at + 1) == 0)
				break;
		if (k < count)
			continue;
		if (count == CNN_MAX_MOMENTS ||
		    strlen(at + 1) >= sizeof *m->moment_names)
			return cnn_fail(e, CNN_EDATA, "field %s: unknown moment",
			    h->fields[i].name);
		names[count++] = at + 1;
	}
	if ((r = check_params(m, 1 + count, max_bytes, e)) < 0)
		return r;
	return cnn_model_set_moments(m, count, names, e);
}

/* Finds the destination of a field: a parameter or one of its moments. **done counts the
 * elements received so far. */
static float *destination(struct cnn_model *m, const char *name,
    const struct cnn_graph_param **param, size_t **done)
{
	for (size_t i = 0; i < m->graph->param_count; i++) {
		const struct cnn_graph_param *p = &m->graph->params[i];
		size_t n = strlen(p->name);

		if (strncmp(p->name, name, n) != 0)
			continue;
		*param = p;
		*done = &m->arrived[i];
		if (!name[n])
			return m->params[i];
		for (uint32_t k = 0; name[n] == '@' && k < m->moment_count; k++)
			if (strcmp(m->moment_names[k], name + n + 1) == 0) {
				*done =
				    &m->arrived[(k + 1) * m->graph->param_count + i];
				return m->moments[k][i];
			}
	}
	return NULL;
}

/* Checks that the header declares each parameter and moment as the net has it. The reader
 * refuses a record that differs from the header. */
static int check_fields(struct cnn_model *m, const struct cnn_header *h,
    struct cnn_error *e)
{
	for (size_t i = 0; i < h->field_count; i++) {
		const struct cnn_field *f = &h->fields[i];
		const struct cnn_graph_param *p;
		char a[CNN_SHAPE_TEXT], b[CNN_SHAPE_TEXT];
		size_t *done;

		if (!destination(m, f->name, &p, &done))
			return cnn_fail(e, CNN_EDATA,
			    "%s: the net has no such parameter", f->name);
		if (f->rank != (int)p->def.shape.rank ||
		    memcmp(f->shape, p->def.shape.dims,
			(size_t)f->rank * sizeof *f->shape) != 0 ||
		    (f->dtype != CNN_F32 && f->dtype != CNN_F64 &&
			f->dtype != CNN_F16 && f->dtype != CNN_BF16))
			return cnn_fail(e, CNN_EDATA,
			    "%s: the header declares %s %s, which does not fit the "
			    "net's %s",
			    f->name, cnn_dtype_name(f->dtype),
			    cnn_shape_text(f->rank, f->shape, a, sizeof a),
			    cnn_graph_shape_text(&p->def.shape, b, sizeof b));
	}
	return CNN_OK;
}

int cnn_model_begin(struct cnn_model **model, const char *where,
    const struct cnn_header *h, struct cnn_plugins *plugins, size_t max_bytes,
    struct cnn_error *e)
{
	const struct cnn_value *classes = cnn_value_get(h->model, "classes");
	const struct cnn_value *training = cnn_value_get(h->model, "training");
	struct cnn_model *m = NULL;
	const char *net;
	int r;

	*model = NULL;
	if (!cnn_value_get_str(h->model, "net", &net))
		return cnn_fail(e, CNN_EDATA, "%s: the model has no net", where);
	if (!(m = calloc(1, sizeof *m)) || !(m->meta = cnn_value_copy(h->meta)) ||
	    !(m->history = cnn_value_copy(h->history)) ||
	    (training && !(m->training = cnn_value_copy(training)))) {
		cnn_model_free(m);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	cnn_value_get_uint(h->model, "seed", &m->seed);
	r = cnn_graph_build(&m->graph, where, net, strlen(net), plugins, e);
	if (r == CNN_OK &&
	    ((classes && (r = cnn_model_set_classes(m, classes, e)) < 0) ||
		(r = take_params(m, max_bytes, e)) < 0 ||
		(r = find_moments(m, h, max_bytes, e)) < 0))
		cnn_error_prefix(e, "%s", where);
	if (r == CNN_OK &&
	    !(m->arrived = calloc((m->moment_count + 1) * m->graph->param_count + 1,
		  sizeof *m->arrived)))
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	if (r == CNN_OK && (r = check_fields(m, h, e)) < 0)
		cnn_error_prefix(e, "%s", where);
	if (r < 0)
		cnn_model_free(m);
	else
		*model = m;
	return r;
}

int cnn_model_add(struct cnn_model *m, const struct cnn_record *rec,
    struct cnn_error *e)
{
	for (size_t i = 0; i < rec->count; i++) {
		const struct cnn_tensor *t = &rec->tensors[i];
		const struct cnn_graph_param *p;
		char a[CNN_SHAPE_TEXT], b[CNN_SHAPE_TEXT];
		size_t count, rows, *done;
		float *to = destination(m, rec->names[i], &p, &done);
		bool fits;

		if (!to)
			return cnn_fail(e, CNN_EDATA,
			    "%s: the net has no such parameter", rec->names[i]);
		cnn_shape_count(t->rank, t->shape, &count);
		rows = t->rank > 0 ? t->shape[0] : 1;
		fits = t->rank == (int)p->def.shape.rank &&
		    (t->rank == 0 ||
			(rows <= p->def.shape.dims[0] &&
			    memcmp(t->shape + 1, p->def.shape.dims + 1,
				(size_t)(t->rank - 1) * sizeof *t->shape) == 0));
		if (!fits ||
		    (t->dtype != CNN_F32 && t->dtype != CNN_F64 &&
			t->dtype != CNN_F16 && t->dtype != CNN_BF16))
			return cnn_fail(e, CNN_EDATA,
			    "%s: %s %s does not fit the net's %s", rec->names[i],
			    cnn_dtype_name(t->dtype),
			    cnn_shape_text(t->rank, t->shape, a, sizeof a),
			    cnn_graph_shape_text(&p->def.shape, b, sizeof b));
		if (count > p->count - *done)
			return cnn_fail(e, CNN_EDATA, "%s: occurs twice",
			    rec->names[i]);
		cnn_to_f32(t->dtype, t->data, count, to + *done);
		*done += count;
	}
	return CNN_OK;
}

int cnn_model_finish(struct cnn_model *m, struct cnn_error *e)
{
	size_t n = m->graph->param_count;

	for (size_t i = 0; i < n; i++) {
		const struct cnn_graph_param *p = &m->graph->params[i];

		if (m->arrived[i] != p->count)
			return cnn_fail(e, CNN_EDATA,
			    "%s: %zu of its %zu values are missing", p->name,
			    p->count - m->arrived[i], p->count);
		for (uint32_t k = 0; trainable(m, i) && k < m->moment_count; k++)
			if (m->arrived[(k + 1) * n + i] != p->count)
				return cnn_fail(e, CNN_EDATA,
				    "%s@%s: values are missing", p->name,
				    m->moment_names[k]);
	}
	free(m->arrived);
	m->arrived = NULL;
	return CNN_OK;
}

/* --- writing ---------------------------------------------------------------------- */

static struct cnn_header *header_of(const struct cnn_model *m, bool strip)
{
	const struct cnn_graph *g = m->graph;
	struct cnn_header *h = cnn_header_new(CNN_MODEL);
	char name[CNN_MAX_NAME + 1];
	bool good;

	if (!h)
		return NULL;
	cnn_value_free(h->meta);
	cnn_value_free(h->history);
	h->meta = cnn_value_copy(m->meta);
	h->history = cnn_value_copy(m->history);
	h->model = cnn_value_map();
	good = h->meta && h->history &&
	    cnn_value_set(h->model, "net", cnn_value_strn(g->text, g->text_size)) &&
	    cnn_value_set(h->model, "seed", cnn_value_uint(m->seed)) &&
	    (!m->classes ||
		cnn_value_set(h->model, "classes", cnn_value_copy(m->classes))) &&
	    (strip || !m->training ||
		cnn_value_set(h->model, "training", cnn_value_copy(m->training)));
	for (size_t i = 0; good && i < g->param_count; i++) {
		const struct cnn_graph_param *p = &g->params[i];
		const struct cnn_shape *s = &p->def.shape;

		good = cnn_header_add(h, p->name, CNN_F32, (int)s->rank, s->dims);
		for (uint32_t k = 0; good && !strip && k < m->moment_count; k++) {
			snprintf(name, sizeof name, "%s@%s", p->name,
			    m->moment_names[k]);
			good = !m->moments[k][i] ||
			    cnn_header_add(h, name, CNN_F32, (int)s->rank, s->dims);
		}
	}
	if (good)
		return h;
	cnn_header_free(h);
	return NULL;
}

static int write_tensor(struct cnn_writer *w, const struct cnn_field *f, float *values,
    struct cnn_error *e)
{
	struct cnn_record rec = { .count = 1, .names = { f->name } };

	rec.tensors[0].dtype = f->dtype;
	rec.tensors[0].rank = f->rank;
	memcpy(rec.tensors[0].shape, f->shape, sizeof f->shape);
	rec.tensors[0].data = values;
	return cnn_writer_record(w, &rec, e);
}

int cnn_model_write(const struct cnn_model *m, struct cnn_output *out, bool strip,
    struct cnn_error *e)
{
	struct cnn_header *h = header_of(m, strip);
	struct cnn_writer *w = NULL;
	const struct cnn_field *f;
	int r;

	if (!h)
		return cnn_fail(e, CNN_ENOMEM, "out of memory, or too many parameters");
	if ((r = cnn_writer_open(&w, out, e)) == CNN_OK)
		r = cnn_writer_header(w, h, e);
	f = h->fields;
	for (size_t i = 0; r == CNN_OK && i < m->graph->param_count; i++) {
		r = write_tensor(w, f++, m->params[i], e);
		for (uint32_t k = 0; r == CNN_OK && !strip && k < m->moment_count; k++)
			if (m->moments[k][i])
				r = write_tensor(w, f++, m->moments[k][i], e);
	}
	if (r == CNN_OK)
		r = cnn_writer_end(w, NULL, e);
	cnn_writer_close(w);
	cnn_header_free(h);
	return r;
}

int cnn_model_check(const struct cnn_model *m, const char *path, bool strip,
    struct cnn_error *e)
{
	struct cnn_header *h = header_of(m, strip);
	int r;

	if (!h)
		return cnn_fail(e, CNN_ENOMEM, "out of memory, or too many parameters");
	r = cnn_header_check(h, path ? path : "standard output", e);
	cnn_header_free(h);
	return r;
}

int cnn_model_save(const struct cnn_model *m, const char *path, bool strip,
    struct cnn_error *e)
{
	struct cnn_output *out;
	int r = cnn_output_open(&out, path, true, e);

	if (r < 0)
		return r;
	if ((r = cnn_model_write(m, out, strip, e)) == CNN_OK)
		return cnn_output_commit(out, e);
	cnn_output_abort(out);
	return r;
}
