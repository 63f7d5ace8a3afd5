/* step.c - runs one batch through the graph.
 *
 * Each worker takes consecutive microbatches through the phases: the parts of the list
 * of operations between the layers that need the whole batch (most nets have one
 * phase). Then all workers meet. Each adds up its slice of the gradients that are not
 * summed yet and updates the same slice of the parameters. A GPU has one worker with
 * one microbatch; the second step of a size is recorded, and later ones replay it. */
#include "executor-private.h"
#include "subnormals.h"

/* --- all microbatches, all workers ------------------------------------------------ */

/* Between two phases, on one worker: sums over the batch for the waiting layer. */
static void between_phases(struct cnn_executor *ex, uint32_t phase)
{
	for (size_t i = 0; i < ex->op_count; i++) {
		const struct cnn_op *op = &ex->ops[i];
		const struct cnn_instance *inst = op->instance;

		if (op->phase != phase)
			continue;
		if (op->kind == CNN_OP_REDUCE_FORWARD)
			cnn_reduce_partials(ex, inst, false);
		else if (op->kind == CNN_OP_REDUCE_BACKWARD)
			cnn_reduce_partials(ex, inst, true);
	}
}

/* At the end of a step, on one worker: updates the running statistics, unless the step
 * is skipped. */
static int update_buffers(struct cnn_executor *ex)
{
	int r = CNN_OK;

	for (size_t i = 0; i < ex->instance_count && r >= 0; i++) {
		const struct cnn_instance *inst = &ex->instances[i];
		void *params[CNN_MAX_PARAMS];

		if (!inst->across || !inst->kernel->update_buffers)
			continue;
		cnn_instance_params(ex, inst, params);
		r = inst->kernel->update_buffers(inst->handle, ex->queue, ex->state,
		    ex->reduced + inst->partial, ex->samples, params);
	}
	return r;
}

/* The norm of the gradients; each worker computes a part. With fp16, one inf or nan
 * anywhere stops the whole update. With --grad-clip the gradients are scaled. */
static void take_norm(struct cnn_worker *w, size_t count, const float *grads,
    double *norms)
{
	struct cnn_executor *ex = w->ex;
	const struct cnn_device *d = ex->device_functions;

	if (w->code >= 0)
		w->code = d->norm(ex->device, ex->queue, count, grads, norms,
		    ex->options.amp == CNN_F16 ? ex->state : NULL);
	cnn_barrier_wait(&ex->barrier);
	if (ex->options.grad_clip <= 0)
		return;
	if (w->number == 0 && w->code >= 0)
		w->code = d->clip(ex->device, ex->queue, ex->norm_blocks, ex->norms,
		    ex->options.grad_clip, ex->state);
	cnn_barrier_wait(&ex->barrier);
}

/* Sums and updates the worker's slice of the parameters. */
static void update_slice(struct cnn_worker *w)
{
	struct cnn_executor *ex = w->ex;
	const size_t part = cnn_profile_part(ex, CNN_PART_UPDATE);
	/* Slices are whole blocks of the norm, if it is used. */
	const size_t block = ex->norms ? CNN_NORM_BLOCK : 16;
	const size_t blocks = (ex->param_floats + block - 1) / block;
	const size_t from = blocks * w->number / ex->worker_count * block;
	size_t to = blocks * (w->number + 1) / ex->worker_count * block;
	struct cnn_update update = {
		.size = sizeof update,
		.params = ex->params + from,
		.args = ex->optimizer_args,
		.state = ex->state,
		.queue = ex->queue,
	};

	if (to > ex->param_floats)
		to = ex->param_floats;
	update.count = to - from;
	w->code = cnn_profile_begin(w, part);
	for (size_t m = 0; m < ex->merge_count && w->code >= 0; m++)
		w->code = ex->device_functions->add(ex->device, ex->queue, CNN_F32,
		    update.count, ex->merges[m].into + from, ex->merges[m].from + from);
	update.grads = ex->grad + from;
	if (ex->norms)
		take_norm(w, update.count, update.grads,
		    ex->norms + from / CNN_NORM_BLOCK);
	for (uint32_t m = 0; m < cnn_executor_moment_count(ex); m++)
		update.moments[m] = ex->moments[m] + from;
	if (update.count > 0 && w->code >= 0)
		w->code = ex->optimizer->update(&ex->host.host, &update);
	if (w->code >= 0)
		w->code = cnn_profile_end(w, part);
}

/* On one worker. Needs no barrier after it: no worker begins before the caller does. */
static void end_step(struct cnn_worker *w)
{
	struct cnn_executor *ex = w->ex;
	const struct cnn_advance a = {
		.size = sizeof a,
		.samples = ex->samples,
		.microbatches = ex->microbatches,
		.scaling = ex->options.amp == CNN_F16,
		.results = ex->results,
		.rates = ex->rows.rates,
		.records = ex->records,
		.record_count = CNN_RECORDS,
	};
	const size_t part = cnn_profile_part(ex, CNN_PART_ADVANCE);

	for (uint32_t i = 0; i < ex->worker_count; i++)
		if (ex->workers[i].code < 0)
			return;
	if ((w->code = cnn_profile_begin(w, part)) >= 0 &&
	    (w->code = update_buffers(ex)) >= 0 &&
	    (w->code = ex->device_functions->advance(ex->device, ex->queue, ex->state,
		 &a)) >= 0)
		w->code = cnn_profile_end(w, part);
}

/* Packs the parameters of the worker's instances. */
static void pack(struct cnn_worker *w)
{
	struct cnn_executor *ex = w->ex;
	const size_t part = cnn_profile_part(ex, CNN_PART_PACK);

	w->code = cnn_profile_begin(w, part);
	for (size_t i = 0; i < ex->instance_count && w->code >= 0; i++) {
		const struct cnn_instance *inst = &ex->instances[i];
		void *params[CNN_MAX_PARAMS];

		if (!inst->kernel->pack || inst->packer != w->number)
			continue;
		cnn_instance_params(ex, inst, params);
		w->code = inst->kernel->pack(inst->handle, ex->queue, params,
		    ex->packed + inst->packed);
	}
	if (w->code >= 0)
		w->code = cnn_profile_end(w, part);
}

static void work(struct cnn_worker *w)
{
	struct cnn_executor *ex = w->ex;
	uint32_t from = ex->microbatches * w->number / ex->worker_count;
	uint32_t to = ex->microbatches * (w->number + 1) / ex->worker_count;

	w->code = CNN_OK;
	while (w->stack_count > 0)
		w->spare[w->spare_count++] = w->stack[--w->stack_count].sum;
	if (ex->packs) {
		pack(w);
		cnn_barrier_wait(&ex->barrier);
	}
	for (uint32_t phase = 0; phase < ex->phases; phase++) {
		for (uint32_t s = from; s < to && w->code >= 0; s++)
			w->code = cnn_run_microbatch(w, s, phase);
		cnn_barrier_wait(&ex->barrier);
		if (!ex->options.training) /* inference has one phase */
			return;
		if (w->number == 0) {
			if (phase + 1 < ex->phases)
				between_phases(ex, phase);
			else
				ex->grad = cnn_reduce_plan(ex);
			for (uint32_t i = 0; i < ex->worker_count; i++)
				ex->failed |= ex->workers[i].code < 0;
		}
		cnn_barrier_wait(&ex->barrier);
		if (ex->failed)
			return;
	}
	update_slice(w);
	cnn_barrier_wait(&ex->barrier);
	if (w->number == 0)
		end_step(w);
}

void *cnn_worker_main(void *worker)
{
	struct cnn_worker *w = worker;

	cnn_subnormals_flush();
	for (;;) {
		cnn_barrier_wait(&w->ex->barrier);
		if (w->ex->stop)
			return NULL;
		work(w);
	}
}

/* --- one batch -------------------------------------------------------------------- */

static int prepare(struct cnn_executor *ex, uint32_t samples)
{
	int r;

	if (samples == 0 || ex->prepared[samples])
		return CNN_OK;
	for (size_t i = 0; i < ex->instance_count; i++) {
		const struct cnn_instance *inst = &ex->instances[i];

		if (inst->kernel->prepare &&
		    (r = inst->kernel->prepare(inst->handle, samples)) < 0)
			return r;
	}
	ex->prepared[samples] = true;
	return CNN_OK;
}

/* Builds what a batch of this size needs; none of this is recorded. */
static int prepare_batch(struct cnn_executor *ex, uint32_t samples, struct cnn_error *e)
{
	int r = CNN_OK;

	if (samples == 0 || samples > ex->options.batch)
		return cnn_fail(e, CNN_EUSAGE, "batch of %u samples: must be 1 to %u",
		    samples, ex->options.batch);
	if (samples >= ex->microbatch_size)
		r = prepare(ex, ex->microbatch_size);
	if (r >= 0)
		r = prepare(ex, samples % ex->microbatch_size);
	return r < 0 ? cnn_host_error(&ex->host, r, e) : CNN_OK;
}

static int compute_batch(struct cnn_executor *ex, uint32_t first, uint32_t samples)
{
	/* In a recording the parameters have always changed. */
	ex->packs = ex->options.training || ex->params_changed;
	ex->params_changed = false;
	ex->first = first;
	ex->samples = samples;
	ex->microbatches = (samples + ex->microbatch_size - 1) / ex->microbatch_size;
	ex->failed = false;
	cnn_barrier_wait(&ex->barrier);
	work(&ex->workers[0]);
	for (uint32_t i = 0; i < ex->worker_count; i++)
		if (ex->workers[i].code < 0)
			return ex->workers[i].code;
	return CNN_OK;
}

static int run_batch(struct cnn_executor *ex, uint32_t first, uint32_t samples)
{
	const cnn_float_state state = cnn_subnormals_flush();
	const int r = compute_batch(ex, first, samples);

	cnn_subnormals_restore(state);
	return r;
}

/* --- recording -------------------------------------------------------------------- */

/* The recording of steps with this many samples; NULL: no place is left. */
static struct cnn_recording *find_recording(struct cnn_executor *ex, uint32_t samples)
{
	for (int i = 0; i < CNN_RECORDINGS; i++) {
		struct cnn_recording *rec = &ex->recordings[i];

		if (rec->samples == samples || rec->samples == 0) {
			rec->samples = samples;
			return rec;
		}
	}
	return NULL;
}

static int record_batch(struct cnn_executor *ex, struct cnn_recording *rec)
{
	const struct cnn_device *d = ex->device_functions;
	int r = d->capture(ex->device, ex->queue), ended;

	if (r < 0)
		return r;
	r = run_batch(ex, 0, rec->samples);
	ended = d->captured(ex->device, ex->queue, &rec->graph);
	return r < 0 ? r : ended;
}

/* The first step of a size runs without recording, so that everything that is built on
 * first use exists when the second is recorded. */
static int train_batch(struct cnn_executor *ex, uint32_t samples)
{
	const struct cnn_device *d = ex->device_functions;
	struct cnn_recording *rec = d->capture && !ex->options.on.no_graph &&
		!ex->profile && !(ex->host.host.policy & CNN_POLICY_CHECK) ?
	    find_recording(ex, samples) :
	    NULL;
	int r = CNN_OK;

	if (!rec || !rec->warm) {
		if (rec)
			rec->warm = true;
		return run_batch(ex, 0, samples);
	}
	if (!rec->graph)
		r = record_batch(ex, rec);
	return r < 0 ? r : d->replay(ex->device, ex->queue, rec->graph);
}

/* --- functions of the interface --------------------------------------------------- */

int cnn_executor_train(struct cnn_executor *ex, uint32_t samples, struct cnn_error *e)
{
	struct cnn_resident *rows = &ex->rows;
	int r;

	if (!ex->options.training || !ex->has_losses)
		return cnn_fail(e, CNN_EUSAGE,
		    "training needs rows and an executor opened for training");
	if (samples > rows->epoch - rows->ahead ||
	    ex->begun - ex->collected >= cnn_executor_depth(ex))
		return cnn_fail(e, CNN_EUSAGE,
		    "step of %u samples, but %zu are left after %llu steps", samples,
		    rows->epoch - rows->ahead,
		    (unsigned long long)(ex->begun - ex->collected));
	ex->out_logits = NULL;
	if ((r = prepare_batch(ex, samples, e)) < 0)
		return r;
	if ((r = train_batch(ex, samples)) < 0 || (r = cnn_profile_step(ex)) < 0)
		return cnn_host_error(&ex->host, r, e);
	rows->ahead += samples;
	ex->begun++;
	return CNN_OK;
}

/* Adds the microbatches' results in their order. */
static int fetch_result(struct cnn_executor *ex, struct cnn_result *result)
{
	struct cnn_result sum = { 0 };

	for (uint32_t i = 0; i < ex->microbatches; i++) {
		struct cnn_result part;
		int r = ex->device_functions->download(ex->device, ex->queue, &part,
		    &ex->results[i], sizeof part);

		if (r < 0)
			return r;
		sum.loss += part.loss;
		sum.hits += part.hits;
	}
	*result = sum;
	return CNN_OK;
}

int cnn_executor_infer(struct cnn_executor *ex, size_t first, uint32_t samples,
    float *logits, struct cnn_result *result, struct cnn_error *e)
{
	int r;

	if (ex->options.training)
		return cnn_fail(e, CNN_EUSAGE, "the executor was opened for training");
	if (result && !ex->has_losses)
		return cnn_fail(e, CNN_EUSAGE, "there is no loss, or no target for it");
	if (first > ex->rows.count || samples > ex->rows.count - first ||
	    ex->rows.count > UINT32_MAX)
		return cnn_fail(e, CNN_EUSAGE, "rows %zu to %zu of %zu", first,
		    first + samples, ex->rows.count);
	ex->out_logits = logits;
	ex->wants_result = result != NULL;
	if ((r = prepare_batch(ex, samples, e)) < 0)
		return r;
	r = run_batch(ex, (uint32_t)first, samples);
	if (r >= 0 && result)
		r = fetch_result(ex, result);
	return r < 0 ? cnn_host_error(&ex->host, r, e) : CNN_OK;
}
