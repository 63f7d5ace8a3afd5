/* microbatch.c - runs one microbatch through the operations of the plan. */
#include "executor-private.h"
#include "subnormals.h"

struct microbatch {
	struct cnn_worker *w;
	struct cnn_context *context;
	uint32_t number, first, samples; /* in the batch */
};

void cnn_instance_params(const struct cnn_executor *ex, const struct cnn_instance *inst,
    void *params[CNN_MAX_PARAMS])
{
	for (uint32_t i = 0; i < inst->run.param_count; i++) {
		const struct cnn_slot *slot = &ex->slots[inst->param_index[i]];

		params[i] = (slot->trainable ? ex->params : ex->param_buffers) +
		    slot->offset;
	}
}

static void *at(const struct microbatch *s, size_t buffer)
{
	const struct cnn_buffer *b;

	if (buffer == CNN_NONE)
		return NULL;
	b = &s->w->ex->buffers[buffer];
	return (b->brief ? s->w->arena : s->context->arena) + b->offset;
}

static int run_instance(const struct microbatch *s, const struct cnn_op *op)
{
	struct cnn_executor *ex = s->w->ex;
	struct cnn_instance *inst = op->instance;
	bool backward = op->kind == CNN_OP_BACKWARD ||
	    op->kind == CNN_OP_REDUCE_BACKWARD;
	const void *in[CNN_MAX_INPUTS];
	void *grad_in[CNN_MAX_INPUTS], *params[CNN_MAX_PARAMS];
	void *grad_params[CNN_MAX_PARAMS];
	/* The sums of backward follow those of forward. */
	size_t sums = inst->partial + (backward ? inst->plan.reduce_forward : 0);
	struct cnn_call c = {
		.size = sizeof c,
		.worker = s->w->number,
		.samples = s->samples,
		.training = ex->options.training,
		.in = in,
		.out = at(s, inst->out),
		.params = params,
		.packed = ex->packed + inst->packed,
		.saved = at(s, inst->saved),
		.scratch = s->w->scratch,
		.total = ex->samples,
		.state = ex->state,
		.first_sample = s->first,
		.queue = ex->queue,
	};

	for (uint32_t i = 0; i < inst->run.input_count; i++) {
		in[i] = backward && !(inst->plan.flags & CNN_KEEP_INPUT) ?
		    NULL :
		    at(s, inst->in[i]);
		grad_in[i] = at(s, inst->grad_in[i]);
	}
	cnn_instance_params(ex, inst, params);
	for (uint32_t i = 0; i < inst->run.param_count; i++) {
		const struct cnn_slot *slot = &ex->slots[inst->param_index[i]];

		grad_params[i] = slot->trainable && s->context->grads ?
		    s->context->grads + slot->offset :
		    NULL;
	}
	if (inst->across) {
		c.partial = ex->partials + s->number * ex->partial_count + sums;
		c.reduced = ex->reduced + sums;
	}
	if (backward) {
		if (!(inst->plan.flags & CNN_KEEP_OUTPUT))
			c.out = NULL;
		c.grad_out = at(s, inst->grad_out);
		c.grad_in = grad_in;
		c.grad_params = grad_params;
	}
	switch (op->kind) {
	case CNN_OP_FORWARD: return inst->kernel->forward(inst->handle, &c);
	case CNN_OP_BACKWARD: return inst->kernel->backward(inst->handle, &c);
	case CNN_OP_REDUCE_FORWARD:
		return inst->kernel->reduce_forward(inst->handle, &c);
	default: return inst->kernel->reduce_backward(inst->handle, &c);
	}
}

static int run_op(const struct microbatch *s, const struct cnn_op *op)
{
	const struct cnn_executor *ex = s->w->ex;

	switch (op->kind) {
	case CNN_OP_REORDER:
		return ex->device_functions->reorder(ex->device, ex->queue, &op->shape,
		    s->samples, op->from, at(s, op->src), op->to, at(s, op->dst));
	case CNN_OP_ADD:
		return ex->device_functions->add(ex->device, ex->queue, op->from.dtype,
		    cnn_layout_count(&op->shape, op->from.layout, s->samples),
		    at(s, op->dst), at(s, op->src));
	default: return op->instance->skipped ? CNN_OK : run_instance(s, op);
	}
}

static int measure_op(const struct microbatch *s, size_t i)
{
	int r = cnn_profile_begin(s->w, i);

	if (r >= 0)
		r = run_op(s, &s->w->ex->ops[i]);
	return r < 0 ? r : cnn_profile_end(s->w, i);
}

static int begin_microbatch(const struct microbatch *s)
{
	struct cnn_executor *ex = s->w->ex;
	struct cnn_gather_column columns[CNN_MAX_NET_INPUTS];
	struct cnn_gather g = { .size = sizeof g,
		.first = ex->first + s->first,
		.samples = s->samples,
		.columns = columns,
		.order = ex->rows.ordered ? ex->rows.order : NULL };
	const size_t part = cnn_profile_part(ex, CNN_PART_GATHER);
	cnn_float_state state;
	int r;

	if (ex->options.training && !s->context->grads)
		s->context->grads = s->w->spare[--s->w->spare_count];
	for (uint32_t i = 0; i < ex->graph->input_count; i++) {
		if (!ex->rows.columns[i].data)
			continue;
		columns[g.column_count] = ex->rows.columns[i];
		columns[g.column_count++].out = at(s, ex->values[ex->graph->inputs[i]]);
	}
	if ((r = cnn_profile_begin(s->w, part)) < 0)
		return r;
	/* The data mean what they say: a subnormal may have a large scale. */
	state = cnn_subnormals_keep();
	r = ex->device_functions->gather(ex->device, ex->queue, ex->state, &g);
	cnn_subnormals_restore(state);
	return r < 0 ? r : cnn_profile_end(s->w, part);
}

/* Sums the losses of the microbatch. */
static int total(const struct microbatch *s)
{
	struct cnn_executor *ex = s->w->ex;
	const float *losses[CNN_MAX_LOSSES];

	for (uint32_t i = 0; i < ex->loss_count; i++)
		losses[i] = at(s, ex->losses[i]->out);
	return ex->device_functions->total(ex->device, ex->queue, losses,
	    ex->loss_count, s->samples, &ex->results[s->number]);
}

static int hand_out(const struct microbatch *s)
{
	struct cnn_executor *ex = s->w->ex;
	const float *logits = at(s, ex->logits);
	int r = CNN_OK;

	if (ex->out_logits)
		r = ex->device_functions->download(ex->device, ex->queue,
		    ex->out_logits + s->first * ex->output_values, logits,
		    s->samples * ex->output_values * sizeof *logits);
	return r >= 0 && ex->wants_result ? total(s) : r;
}

static int end_microbatch(const struct microbatch *s)
{
	struct cnn_executor *ex = s->w->ex;
	const size_t part = cnn_profile_part(ex, CNN_PART_TOTAL);
	const size_t reduce = cnn_profile_part(ex, CNN_PART_REDUCE);
	float *sum;
	int r;

	if (!ex->options.training)
		return hand_out(s);
	if ((r = cnn_profile_begin(s->w, part)) < 0 || (r = total(s)) < 0 ||
	    (r = cnn_profile_end(s->w, part)) < 0)
		return r;
	sum = s->context->grads;
	s->context->grads = NULL;
	/* With one microbatch there is nothing to add, so nothing to time. */
	if (ex->microbatches == 1)
		return cnn_reduce_push(s->w, s->number, sum);
	if ((r = cnn_profile_begin(s->w, reduce)) < 0 ||
	    (r = cnn_reduce_push(s->w, s->number, sum)) < 0)
		return r;
	return cnn_profile_end(s->w, reduce);
}

int cnn_run_microbatch(struct cnn_worker *w, uint32_t number, uint32_t phase)
{
	struct cnn_executor *ex = w->ex;
	struct microbatch s = { w, &ex->contexts[ex->phases > 1 ? number : w->number],
		number, number * ex->microbatch_size, ex->microbatch_size };
	int r = CNN_OK;

	if (s.samples > ex->samples - s.first)
		s.samples = ex->samples - s.first;
	if (phase == 0)
		r = begin_microbatch(&s);
	for (size_t i = 0; r >= 0 && i < ex->op_count; i++)
		if (ex->ops[i].phase == phase)
			r = measure_op(&s, i);
	if (r >= 0 && phase + 1 == ex->phases)
		r = end_microbatch(&s);
	return r;
}
