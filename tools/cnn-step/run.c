/* run.c - see run.h. */
#include "run.h"
#include "formats/history.h"

#include <math.h>
#include <string.h>

#define VAL_BATCH 256

/* Opens an executor for the validation of the model as it stands. */
static int open_validation(struct run *run, struct cnn_executor **ex,
    struct cnn_error *e)
{
	const struct cnn_infer_options o = { cnn_trainer_compute(run->trainer),
		run->job->train->amp, VAL_BATCH };
	int r = cnn_trainer_save(run->trainer, e);

	return r < 0 ? r : cnn_infer_open(ex, run->load.model, &o, e);
}

static int validate(struct run *run, struct cnn_evaluation *v, struct cnn_error *e)
{
	struct cnn_executor *ex = NULL;
	int r = open_validation(run, &ex, e);

	if (r == CNN_OK)
		r = cnn_evaluate(ex, run->load.model, run->val, run->val->samples,
		    VAL_BATCH, v, e);
	cnn_executor_close(ex);
	return r;
}

static int save_checkpoint(struct run *run, struct cnn_error *e)
{
	int r = cnn_trainer_save(run->trainer, e);

	return r < 0 ?
	    r :
	    cnn_model_save(run->load.model, run->job->checkpoint_path, false, e);
}

static void warn(struct run *run, const struct cnn_train_status *s)
{
	if (isfinite(s->loss) || s->skipped || run->warned)
		return;
	cnn_message(run->job->program, 1,
	    "step %llu: the loss is not finite: is --lr too high?",
	    (unsigned long long)s->step);
	run->warned = true;
}

/* Validates, and completes the epoch's line of the metrics. */
static int validate_epoch(struct run *run, struct cnn_evaluation *v,
    struct cnn_error *e)
{
	int r = validate(run, v, e);

	return r == CNN_OK && run->metrics ? cnn_metrics_validated(run->metrics, v, e) :
					     r;
}

static int end_epoch(struct run *run, const struct cnn_train_status *s,
    struct cnn_error *e)
{
	struct cnn_evaluation v = { 0 };
	int r = run->val ? validate_epoch(run, &v, e) : CNN_OK;

	if (r == CNN_OK)
		log_epoch(&run->log, run->val ? &v : NULL);
	cnn_evaluation_free(&v);
	if (run->job->train->time_epochs)
		cnn_message(run->job->program, 0, "epoch %llu: %.3f ms, %llu samples",
		    (unsigned long long)s->epoch, 1e3 * s->seconds,
		    (unsigned long long)s->epoch_samples);
	return r;
}

/* Called after each step: writes log, metrics and checkpoints. A checkpoint comes after
 * the step's line and before the validation, which may fail. */
static int report(struct run *run, const struct cnn_train_status *s,
    struct cnn_error *e)
{
	const struct job *job = run->job;
	int r = CNN_OK;

	run->steps++;
	run->skipped += s->skipped;
	log_step(&run->log, s);
	warn(run, s);
	log_pause(&run->log);
	if (run->metrics)
		r = cnn_metrics_add(run->metrics, s, s->epoch_ends && run->val, e);
	if (r == CNN_OK && job->checkpoint_path &&
	    (job->checkpoint_every ? s->step % job->checkpoint_every == 0 :
				     s->epoch_ends))
		r = save_checkpoint(run, e);
	if (r == CNN_OK && s->epoch_ends)
		r = end_epoch(run, s, e);
	log_resume(&run->log);
	return r;
}

/* Checks before the first step what would otherwise fail after it: that a validation
 * can be done, and that the model can be written. */
static int check_ahead(struct run *run, struct cnn_error *e)
{
	const struct job *job = run->job;
	const struct cnn_model *m = run->load.model;
	struct cnn_executor *ex = NULL;
	int r = cnn_trainer_save(run->trainer, e);

	if (r == CNN_OK && run->val &&
	    ((r = cnn_dataset_check_classes(run->val, m->classes, "the model", e)) <
		    0 ||
		(r = open_validation(run, &ex, e)) < 0))
		cnn_error_prefix(e, "%s", job->val_path);
	cnn_executor_close(ex);
	if (r == CNN_OK && job->checkpoint_path)
		r = cnn_model_check(m, job->checkpoint_path, false, e);
	return r < 0 ? r : cnn_model_check(m, job->output, job->strip, e);
}

/* Does one step on samples that have arrived. */
static int feed(struct run *run, size_t first, size_t count, struct cnn_error *e)
{
	struct cnn_train_status s;
	int r = CNN_OK;

	if (run->steps == 0 &&
	    ((r = cnn_trainer_take_classes(run->trainer, run->data, e)) < 0 ||
		(r = check_ahead(run, e)) < 0))
		return r;
	r = cnn_trainer_feed(run->trainer, run->data, first, count, &s, e);
	if (r < 0)
		cnn_dataset_blame(run->data, run->data->dropped + first, e);
	return r == CNN_OK ? report(run, &s, e) : r;
}

/* Trains on the whole batches of a segment; the remaining samples wait for the next
 * segment. Stops early if a signal was caught. */
static int stream_segment(struct run *run, const struct cnn_header *header,
    struct cnn_error *e)
{
	struct cnn_record rec;
	size_t at;
	int r, rc;

	r = cnn_load_segment(&run->load, header, run->data, true, e);
	while (
	    r == CNN_OK && (r = cnn_operands_record(run->load.in, &rec, e)) == CNN_OK) {
		if ((r = cnn_dataset_append(run->data, &rec, e)) < 0)
			cnn_error_prefix(e, "%s", cnn_operands_name(run->load.in));
		for (at = 0, rc = r; rc == CNN_OK && !cnn_interrupted() &&
		     run->data->samples - at >= run->job->train->batch;
		     at += run->job->train->batch)
			rc = feed(run, at, run->job->train->batch, e);
		if (rc < 0)
			return rc;
		cnn_dataset_drop(run->data, at);
		if (cnn_interrupted())
			return CNN_END;
	}
	return r;
}

/* A resume replaces the entry of the run that it continues in the history, so that its
 * result has the same bytes as an uninterrupted run. */
static int add_history(const struct run *run, struct cnn_error *e)
{
	struct cnn_model *m = run->load.model;
	struct cnn_value *last;
	const char *tool;
	size_t *count = &m->history->as.array.count;

	last = *count ? m->history->as.array.items[*count - 1] : NULL;
	if (run->job->train->resume && cnn_value_get_str(last, "tool", &tool) &&
	    strcmp(tool, run->job->program->name) == 0) {
		cnn_value_free(last);
		--*count;
	}
	return history_add(m->history, run->job->program, e);
}

/* Checks the validation data before the first epoch, not after it. */
static int check_validation(struct run *run, struct cnn_error *e)
{
	const struct cnn_model *model = run->load.model;
	const struct cnn_column *train;
	int r;

	if (!run->val)
		return CNN_OK;
	train = cnn_dataset_labels(run->data);
	if ((r = cnn_dataset_use(run->val, model->graph, true, e)) < 0 ||
	    (r = cnn_evaluation_check(model, run->val, e)) < 0 ||
	    (r = cnn_dataset_check_classes(run->val, train ? train->classes : NULL,
		 "the training data", e)) < 0)
		cnn_dataset_blame(run->val, 0, e);
	return r;
}

/* Saves the checkpoint, and ends the program by the signal. No result is written. */
static int interrupted(struct run *run, struct cnn_error *e)
{
	const struct job *job = run->job;
	const char *file = job->checkpoint_path;
	int r = CNN_OK;

	log_end(&run->log);
	/* Without a step there is nothing that an older checkpoint lacks. */
	if (run->steps == 0)
		file = NULL;
	if (file)
		r = save_checkpoint(run, e);
	if (r < 0 || cnn_metrics_close(run->metrics, e) < 0)
		return e->code;
	run->metrics = NULL;
	cnn_message(job->program, 1, "stopped by a signal after step %llu%s%s",
	    (unsigned long long)cnn_trainer_step_number(run->trainer),
	    file ? job->train->stream ? "; the model is in " : "; resume from " :
		run->steps > 0 ?
		   ": the training is lost (next time, keep it with -c FILE)" :
		   ": nothing was trained",
	    file ? file : "");
	cnn_interrupt_exit();
	return CNN_OK;
}

/* Trains on this segment and all that follow, until a signal is caught. CNN_END at the end
 * of either. */
static int stream_data(struct run *run, const struct cnn_header *header,
    struct cnn_error *e)
{
	int r;

	do
		r = stream_segment(run, header, e);
	while (r == CNN_END && !cnn_interrupted() &&
	    (r = cnn_load_next(&run->load, &header, e)) == CNN_OK);
	if (r < 0 || cnn_interrupted())
		return r;
	if (run->data->dropped + run->data->samples == 0)
		return cnn_fail(e, CNN_EDATA, "the data contain no samples");
	if (run->data->samples > 0)
		r = feed(run, 0, run->data->samples, e);
	return r < 0 ? r : CNN_END;
}

/* Reads the model and the header of the first data, and prepares the training. */
static int stream_open(struct run *run, const struct cnn_header **header,
    struct cnn_error *e)
{
	const struct job *job = run->job;
	int r = cnn_load_model(&run->load, header, e);

	if (r == CNN_END)
		return cnn_fail(e, CNN_EDATA, "the data contain no samples");
	if (r < 0 ||
	    (r = cnn_dataset_use(run->data, run->load.model->graph, true, e)) < 0 ||
	    (r = cnn_trainer_open(&run->trainer, run->load.model, NULL, job->train,
		 e)) < 0)
		return r;
	if ((r = history_add(run->load.model->history, job->program, e)) < 0)
		return r;
	return job->metrics_path ?
	    cnn_metrics_open(&run->metrics, job->metrics_path, 0, false, e) :
	    CNN_OK;
}

int run_stream(struct run *run, struct cnn_error *e)
{
	const struct job *job = run->job;
	const struct cnn_header *header;
	int r = stream_open(run, &header, e);

	if (r < 0)
		return r;
	log_begin(&run->log, job->program, 0);
	cnn_interrupt_catch();
	r = stream_data(run, header, e);
	cnn_interrupt_release();
	if (cnn_interrupted() && (r >= 0 || cnn_interrupted_reading())) {
		*e = (struct cnn_error){ 0 };
		return interrupted(run, e);
	}
	/* There is only one epoch, and it ends here. */
	if (r == CNN_END && job->checkpoint_path && !job->checkpoint_every)
		return save_checkpoint(run, e);
	return r == CNN_END ? CNN_OK : r;
}

/* Opens the table of metrics. If the checkpoint was written before the validation of
 * its epoch, that follows here. */
static int open_metrics(struct run *run, struct cnn_error *e)
{
	const struct cnn_value *state = run->load.model->training;
	const uint64_t step = cnn_trainer_step_number(run->trainer);
	struct cnn_evaluation v = { 0 };
	uint64_t epoch = 0, cursor = 1;
	int r;

	cnn_value_get_uint(state, "epoch", &epoch);
	cnn_value_get_uint(state, "cursor", &cursor);
	r = cnn_metrics_open(&run->metrics, run->job->metrics_path, step,
	    run->val && cursor == 0, e);
	if (r < 0 || !cnn_metrics_waits(run->metrics))
		return r;
	if ((r = validate_epoch(run, &v, e)) == CNN_OK)
		cnn_message(run->job->program, 1,
		    "epoch %llu: validation loss %.4f, validation accuracy %.2f %%",
		    (unsigned long long)epoch, cnn_evaluation_loss(&v),
		    100 * cnn_evaluation_accuracy(&v));
	cnn_evaluation_free(&v);
	return r;
}

/* Reads all data into memory, verified to the end, before the first step. */
int run_held(struct run *run, struct cnn_error *e)
{
	const struct job *job = run->job;
	struct cnn_train_status s;
	struct cnn_model *m;
	uint64_t epoch = 0;
	int r = cnn_load_all(&run->load, run->data, true, e);

	if (r < 0)
		return r;
	m = run->load.model;
	/* A checkpoint fixes the instruction set, which this CPU must support. */
	if (job->train->resume &&
	    ((r = cnn_train_resume(m, job->train, e)) < 0 ||
		(r = cnn_isa_choose(job->train->isa, &job->train->isa, e)) < 0))
		return r;
	if ((r = check_validation(run, e)) < 0 ||
	    (r = cnn_trainer_open(&run->trainer, m, run->data, job->train, e)) < 0 ||
	    (r = add_history(run, e)) < 0 || (r = check_ahead(run, e)) < 0)
		return r;
	if (job->metrics_path && (r = open_metrics(run, e)) < 0)
		return r;
	log_begin(&run->log, job->program, cnn_trainer_samples(run->trainer));
	cnn_interrupt_catch();
	while ((r = cnn_trainer_step(run->trainer, &s, e)) == CNN_OK) {
		if ((r = report(run, &s, e)) < 0)
			break;
		if (cnn_interrupted())
			cnn_trainer_stop(run->trainer);
	}
	cnn_interrupt_release();
	if (r == CNN_END && cnn_interrupted())
		return interrupted(run, e);
	if (r == CNN_END && run->steps == 0) {
		cnn_value_get_uint(m->training, "epoch", &epoch);
		cnn_message(job->program, 1,
		    "nothing to do: the model already has %llu epochs (raise --epochs)",
		    (unsigned long long)epoch);
	}
	return r == CNN_END ? CNN_OK : r;
}

void run_check_result(const struct run *run)
{
	const struct cnn_model *m = run->load.model;

	if (run->steps > 0 && run->skipped == run->steps)
		cnn_message(run->job->program, 1,
		    "all %llu steps were skipped: the "
		    "gradients overflow in fp16 at any loss scale: try --amp bf16",
		    (unsigned long long)run->steps);
	for (size_t i = 0; i < m->graph->param_count && !run->warned; i++) {
		const struct cnn_graph_param *p = &m->graph->params[i];
		size_t bad = 0;

		for (size_t k = 0; k < p->count; k++)
			bad += !isfinite(m->params[i][k]);
		if (bad == 0)
			continue;
		cnn_message(run->job->program, 1,
		    "%s: %zu of %zu values are not finite: do the data contain NaN?",
		    p->name, bad, p->count);
		break;
	}
}
