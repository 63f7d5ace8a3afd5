/* trainer.c - epochs and steps.
 *
 * On an asynchronous device, as many steps are started as the device accepts before the
 * first result is collected. The executor's parameters follow the last step that was
 * started, so steps are not started past the end of an epoch, or past a step after
 * which the caller may save. */
#include "trainer-private.h"

#include "base/random.h"
#include "evaluate.h"
#include "executor/amp.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SCALE 65536.0 /* as in PyTorch's GradScaler */

/* --- opening ---------------------------------------------------------------------- */

static int load_params(struct cnn_trainer *t, struct cnn_error *e)
{
	struct cnn_model *m = t->model;
	uint32_t moments = cnn_executor_moment_count(t->ex);
	bool has_moments = false;
	int r = CNN_OK;

	for (size_t i = 0; r == CNN_OK && i < m->graph->param_count; i++) {
		r = cnn_executor_set_param(t->ex, i, m->params[i], e);
		has_moments |= m->graph->params[i].def.kind == CNN_PARAM_TRAINABLE;
	}
	if (!t->options.resume || !has_moments || r < 0)
		return r;
	for (uint32_t k = 0; k < moments; k++) {
		char name[64];

		snprintf(name, sizeof name, "%s.%s", t->options.optimizer_def->name,
		    cnn_executor_moment_name(t->ex, k));
		if (k >= m->moment_count || strcmp(m->moment_names[k], name) != 0)
			return cnn_fail(e, CNN_EDATA,
			    "the checkpoint has no %s moments", name);
		for (size_t i = 0; r == CNN_OK && i < m->graph->param_count; i++)
			if (m->moments[k][i])
				r = cnn_executor_set_moment(t->ex, i, k,
				    m->moments[k][i], e);
	}
	return r;
}

static int load_state(struct cnn_trainer *t, struct cnn_error *e)
{
	const struct cnn_state s = {
		.seed = t->options.seed,
		.updates = t->updates,
		.loss_scale = (float)t->loss_scale,
		.good_steps = (uint32_t)t->good_steps,
		.step = (uint32_t)t->step,
	};

	return cnn_executor_set_state(t->ex, &s, e);
}

static int set_rows(struct cnn_trainer *t, const struct cnn_dataset *d, size_t first,
    size_t count, struct cnn_error *e)
{
	const struct cnn_rows rows =
	    cnn_dataset_rows(d, t->model->graph, true, first, count);

	return cnn_executor_set_rows(t->ex, &rows, e);
}

/* Checks that a model's header has room for each parameter and its moments, rather than
 * failing only when the trained model is written. */
static int check_fields(const struct cnn_trainer *t, struct cnn_error *e)
{
	const struct cnn_graph *g = t->model->graph;
	size_t fields = g->param_count;

	for (size_t i = 0; i < g->param_count; i++)
		if (g->params[i].def.kind == CNN_PARAM_TRAINABLE)
			fields += cnn_executor_moment_count(t->ex);
	return fields <= CNN_MAX_PARAMETERS ?
	    CNN_OK :
	    cnn_fail(e, CNN_EDATA,
		"%zu parameters and moments of %s: a model has at most %d", fields,
		t->options.optimizer_def->name, CNN_MAX_PARAMETERS);
}

/* Fails if a layer cannot be trained with one of the batches to come, rather than when
 * the first step or the epoch's last one gets there. */
static int check_batches(const struct cnn_trainer *t, struct cnn_error *e)
{
	const struct cnn_graph *g = t->model->graph;
	const uint64_t samples = t->data->samples, batch = t->options.batch;
	const uint64_t full = (samples - t->cursor) / batch;
	uint64_t last = samples % batch, least = batch < samples ? batch : samples;

	if (last > 0 && (t->options.steps == 0 || t->options.steps > full))
		least = last;
	for (size_t i = 0; i < g->node_count; i++) {
		const uint32_t needed = cnn_graph_min_batch(g, i);

		if (least < needed)
			return cnn_fail(e, CNN_EDATA,
			    "%s: training needs at least %u samples in a batch, but "
			    "%s has %" PRIu64 ": choose another --batch",
			    g->nodes[i].node.name, needed,
			    least == last && last < samples ?
				"the last batch of an epoch" :
				"a batch",
			    least);
	}
	return CNN_OK;
}

/* The model may have been trained on other classes before. */
int cnn_trainer_take_classes(struct cnn_trainer *t, const struct cnn_dataset *d,
    struct cnn_error *e)
{
	const struct cnn_column *c = cnn_dataset_labels(d);

	return c && c->classes ? cnn_model_set_classes(t->model, c->classes, e) :
				 CNN_OK;
}

struct cnn_compute cnn_trainer_compute(const struct cnn_trainer *t)
{
	const struct cnn_train_options *o = &t->options;
	struct cnn_compute on = o->on;

	on.isa = o->isa;
	on.policy = (o->fast ? CNN_POLICY_FAST : 0) | (o->tf32 ? CNN_POLICY_TF32 : 0) |
	    (o->tune ? CNN_POLICY_TUNE : 0);
	on.choices = t->choices;
	return on;
}

static int open_executor(struct cnn_trainer *t, struct cnn_error *e)
{
	const struct cnn_train_options *o = &t->options;
	uint64_t batch = o->batch;
	struct cnn_executor_options eo = {
		.on = cnn_trainer_compute(t),
		.microbatch_size = (uint32_t)o->microbatch_size,
		.training = true,
		.amp = cnn_amp_dtype(o->amp),
		.optimizer = o->optimizer_def,
		.optimizer_args = o->optimizer_args,
		.grad_clip = o->grad_clip,
	};

	if (t->data && batch > t->data->samples)
		batch = t->data->samples;
	eo.batch = (uint32_t)batch;
	return cnn_executor_open(&t->ex, t->model->graph, &eo, e);
}

int cnn_trainer_open(struct cnn_trainer **trainer, struct cnn_model *m,
    const struct cnn_dataset *data, const struct cnn_train_options *options,
    struct cnn_error *e)
{
	struct cnn_trainer *t = calloc(1, sizeof *t);
	int r = CNN_OK;

	*trainer = NULL;
	if (!t)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	t->model = m;
	t->data = data;
	t->options = *options;
	t->begun_epoch = UINT64_MAX;
	if (!(t->choices = cnn_value_map()))
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	t->loss_scale = cnn_amp_dtype(options->amp) == CNN_F16 ? FIRST_SCALE : 1;
	if (data) {
		if (data->samples == 0)
			r = cnn_fail(e, CNN_EDATA, "the data contain no samples");
		if (r == CNN_OK &&
		    (r = cnn_dataset_check(data, m->graph, true, 0, e)) == CNN_OK)
			cnn_dataset_digest(data, m->graph, t->digest);
		t->order = malloc(data->samples * sizeof *t->order + 1);
		t->rates = malloc(
		    (data->samples / options->batch + 1) * sizeof *t->rates);
		if ((!t->order || !t->rates) && r == CNN_OK)
			r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	if (r == CNN_OK && options->resume)
		r = cnn_trainer_restore(t, e);
	if (r == CNN_OK && data && (r = check_batches(t, e)) == CNN_OK)
		r = cnn_trainer_take_classes(t, data, e);
	if (r == CNN_OK && (r = open_executor(t, e)) == CNN_OK &&
	    (r = check_fields(t, e)) == CNN_OK && (r = load_params(t, e)) == CNN_OK &&
	    (r = load_state(t, e)) == CNN_OK && data)
		r = set_rows(t, data, 0, data->samples, e);
	if (r < 0)
		cnn_trainer_close(t);
	else
		*trainer = t;
	return r;
}

void cnn_trainer_close(struct cnn_trainer *t)
{
	if (!t)
		return;
	cnn_executor_close(t->ex);
	cnn_value_free(t->resumed);
	cnn_value_free(t->choices);
	free(t->order);
	free(t->rates);
	free(t);
}

/* --- steps ------------------------------------------------------------------------ */

uint64_t cnn_trainer_step_number(const struct cnn_trainer *t)
{
	return t->step;
}

uint64_t cnn_trainer_samples(const struct cnn_trainer *t)
{
	uint64_t n = t->data ? t->data->samples : 0;
	uint64_t seen = t->epoch * n + t->cursor;
	uint64_t most = t->options.steps * t->options.batch, left;

	if (t->options.epochs == UINT64_MAX)
		return most;
	left = t->options.epochs * n > seen ? t->options.epochs * n - seen : 0;
	return most && most < left ? most : left;
}

/* Passes the upcoming samples to the executor: the rest of the epoch, or those fed. */
static int begin_epoch(struct cnn_trainer *t, size_t count, const uint32_t *order,
    double *rates, size_t steps, struct cnn_error *e)
{
	const struct cnn_epoch epoch = { order, count, t->cursor, rates, steps };

	for (size_t i = 0; i < steps; i++)
		rates[i] = cnn_trainer_rate(t, t->step + i);
	t->first_rate = t->step;
	return cnn_executor_set_epoch(t->ex, &epoch, e);
}

/* Waits for the result of the oldest step. */
static int collect(struct cnn_trainer *t, size_t count, const double *rates,
    struct cnn_train_status *status, struct cnn_error *e)
{
	struct cnn_step_record record;
	int r = cnn_executor_result(t->ex, &record, e);

	if (r < 0) {
		cnn_error_prefix(e, "step %" PRIu64, t->step + 1);
		return r;
	}
	*status = (struct cnn_train_status){
		.step = t->step + 1,
		.samples = count,
		.loss = isnan(record.loss) ? (double)NAN : record.loss / (double)count,
		.accuracy = record.hits / (double)count,
		.lr = rates[t->step - t->first_rate],
		.loss_scale = (double)record.loss_scale,
		.skipped = record.skipped,
	};
	t->step++;
	t->taken++;
	t->cursor += count;
	return CNN_OK;
}

static bool finished(const struct cnn_trainer *t, uint64_t ahead)
{
	return t->epoch >= t->options.epochs ||
	    (t->options.steps && t->taken + ahead >= t->options.steps);
}

static size_t batch_at(const struct cnn_trainer *t, uint64_t cursor)
{
	uint64_t left = t->data->samples - cursor;

	return left < t->options.batch ? left : t->options.batch;
}

/* Starts the steps of this epoch that may run before the oldest one is collected. */
static int run_ahead(struct cnn_trainer *t, struct cnn_error *e)
{
	uint64_t every = t->options.save_every;
	size_t count;
	int r;

	while (t->ahead < cnn_executor_depth(t->ex) && !finished(t, t->ahead) &&
	    (count = batch_at(t, t->cursor + t->ahead_samples)) > 0 &&
	    (t->ahead == 0 || !every || (t->step + t->ahead) % every)) {
		if ((r = cnn_executor_train(t->ex, (uint32_t)count, e)) < 0) {
			cnn_error_prefix(e, "step %" PRIu64, t->step + t->ahead + 1);
			return r;
		}
		t->ahead++;
		t->ahead_samples += count;
		if (t->options.time_epochs &&
		    t->cursor + t->ahead_samples == t->data->samples &&
		    (r = cnn_executor_mark(t->ex, true, e)) < 0)
			return r;
	}
	return CNN_OK;
}

static int shuffle(struct cnn_trainer *t, struct cnn_error *e)
{
	size_t left = t->data->samples - t->cursor;
	int r;

	if (t->begun_epoch == t->epoch)
		return CNN_OK;
	t->first_cursor = t->cursor;
	if (t->options.time_epochs && (r = cnn_executor_mark(t->ex, false, e)) < 0)
		return r;
	if (!t->options.no_shuffle)
		cnn_random_permutation(t->options.seed, (uint32_t)t->epoch, t->order,
		    t->data->samples);
	t->begun_epoch = t->epoch;
	return begin_epoch(t, t->data->samples, t->options.no_shuffle ? NULL : t->order,
	    t->rates, (left + t->options.batch - 1) / t->options.batch, e);
}

void cnn_trainer_stop(struct cnn_trainer *t)
{
	t->stopping = true;
}

int cnn_trainer_step(struct cnn_trainer *t, struct cnn_train_status *status,
    struct cnn_error *e)
{
	size_t count;
	int r;

	if (t->ahead == 0 && (t->stopping || finished(t, 0)))
		return CNN_END;
	/* Refill only when empty, so that one wait covers as many steps as possible. */
	if (t->ahead == 0 && ((r = shuffle(t, e)) < 0 || (r = run_ahead(t, e)) < 0))
		return r;
	count = batch_at(t, t->cursor);
	if ((r = collect(t, count, t->rates, status, e)) < 0)
		return r;
	t->ahead--;
	t->ahead_samples -= count;
	if (t->cursor == t->data->samples) {
		if (t->options.time_epochs &&
		    (r = cnn_executor_marked(t->ex, &status->seconds, e)) < 0)
			return r;
		status->epoch_samples = t->cursor - t->first_cursor;
		t->cursor = 0;
		t->epoch++;
		status->epoch_ends = true;
	}
	status->epoch = t->epoch;
	status->cursor = t->cursor;
	return CNN_OK;
}

int cnn_trainer_feed(struct cnn_trainer *t, const struct cnn_dataset *d, size_t first,
    size_t count, struct cnn_train_status *status, struct cnn_error *e)
{
	const uint64_t cursor = t->cursor;
	double rate;
	int r;

	if (finished(t, 0))
		return CNN_END;
	if ((r = cnn_trainer_take_classes(t, d, e)) < 0 ||
	    (r = cnn_dataset_check(d, t->model->graph, true, 0, e)) < 0)
		return r;
	t->cursor = 0; /* start of the rows being fed */
	if ((r = set_rows(t, d, first, count, e)) < 0 ||
	    (r = begin_epoch(t, count, NULL, &rate, 1, e)) < 0 ||
	    (r = cnn_executor_train(t->ex, (uint32_t)count, e)) < 0 ||
	    (r = collect(t, count, &rate, status, e)) < 0)
		return r;
	t->cursor += cursor;
	return CNN_OK;
}
