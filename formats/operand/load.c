/* load.c - finds models and data in operands, in any order. */
#include "load.h"

#include "train/evaluate.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Standard input cannot supply what the operands lack if it is a terminal. */
static int check_terminal(const char *what, struct cnn_error *e)
{
	return isatty(STDIN_FILENO) ?
	    cnn_fail(e, CNN_EUSAGE, "%s missing, and standard input is a terminal",
		what) :
	    CNN_OK;
}

int cnn_load_open(struct cnn_load *l, const char *const *paths, size_t count,
    struct cnn_plugins *plugins, struct cnn_error *e)
{
	static const char *const standard[] = { "-" };

	int r = count ? CNN_OK : check_terminal("model and data operands are", e);

	*l = (struct cnn_load){ .plugins = plugins };
	return r < 0 ? r :
		       cnn_operands_open(&l->in, count ? paths : standard,
			   count ? count : 1, NULL, e);
}

void cnn_load_close(struct cnn_load *l)
{
	cnn_operands_close(l->in);
	cnn_model_free(l->model);
	l->in = NULL;
	l->model = NULL;
}

/* Reads the model segment that has this header. */
static int read_model(struct cnn_load *l, const struct cnn_header *header,
    struct cnn_error *e)
{
	const char *name = cnn_operands_name(l->in);
	struct cnn_record rec;
	int r;

	if (l->model)
		return cnn_fail(e, CNN_EUSAGE, "%s: second model: only one is allowed",
		    name);
	r = cnn_model_begin(&l->model, name, header, l->plugins, l->max_memory, e);
	while (r == CNN_OK && (r = cnn_operands_record(l->in, &rec, e)) == CNN_OK)
		if ((r = cnn_model_add(l->model, &rec, e)) < 0)
			cnn_error_prefix(e, "%s", name);
	if (r == CNN_END && (r = cnn_model_finish(l->model, e)) < 0)
		cnn_error_prefix(e, "%s", name);
	return r;
}

int cnn_load_segment(struct cnn_load *l, const struct cnn_header *header,
    struct cnn_dataset *data, bool targets, struct cnn_error *e)
{
	const char *name, *field;
	size_t first;
	int r = CNN_OK;

	for (size_t i = 0;
	     r == CNN_OK && cnn_operands_file(l->in, i, &name, &field, &first); i++)
		r = cnn_dataset_from(data, name, field, first, e);
	if (r == CNN_OK && (r = cnn_dataset_segment(data, header, targets, e)) < 0)
		cnn_error_prefix(e, "%s", cnn_operands_name(l->in));
	return r;
}

static int read_data(struct cnn_load *l, const struct cnn_header *header,
    struct cnn_dataset *data, bool targets, struct cnn_error *e)
{
	const size_t first = data->samples;
	struct cnn_record rec;
	int r = cnn_load_segment(l, header, data, targets, e);
	size_t row;

	data->expected = cnn_operands_expected(l->in, header);
	row = cnn_dataset_row(data);
	if (r == CNN_OK && data->graph &&
	    (r = cnn_dataset_check(data, data->graph, targets, first, e)) < 0)
		cnn_dataset_blame(data, first, e);
	while (r == CNN_OK && (r = cnn_operands_record(l->in, &rec, e)) == CNN_OK &&
	    (r = cnn_operands_hold(l->in, &rec, row, data->room - data->samples, e)) ==
		CNN_OK)
		if ((r = cnn_dataset_append(data, &rec, e)) < 0)
			cnn_error_prefix(e, "%s", cnn_operands_name(l->in));
	if (r == CNN_END && data->graph &&
	    (r = cnn_dataset_check(data, data->graph, targets, first, e)) < 0)
		cnn_dataset_blame(data, first, e);
	return r == CNN_END ? CNN_OK : r;
}

/* Adds standard input to the operands because they lack `what`. Fails if it is already
 * one of them or is used by an option. */
static int ask_standard_input(struct cnn_load *l, const char *what, struct cnn_error *e)
{
	int r;

	if (l->stdin_is)
		return cnn_fail(e, CNN_EUSAGE,
		    "no %s in any operand, and standard input is used by %s", what,
		    l->stdin_is);
	if (cnn_operands_has_stdin(l->in))
		return cnn_fail(e, CNN_EDATA,
		    "no %s in any operand or in standard input", what);
	r = check_terminal(strcmp(what, "data") == 0 ? "data operands are" :
						       "the model operand is",
	    e);
	if (r < 0 || (r = cnn_operands_add(l->in, "-", e)) < 0)
		return r;
	return cnn_operands_added_empty(l->in) ?
	    cnn_fail(e, CNN_EDATA, "standard input is empty: no %s given?", what) :
	    CNN_OK;
}

int cnn_load_all(struct cnn_load *l, struct cnn_dataset *data, bool targets,
    struct cnn_error *e)
{
	const struct cnn_header *header;
	int r;

	for (;;) {
		r = cnn_operands_header(l->in, &header, e);
		if (r == CNN_OK && header->kind == CNN_MODEL) {
			if ((r = read_model(l, header, e)) == CNN_OK &&
			    ((r = cnn_dataset_use(data, l->model->graph, targets, e)) <
				    0 ||
				(data->begun &&
				    (r = cnn_dataset_check(data, l->model->graph,
					 targets, 0, e)) < 0)))
				cnn_dataset_blame(data, 0, e);
		} else if (r == CNN_OK)
			r = read_data(l, header, data, targets, e);
		else if (r == CNN_END && l->model && data->begun) {
			cnn_dataset_trim(data);
			return CNN_OK;
		} else if (r == CNN_END)
			r = ask_standard_input(l, l->model ? "data" : "model", e);
		if (r < 0)
			return r;
	}
}

int cnn_load_file(struct cnn_dataset **set, const char *path, const char *image,
    const char *label, struct cnn_plugins *plugins, struct cnn_error *e)
{
	const struct cnn_header *header;
	struct cnn_load l;
	int r = cnn_dataset_new(set, image, label, e);

	if (r < 0)
		return r;
	r = cnn_load_open(&l, &path, 1, plugins, e);
	while (r == CNN_OK && (r = cnn_load_next(&l, &header, e)) == CNN_OK)
		r = read_data(&l, header, *set, true, e);
	if (r == CNN_END && (*set)->samples == 0)
		r = cnn_fail(e, CNN_EDATA, "%s: contains no samples", path);
	cnn_dataset_trim(*set);
	cnn_load_close(&l);
	return r == CNN_END ? CNN_OK : r;
}

int cnn_load_next(struct cnn_load *l, const struct cnn_header **data,
    struct cnn_error *e)
{
	int r;

	while ((r = cnn_operands_header(l->in, data, e)) == CNN_OK) {
		if ((*data)->kind == CNN_DATA)
			return CNN_OK;
		if ((r = read_model(l, *data, e)) < 0)
			return r;
	}
	return r;
}

int cnn_load_model(struct cnn_load *l, const struct cnn_header **data,
    struct cnn_error *e)
{
	size_t models;
	int r;

	if ((r = cnn_operands_models_first(l->in, &models, e)) < 0)
		return r;
	if (models == 0 && !l->stdin_is && !cnn_operands_has_stdin(l->in) &&
	    ((r = ask_standard_input(l, "model", e)) < 0 ||
		(r = cnn_operands_models_first(l->in, &models, e)) < 0))
		return r;
	while ((r = cnn_operands_header(l->in, data, e)) == CNN_OK && !l->model) {
		if ((*data)->kind != CNN_MODEL)
			return cnn_fail(e, CNN_EDATA,
			    "%s: contains data, but neither "
			    "an operand nor standard input begins with a model",
			    cnn_operands_name(l->in));
		if ((r = read_model(l, *data, e)) < 0)
			return r;
	}
	if (r < 0 || (r == CNN_OK && (*data)->kind == CNN_DATA))
		return r;
	if (r == CNN_OK)
		return cnn_fail(e, CNN_EUSAGE, "%s: second model: only one is allowed",
		    cnn_operands_name(l->in));
	if (!l->model)
		return cnn_fail(e, CNN_EDATA, "no model in any operand");
	/* There is only a model: the data come from standard input. */
	if ((r = ask_standard_input(l, "data", e)) < 0)
		return r;
	return cnn_load_next(l, data, e);
}
