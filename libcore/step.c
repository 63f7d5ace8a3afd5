/* step.c - one batch through the graph.
 *
 * Every worker takes consecutive shards through the phases: stretches of the
 * list of operations between the layers that look across samples (most nets
 * have one phase). Then all meet, each adds up its slice of the gradients that
 * are still apart and updates the same slice of the parameters. */
#include "executor-private.h"

#include <math.h>
#include <string.h>

/* --- one shard ---------------------------------------------------------------------- */

struct shard {
	struct cnn_worker *w;
	struct cnn_context *context;
	uint32_t number, first, samples;         /* in the batch */
};

static void *at(const struct shard *s, size_t buffer)
{
	return buffer == CNN_NONE ? NULL :
		s->context->arena + s->w->ex->buffers[buffer].offset;
}

static int run_unit(const struct shard *s, const struct cnn_op *op)
{
	struct cnn_executor *ex = s->w->ex;
	struct cnn_unit *u = op->unit;
	bool backward = op->kind == CNN_OP_BACKWARD || op->kind == CNN_OP_REDUCE_BACKWARD;
	const void *in[CNN_MAX_INPUTS];
	void *grad_in[CNN_MAX_INPUTS], *params[CNN_MAX_PARAMS];
	void *grad_params[CNN_MAX_PARAMS];
	/* Behind the sums that forward needs stand those of backward. */
	size_t sums = u->partial + (backward ? u->plan.reduce_forward : 0);
	struct cnn_call c = {
		.size = sizeof c,
		.worker = s->w->number,
		.samples = s->samples,
		.training = ex->options.training,
		.in = in,
		.out = at(s, u->out),
		.params = params,
		.packed = ex->packed + u->packed,
		.saved = at(s, u->saved),
		.scratch = s->w->scratch,
		.total = ex->batch->samples,
		.seed = ex->step.seed,
		.step = ex->step.step,
		.first_sample = s->first,
	};

	for (uint32_t i = 0; i < u->run.input_count; i++) {
		in[i] = backward && !(u->plan.flags & CNN_KEEP_INPUT) ? NULL :
			at(s, u->in[i]);
		grad_in[i] = at(s, u->grad_in[i]);
	}
	for (uint32_t i = 0; i < u->run.param_count; i++) {
		const struct cnn_slot *slot = &ex->slots[u->param_index[i]];

		params[i] = (slot->trainable ? ex->params : ex->param_buffers) +
			slot->offset;
		grad_params[i] = slot->trainable && s->context->grads ?
			s->context->grads + slot->offset : NULL;
	}
	if (u->across) {
		c.partial = ex->partials + s->number * ex->partial_count + sums;
		c.reduced = ex->reduced + sums;
	}
	if (u == ex->loss) {
		c.labels = s->w->labels;
		c.grad_scale = ex->step.loss_scale / (float)ex->batch->samples;
	}
	if (backward) {
		if (!(u->plan.flags & CNN_KEEP_OUTPUT))
			c.out = NULL;
		c.grad_out = at(s, u->grad_out);
		c.grad_in = grad_in;
		c.grad_params = grad_params;
	}
	switch (op->kind) {
	case CNN_OP_FORWARD:
		return u->provider->forward(u->instance, &c);
	case CNN_OP_BACKWARD:
		return u->provider->backward(u->instance, &c);
	case CNN_OP_REDUCE_FORWARD:
		return u->provider->reduce_forward(u->instance, &c);
	default:
		return u->provider->reduce_backward(u->instance, &c);
	}
}

static int run_op(const struct shard *s, const struct cnn_op *op)
{
	const struct cnn_executor *ex = s->w->ex;

	switch (op->kind) {
	case CNN_OP_REORDER:
		return ex->device_functions->reorder(ex->device, NULL, &op->shape,
			s->samples, op->from, at(s, op->src), op->to, at(s, op->dst));
	case CNN_OP_ADD:
		return ex->device_functions->add(ex->device, NULL, op->from.dtype,
			cnn_layout_count(&op->shape, op->from.layout, s->samples),
			at(s, op->dst), at(s, op->src));
	default:
		/* Without labels there is nothing for a loss to say. */
		if (op->unit == ex->loss && !ex->batch->labels)
			return CNN_OK;
		return run_unit(s, op);
	}
}

static int begin_shard(const struct shard *s)
{
	const struct cnn_executor *ex = s->w->ex;
	const struct cnn_batch *b = ex->batch;

	if (ex->options.training && !s->context->grads)
		s->context->grads = s->w->spare[--s->w->spare_count];
	return ex->device_functions->gather(ex->device, NULL, b->dtype, b->data,
		cnn_graph_shape_count(&ex->graph->nodes[0].node.output),
		b->index + s->first, s->samples, b->scale, b->offset, CNN_F32,
		at(s, ex->values[0]));
}

static uint32_t count_correct(const float *logits, size_t classes,
	const int32_t *labels, uint32_t samples)
{
	uint32_t correct = 0;

	for (uint32_t i = 0; i < samples; i++, logits += classes) {
		size_t best = 0;

		for (size_t c = 1; c < classes; c++)
			if (logits[c] > logits[best])
				best = c;
		correct += best == (size_t)labels[i];
	}
	return correct;
}

static int end_shard(const struct shard *s)
{
	struct cnn_executor *ex = s->w->ex;
	const float *logits = at(s, ex->logits);
	const float *losses = ex->loss && ex->batch->labels ? at(s, ex->loss->out) : NULL;
	float *sum;

	if (ex->out_logits)
		memcpy(ex->out_logits + s->first * ex->output_values, logits,
			s->samples * ex->output_values * sizeof *logits);
	if (ex->out_losses && losses)
		memcpy(ex->out_losses + s->first, losses, s->samples * sizeof *losses);
	if (!ex->options.training)
		return CNN_OK;
	ex->losses[s->number] = 0;
	for (uint32_t i = 0; i < s->samples; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): training has labels */
		ex->losses[s->number] += losses[i];
	ex->corrects[s->number] = count_correct(logits, ex->output_values,
		s->w->labels, s->samples);
	sum = s->context->grads;
	s->context->grads = NULL;
	return cnn_reduce_push(s->w, s->number, sum);
}

static int run_shard(struct cnn_worker *w, uint32_t number, uint32_t phase)
{
	struct cnn_executor *ex = w->ex;
	const struct cnn_batch *b = ex->batch;
	struct shard s = { w, &ex->contexts[ex->phases > 1 ? number : w->number],
		number, number * ex->shard_size, ex->shard_size };
	int r = CNN_OK;

	if (s.samples > b->samples - s.first)
		s.samples = b->samples - s.first;
	if (phase == 0 && (r = begin_shard(&s)) < 0)
		return r;
	for (uint32_t i = 0; b->labels && i < s.samples; i++)
		w->labels[i] = b->labels[b->index[s.first + i]];
	for (size_t i = 0; r >= 0 && i < ex->op_count; i++)
		if (ex->ops[i].phase == phase)
			r = run_op(&s, &ex->ops[i]);
	if (r >= 0 && phase + 1 == ex->phases)
		r = end_shard(&s);
	return r;
}

/* --- all shards, all workers ------------------------------------------------------------- */

/* Between two phases, alone: sums over the batch for the layer that waits. */
static void between_phases(struct cnn_worker *w, uint32_t phase)
{
	struct cnn_executor *ex = w->ex;

	for (size_t i = 0; i < ex->op_count; i++) {
		const struct cnn_op *op = &ex->ops[i];
		struct cnn_unit *u = op->unit;
		void *params[CNN_MAX_PARAMS];

		if (op->phase != phase)
			continue;
		if (op->kind == CNN_OP_REDUCE_BACKWARD)
			cnn_reduce_partials(ex, u->partial + u->plan.reduce_forward,
				u->plan.reduce_backward);
		if (op->kind != CNN_OP_REDUCE_FORWARD)
			continue;
		cnn_reduce_partials(ex, u->partial, u->plan.reduce_forward);
		if (!u->provider->update_buffers || w->code < 0)
			continue;
		for (uint32_t j = 0; j < u->run.param_count; j++) {
			const struct cnn_slot *slot = &ex->slots[u->param_index[j]];

			params[j] = (slot->trainable ? ex->params : ex->param_buffers) +
				slot->offset;
		}
		w->code = u->provider->update_buffers(u->instance,
			ex->reduced + u->partial, ex->batch->samples, params);
	}
}

static bool all_finite(const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return false;
	return true;
}

/* Adds up and updates the worker's slice of the parameters. */
static void update_slice(struct cnn_worker *w)
{
	struct cnn_executor *ex = w->ex;
	size_t blocks = ex->param_floats / 16;
	size_t from = blocks * w->number / ex->worker_count * 16;
	size_t to = blocks * (w->number + 1) / ex->worker_count * 16;
	struct cnn_update u = {
		.size = sizeof u,
		.count = to - from,
		.params = ex->params + from,
		.grad_scale = 1 / ex->step.loss_scale,
		.lr = ex->step.lr,
		.momentum = ex->step.momentum,
		.weight_decay = ex->step.weight_decay,
		.t = ex->step.t,
	};
	bool scaled = ex->options.amp == CNN_F16;

	for (size_t m = 0; m < ex->merge_count && w->code >= 0; m++)
		w->code = ex->device_functions->add(ex->device, NULL, CNN_F32, u.count,
			ex->merges[m].into + from, ex->merges[m].from + from);
	u.grads = ex->grad + from;
	if (scaled) {
		/* One bad number anywhere stops the update everywhere. */
		w->bad_gradient = !all_finite(u.grads, u.count);
		cnn_barrier_wait(&ex->barrier);
		for (uint32_t i = 0; i < ex->worker_count; i++)
			if (ex->workers[i].bad_gradient)
				return;
	}
	for (uint32_t m = 0; m < ex->optimizer->moment_count; m++)
		u.moments[m] = ex->moments[m] + from;
	if (u.count > 0 && w->code >= 0)
		w->code = ex->optimizer->update(ex->host, &u);
}

static void work(struct cnn_worker *w)
{
	struct cnn_executor *ex = w->ex;
	uint32_t from = ex->shards * w->number / ex->worker_count;
	uint32_t to = ex->shards * (w->number + 1) / ex->worker_count;

	w->code = CNN_OK;
	while (w->stack_count > 0)
		w->spare[w->spare_count++] = w->stack[--w->stack_count].sum;
	for (uint32_t phase = 0; phase < ex->phases; phase++) {
		for (uint32_t s = from; s < to && w->code >= 0; s++)
			w->code = run_shard(w, s, phase);
		cnn_barrier_wait(&ex->barrier);
		if (!ex->options.training)           /* which has one phase */
			return;
		if (w->number == 0) {
			if (phase + 1 < ex->phases)
				between_phases(w, phase);
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
}

void *cnn_worker_main(void *worker)
{
	struct cnn_worker *w = worker;

	for (;;) {
		cnn_barrier_wait(&w->ex->barrier);
		if (w->ex->stop)
			return NULL;
		work(w);
	}
}

/* --- the caller's side ---------------------------------------------------------------------- */

static int prepare(struct cnn_executor *ex, uint32_t samples)
{
	int r;

	if (samples == 0 || ex->prepared[samples])
		return CNN_OK;
	for (size_t i = 0; i < ex->unit_count; i++) {
		const struct cnn_unit *u = &ex->units[i];

		if (u->provider->prepare &&
		    (r = u->provider->prepare(u->instance, samples)) < 0)
			return r;
	}
	ex->prepared[samples] = true;
	return CNN_OK;
}

static int pack(struct cnn_executor *ex)
{
	int r;

	for (size_t i = 0; i < ex->unit_count; i++) {
		const struct cnn_unit *u = &ex->units[i];
		void *params[CNN_MAX_PARAMS];

		if (!u->provider->pack)
			continue;
		for (uint32_t j = 0; j < u->run.param_count; j++) {
			const struct cnn_slot *slot = &ex->slots[u->param_index[j]];

			params[j] = (slot->trainable ? ex->params : ex->param_buffers) +
				slot->offset;
		}
		r = u->provider->pack(u->instance, params, ex->packed + u->packed);
		if (r < 0)
			return r;
	}
	ex->params_changed = false;
	return CNN_OK;
}

static int run_batch(struct cnn_executor *ex, const struct cnn_batch *batch,
	struct cnn_error *e)
{
	uint32_t last = batch->samples % ex->shard_size;
	int r;

	if (batch->samples == 0 || batch->samples > ex->options.batch)
		return cnn_fail(e, CNN_EUSAGE, "a batch of %u samples where 1 to %u were "
			"announced", batch->samples, ex->options.batch);
	r = batch->samples >= ex->shard_size ? prepare(ex, ex->shard_size) : CNN_OK;
	if (r >= 0)
		r = prepare(ex, last);
	if (r >= 0 && ex->params_changed)
		r = pack(ex);
	if (r < 0)
		return cnn_plugins_error(ex->plugins, r, e);
	ex->batch = batch;
	ex->shards = (batch->samples + ex->shard_size - 1) / ex->shard_size;
	ex->failed = false;
	cnn_barrier_wait(&ex->barrier);
	work(&ex->workers[0]);
	for (uint32_t i = 0; i < ex->worker_count; i++)
		if (ex->workers[i].code < 0)
			return cnn_plugins_error(ex->plugins, ex->workers[i].code, e);
	return CNN_OK;
}

int cnn_executor_train(struct cnn_executor *ex, const struct cnn_batch *batch,
	const struct cnn_step *step, struct cnn_step_result *result,
	struct cnn_error *e)
{
	int r;

	if (!ex->options.training || !batch->labels)
		return cnn_fail(e, CNN_EUSAGE, "training wants labels, and an executor "
			"opened for it");
	ex->step = *step;
	ex->out_logits = ex->out_losses = NULL;
	if ((r = run_batch(ex, batch, e)) < 0)
		return r;
	*result = (struct cnn_step_result){ 0 };
	for (uint32_t s = 0; s < ex->shards; s++) {
		result->loss += ex->losses[s];
		result->correct += ex->corrects[s];
	}
	for (uint32_t i = 0; i < ex->worker_count; i++)
		result->skipped |= ex->workers[i].bad_gradient;
	ex->params_changed = true;
	return CNN_OK;
}

int cnn_executor_infer(struct cnn_executor *ex, const struct cnn_batch *batch,
	float *logits, float *losses, struct cnn_error *e)
{
	if (ex->options.training)
		return cnn_fail(e, CNN_EUSAGE, "the executor was opened for training");
	ex->step = (struct cnn_step){ .loss_scale = 1 };
	ex->out_logits = logits;
	ex->out_losses = losses;
	return run_batch(ex, batch, e);
}
