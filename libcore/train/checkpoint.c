/* checkpoint.c - saves and restores the state of a training run in a model. */
#include "trainer-private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- resuming --------------------------------------------------------------------- */

/* Selects the device of the recorded providers ("cpu" in "conv1+relu1=cpu/native"), and
 * makes the executor use these providers. */
static int resume_device(const struct cnn_model *m, struct cnn_train_options *o,
    struct cnn_error *e)
{
	static const char *const devices[] = { "cpu", "cuda" };
	const struct cnn_value *list = cnn_value_get(m->training, "providers");
	const struct cnn_value *first = list && list->type == CNN_ARRAY &&
		list->as.array.count > 0 ?
	    list->as.array.items[0] :
	    NULL;
	const char *at =
	    first && first->type == CNN_STR ? strchr(first->as.str.data, '=') : NULL;
	const char *device = NULL;

	for (size_t i = 0; at && i < sizeof devices / sizeof *devices; i++)
		if (strncmp(at + 1, devices[i], strlen(devices[i])) == 0 &&
		    at[1 + strlen(devices[i])] == '/')
			device = devices[i];
	if (!device)
		return cnn_fail(e, CNN_EDATA,
		    "the checkpoint's providers are missing or invalid");
	o->on.recorded = list;
	if (strcmp(device, o->on.device) == 0)
		return CNN_OK;
	if (o->device_given)
		return cnn_fail(e, CNN_EUSAGE,
		    "--device: conflicts with the checkpoint (omit it to "
		    "use the checkpoint's device)");
	return cnn_device_choose(m->graph->plugins, device, &o->on.device,
	    &o->on.ordinal, e);
}

int cnn_train_resume(const struct cnn_model *m, struct cnn_train_options *o,
    struct cnn_error *e)
{
	int r;

	if (!m->training)
		return cnn_fail(e, CNN_EDATA,
		    "the model has no training state to "
		    "resume from: it was never trained, or was written with --strip");
	r = cnn_train_options_load(o, m->training, m->graph->plugins, e);
	return r < 0 ? r : resume_device(m, o, e);
}

int cnn_trainer_restore(struct cnn_trainer *t, struct cnn_error *e)
{
	const struct cnn_value *v = t->model->training;
	struct cnn_value *choices;
	uint64_t samples = 0;
	const char *digest;

	if (!cnn_value_get_uint(v, "step", &t->step) ||
	    !cnn_value_get_uint(v, "updates", &t->updates) ||
	    !cnn_value_get_uint(v, "epoch", &t->epoch) ||
	    !cnn_value_get_uint(v, "cursor", &t->cursor) ||
	    !cnn_value_get_uint(v, "good_steps", &t->good_steps) ||
	    !cnn_value_get_float(v, "loss_scale", &t->loss_scale) ||
	    !cnn_value_get_uint(v, "samples", &samples) ||
	    !cnn_value_get_str(v, "digest", &digest))
		return cnn_fail(e, CNN_EDATA,
		    "the checkpoint's training state is incomplete");
	if (samples == 0)
		return cnn_fail(e, CNN_EDATA,
		    "trained with --stream: can't be "
		    "resumed, as its position in the data is unknown");
	if (!t->data || samples != t->data->samples || strcmp(digest, t->digest) != 0)
		return cnn_fail(e, CNN_EDATA,
		    "the data are not those that the "
		    "checkpoint was trained on (%llu samples, digest %s)",
		    (unsigned long long)samples, digest);
	if (t->cursor >= samples || t->updates > t->step || t->step >= UINT32_MAX ||
	    t->epoch >= UINT32_MAX || t->good_steps >= UINT32_MAX ||
	    !isfinite(t->loss_scale) || t->loss_scale <= 0)
		return cnn_fail(e, CNN_EDATA,
		    "the checkpoint's training state is invalid");
	choices = cnn_value_copy(cnn_value_get(v, "choices"));
	if (choices) {
		cnn_value_free(t->choices);
		t->choices = choices;
	}
	return CNN_OK;
}

/* --- saving ----------------------------------------------------------------------- */

/* "conv1+relu1=cpu/onednn" for each run. Together with the build, these determine the
 * bits of the result. */
static struct cnn_value *providers(const struct cnn_trainer *t)
{
	struct cnn_value *list = cnn_value_array();
	struct cnn_executor_run run;
	char text[CNN_MAX_RUN * 101 + 2 * 256]; /* node names have at most 100 bytes */

	for (size_t i = 0; cnn_executor_run_at(t->ex, i, &run); i++) {
		size_t n = 0;

		for (uint32_t k = 0; k < run.count && n < sizeof text; k++)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s",
			    k ? "+" : "",
			    t->model->graph->nodes[run.nodes[k]].node.name);
		if (n < sizeof text)
			snprintf(text + n, sizeof text - n, "=%s/%s", run.device,
			    run.provider);
		if (!cnn_value_append(list, cnn_value_str(text))) {
			cnn_value_free(list);
			return NULL;
		}
	}
	return list;
}

static bool save_state(const struct cnn_trainer *t, struct cnn_value *v)
{
	return cnn_train_options_save(&t->options, v) &&
	    cnn_value_set(v, "step", cnn_value_uint(t->step)) &&
	    cnn_value_set(v, "updates", cnn_value_uint(t->updates)) &&
	    cnn_value_set(v, "epoch", cnn_value_uint(t->epoch)) &&
	    cnn_value_set(v, "cursor", cnn_value_uint(t->cursor)) &&
	    cnn_value_set(v, "loss_scale", cnn_value_float(t->loss_scale)) &&
	    cnn_value_set(v, "good_steps", cnn_value_uint(t->good_steps)) &&
	    cnn_value_set(v, "samples",
		cnn_value_uint(t->data ? t->data->samples : 0)) &&
	    cnn_value_set(v, "digest", cnn_value_str(t->digest)) &&
	    cnn_value_set(v, "providers", providers(t)) &&
	    (t->choices->as.map.count == 0 ||
		cnn_value_set(v, "choices", cnn_value_copy(t->choices)));
}

/* The information about the training that a stripped model keeps. */
static bool save_header(const struct cnn_trainer *t)
{
	struct cnn_model *m = t->model;
	size_t entries = m->history->as.array.count;
	struct cnn_value *last = entries > 0 ? m->history->as.array.items[entries - 1] :
					       NULL;
	struct cnn_value *data;

	if (last && last->type == CNN_MAP &&
	    (!cnn_value_set(last, "steps", cnn_value_uint(t->step)) ||
		/* the length of the run for which the rate was planned */
		(t->options.schedule_def->needs_end &&
		    !cnn_value_set(last, "planned_steps",
			cnn_value_uint(cnn_trainer_planned_steps(t))))))
		return false;
	if (!t->data)
		return true;
	data = cnn_value_map();
	if (!cnn_value_set(data, "samples", cnn_value_uint(t->data->samples)) ||
	    !cnn_value_set(data, "digest", cnn_value_str(t->digest))) {
		cnn_value_free(data);
		return false;
	}
	return cnn_value_set(m->meta, "data", data);
}

int cnn_trainer_save(struct cnn_trainer *t, struct cnn_error *e)
{
	struct cnn_model *m = t->model;
	uint32_t count = cnn_executor_moment_count(t->ex);
	const char *names[CNN_MAX_MOMENTS];
	char text[CNN_MAX_MOMENTS][64];
	struct cnn_value *state;
	struct cnn_state now;
	int r;

	if (t->ahead > 0)
		return cnn_fail(e, CNN_EUSAGE, "steps are still running");
	if ((r = cnn_executor_get_state(t->ex, &now, e)) < 0)
		return r;
	t->updates = now.updates;
	t->good_steps = now.good_steps;
	t->loss_scale = (double)now.loss_scale;
	state = cnn_value_map();
	if (!save_state(t, state) || !save_header(t)) {
		cnn_value_free(state);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	for (uint32_t k = 0; k < count; k++) {
		snprintf(text[k], sizeof text[k], "%s.%s",
		    t->options.optimizer_def->name, cnn_executor_moment_name(t->ex, k));
		names[k] = text[k];
	}
	if (t->options.resume && !t->resumed) {
		t->resumed = m->training;
		m->training = NULL;
	}
	if (m->moment_count != count)
		cnn_model_strip(m);
	cnn_value_free(m->training);
	m->training = state;
	if ((r = cnn_model_set_moments(m, count, names, e)) < 0)
		return r;
	for (uint32_t k = 0; k < count; k++)
		memcpy(m->moment_names[k], text[k], sizeof m->moment_names[k]);
	for (size_t i = 0; r == CNN_OK && i < m->graph->param_count; i++) {
		r = cnn_executor_get_param(t->ex, i, m->params[i], e);
		for (uint32_t k = 0; r == CNN_OK && k < count; k++)
			if (m->moments[k][i])
				r = cnn_executor_get_moment(t->ex, i, k,
				    m->moments[k][i], e);
	}
	return r;
}
