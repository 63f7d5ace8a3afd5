/* plan.c - the order of the operations, and the buffers of each.
 *
 * Providers are created front to back. Each gets the format of its input and answers
 * with the formats that it needs and gives. A reorder is inserted where they differ.
 * Then the forward and backward operations are listed. A buffer lives from the first to
 * the last operation that uses it. */
#include "executor-private.h"

#include "base/tensor.h"
#include <stdlib.h>
#include <string.h>

struct planner {
	struct cnn_executor *ex;
	struct cnn_error *e;
	size_t buffer_room, op_room;
	bool *kept;   /* buffer -> backward reads it */
	size_t *uses; /* node -> number of instances it feeds */
	uint32_t phase;
	int code;	       /* the first failure; later calls do nothing */
	struct cnn_op nowhere; /* operation that later calls fill in then */
};

/* --- buffers and operations ------------------------------------------------------- */

static void out_of_memory(struct planner *p)
{
	if (p->code == CNN_OK)
		p->code = cnn_fail(p->e, CNN_ENOMEM, "out of memory");
}

static size_t new_buffer(struct planner *p, size_t bytes)
{
	struct cnn_executor *ex = p->ex;

	if (p->code < 0)
		return 0;
	if (ex->buffer_count == p->buffer_room) {
		size_t room = p->buffer_room * 2 + 64;
		struct cnn_buffer *b = realloc(ex->buffers, room * sizeof *b);
		bool *k;

		if (b)
			ex->buffers = b;
		if (!(k = realloc(p->kept, room * sizeof *k)) || !b) {
			if (k)
				p->kept = k;
			out_of_memory(p);
			return 0;
		}
		p->kept = k;
		p->buffer_room = room;
	}
	ex->buffers[ex->buffer_count] =
	    (struct cnn_buffer){ cnn_align(bytes), 0, CNN_NONE, 0 };
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): room is made above */
	p->kept[ex->buffer_count] = false;
	return ex->buffer_count++;
}

static size_t tensor_bytes(const struct planner *p, const struct cnn_shape *s,
    struct cnn_format f)
{
	return cnn_layout_count(s, f.layout, p->ex->microbatch_size) *
	    cnn_dtype_size((enum cnn_dtype)f.dtype);
}

static size_t new_tensor(struct planner *p, const struct cnn_shape *s,
    struct cnn_format f)
{
	return new_buffer(p, tensor_bytes(p, s, f));
}

/* The operation listed last uses the buffer. */
static void touch(struct planner *p, size_t buffer)
{
	struct cnn_buffer *b;

	if (buffer == CNN_NONE || p->code < 0)
		return;
	b = &p->ex->buffers[buffer];
	b->last = p->ex->op_count - 1;
	if (b->first == CNN_NONE)
		b->first = b->last;
}

static struct cnn_op *new_op(struct planner *p, enum cnn_op_kind kind,
    struct cnn_instance *inst)
{
	struct cnn_executor *ex = p->ex;

	if (p->code < 0)
		return &p->nowhere;
	if (ex->op_count == p->op_room) {
		size_t room = p->op_room * 2 + 64;
		struct cnn_op *ops = realloc(ex->ops, room * sizeof *ops);

		if (!ops) {
			out_of_memory(p);
			return &p->nowhere;
		}
		ex->ops = ops;
		p->op_room = room;
	}
	ex->ops[ex->op_count] = (struct cnn_op){ .kind = kind,
		.phase = p->phase,
		.instance = inst,
		.src = CNN_NONE,
		.dst = CNN_NONE };
	return &ex->ops[ex->op_count++];
}

static void reorder(struct planner *p, const struct cnn_shape *s, size_t src,
    struct cnn_format from, size_t dst, struct cnn_format to)
{
	struct cnn_op *op = new_op(p, CNN_OP_REORDER, NULL);

	op->src = src;
	op->dst = dst;
	op->shape = *s;
	op->from = from;
	op->to = to;
	touch(p, src);
	touch(p, dst);
}

static bool same_format(struct cnn_format a, struct cnn_format b)
{
	return a.dtype == b.dtype && a.layout == b.layout;
}

/* --- creating the instances ------------------------------------------------------- */

static int create(struct planner *p, struct cnn_instance *inst)
{
	struct cnn_executor *ex = p->ex;
	const struct cnn_plan *plan = &inst->plan;
	int r;

	for (uint32_t i = 0; i < inst->run.input_count; i++)
		inst->edges[i].format = ex->formats[inst->inputs[i]];
	if ((r = cnn_instance_create(ex, inst, p->e)) != CNN_OK)
		return r;
	ex->formats[inst->node_index[inst->node_count - 1]] = plan->output;
	inst->packed = ex->packed_bytes;
	ex->packed_bytes += cnn_align(plan->packed_bytes);
	if (plan->scratch_bytes > ex->scratch_bytes)
		ex->scratch_bytes = plan->scratch_bytes;
	inst->partial = ex->partial_count;
	if (inst->across)
		ex->partial_count += plan->reduce_forward + plan->reduce_backward;
	return CNN_OK;
}

/* --- forward ---------------------------------------------------------------------- */

/* True if the instance may write its output over its first input. */
static bool in_place(const struct planner *p, const struct cnn_instance *inst)
{
	const struct cnn_executor *ex = p->ex;
	size_t src = inst->inputs[0];
	bool own = inst->in[0] != ex->values[src]; /* result of a reorder */

	return inst->plan.flags & CNN_INPLACE_FORWARD && p->code == CNN_OK &&
	    (own || (p->uses[src] == 1 && src != ex->alias[ex->graph->output])) &&
	    /* NOLINTNEXTLINE(clang-analyzer-core.*): set with the first buffer */
	    !p->kept[inst->in[0]] &&
	    !(ex->options.training && inst->plan.flags & CNN_KEEP_INPUT) &&
	    ex->buffers[inst->in[0]].bytes ==
	    cnn_align(tensor_bytes(p, &inst->run.output, inst->plan.output));
}

static void plan_forward(struct planner *p, struct cnn_instance *inst)
{
	struct cnn_executor *ex = p->ex;
	bool training = ex->options.training;
	size_t node = inst->node_index[inst->node_count - 1];

	for (uint32_t i = 0; i < inst->run.input_count; i++) {
		size_t src = inst->inputs[i];

		inst->in[i] = ex->values[src];
		if (!same_format(ex->formats[src], inst->plan.inputs[i])) {
			inst->in[i] =
			    new_tensor(p, &inst->edges[i].shape, inst->plan.inputs[i]);
			reorder(p, &inst->edges[i].shape, ex->values[src],
			    ex->formats[src], inst->in[i], inst->plan.inputs[i]);
		}
	}
	if (inst->across) {
		new_op(p, CNN_OP_REDUCE_FORWARD, inst);
		touch(p, inst->in[0]);
		p->phase++;
	}
	inst->out = in_place(p, inst) ?
	    inst->in[0] :
	    new_tensor(p, &inst->run.output, inst->plan.output);
	inst->saved = training && inst->plan.saved_bytes ?
	    new_buffer(p, inst->plan.saved_bytes) :
	    CNN_NONE;
	new_op(p, CNN_OP_FORWARD, inst);
	for (uint32_t i = 0; i < inst->run.input_count; i++)
		touch(p, inst->in[i]);
	touch(p, inst->out);
	touch(p, inst->saved);
	if (p->code < 0)
		return;
	if (training && inst->plan.flags & CNN_KEEP_OUTPUT)
		p->kept[inst->out] = true;
	for (uint32_t i = 0; training && i < inst->run.input_count; i++)
		if (inst->plan.flags & CNN_KEEP_INPUT)
			p->kept[inst->in[i]] = true;
	ex->values[node] = inst->out;
}

/* --- backward --------------------------------------------------------------------- */

static bool has_trainable(const struct cnn_instance *inst)
{
	for (uint32_t i = 0; i < inst->run.param_count; i++)
		if (inst->params[i].kind == CNN_PARAM_TRAINABLE)
			return true;
	return false;
}

/* Chooses the buffer for the gradient of input i: the node's own gradient, if this is
 * the first contribution and the format is right. */
static size_t gradient_target(struct planner *p, struct cnn_instance *inst, uint32_t i)
{
	struct cnn_executor *ex = p->ex;
	size_t src = inst->inputs[i], target;

	if (!same_format(ex->formats[src], inst->plan.inputs[i]) ||
	    ex->grads[src] != CNN_NONE)
		return new_tensor(p, &inst->edges[i].shape, inst->plan.inputs[i]);
	if (i == 0 && inst->plan.flags & CNN_INPLACE_BACKWARD && p->code == CNN_OK &&
	    inst->grad_out != CNN_NONE &&
	    ex->buffers[inst->grad_out].bytes ==
		cnn_align(tensor_bytes(p, &inst->edges[i].shape, inst->plan.inputs[i])))
		target = inst->grad_out;
	else
		target = new_tensor(p, &inst->edges[i].shape, inst->plan.inputs[i]);
	ex->grads[src] = target;
	return target;
}

/* Adds a gradient that was written to another buffer to its node's gradient, in the
 * order in which backward reaches the consumers: the last first. */
static void deliver(struct planner *p, struct cnn_instance *inst, uint32_t i)
{
	struct cnn_executor *ex = p->ex;
	const struct cnn_shape *s = &inst->edges[i].shape;
	size_t src = inst->inputs[i], at = inst->grad_in[i];
	struct cnn_op *op;

	if (at == CNN_NONE || at == ex->grads[src])
		return;
	if (!same_format(ex->formats[src], inst->plan.inputs[i])) {
		at = new_tensor(p, s, ex->formats[src]);
		reorder(p, s, inst->grad_in[i], inst->plan.inputs[i], at,
		    ex->formats[src]);
	}
	if (ex->grads[src] == CNN_NONE) {
		ex->grads[src] = at;
		return;
	}
	op = new_op(p, CNN_OP_ADD, NULL);
	op->src = at;
	op->dst = ex->grads[src];
	op->shape = *s;
	op->from = op->to = ex->formats[src];
	touch(p, op->src);
	touch(p, op->dst);
}

static void plan_backward(struct planner *p, struct cnn_instance *inst)
{
	struct cnn_executor *ex = p->ex;
	bool wanted = has_trainable(inst);

	inst->grad_out = ex->grads[inst->node_index[inst->node_count - 1]];
	for (uint32_t i = 0; i < inst->run.input_count; i++)
		wanted |= ex->wants_gradient[inst->inputs[i]];
	if (!wanted)
		return;
	if (inst->across) {
		new_op(p, CNN_OP_REDUCE_BACKWARD, inst);
		touch(p, inst->grad_out);
		touch(p, inst->saved);
		for (uint32_t i = 0; i < inst->run.input_count; i++)
			if (inst->plan.flags & CNN_KEEP_INPUT)
				touch(p, inst->in[i]);
		p->phase++;
	}
	for (uint32_t i = 0; i < inst->run.input_count; i++)
		inst->grad_in[i] = ex->wants_gradient[inst->inputs[i]] ?
		    gradient_target(p, inst, i) :
		    CNN_NONE;
	new_op(p, CNN_OP_BACKWARD, inst);
	touch(p, inst->grad_out);
	touch(p, inst->saved);
	if (inst->plan.flags & CNN_KEEP_OUTPUT)
		touch(p, inst->out);
	for (uint32_t i = 0; i < inst->run.input_count; i++) {
		if (inst->plan.flags & CNN_KEEP_INPUT)
			touch(p, inst->in[i]);
		touch(p, inst->grad_in[i]);
	}
	for (uint32_t i = 0; i < inst->run.input_count; i++)
		deliver(p, inst, i);
}

/* --- the whole plan --------------------------------------------------------------- */

/* The logits as plain floats, for inference. */
static void plan_output(struct planner *p)
{
	struct cnn_executor *ex = p->ex;
	const struct cnn_format plain = { CNN_F32, CNN_NCHW };
	size_t n = ex->alias[ex->graph->output];
	const struct cnn_shape *s = &ex->graph->nodes[n].node.output;

	ex->logits = ex->values[n];
	ex->output_values = cnn_graph_shape_count(s);
	if (!same_format(ex->formats[n], plain)) {
		ex->logits = new_tensor(p, s, plain);
		reorder(p, s, ex->values[n], ex->formats[n], ex->logits, plain);
	}
}

static void list_operations(struct planner *p)
{
	struct cnn_executor *ex = p->ex;

	for (size_t i = 0; i < ex->instance_count; i++)
		if (!ex->instances[i].is_loss)
			plan_forward(p, &ex->instances[i]);
	ex->logits = CNN_NONE;
	if (!ex->options.training)
		plan_output(p);
	for (uint32_t i = 0; i < ex->loss_count; i++)
		plan_forward(p, ex->losses[i]);
	for (size_t i = ex->instance_count; ex->options.training && i-- > 0;)
		plan_backward(p, &ex->instances[i]);
	/* They are read when the microbatch is done. */
	touch(p, ex->logits);
	for (uint32_t i = 0; i < ex->loss_count; i++)
		touch(p, ex->losses[i]->out);
	ex->phases = p->phase + 1;
}

/* The type in which an input is gathered: half if no run reads it in float. */
static uint32_t input_dtype(const struct cnn_executor *ex, size_t node)
{
	uint32_t dtype = CNN_DTYPE_NONE;

	if (ex->graph->nodes[node].index)
		return CNN_I32;
	for (size_t i = 0; i < ex->instance_count; i++) {
		const struct cnn_instance *inst = &ex->instances[i];

		for (uint32_t j = 0; j < inst->run.input_count; j++)
			if (inst->inputs[j] == node)
				dtype = dtype == CNN_DTYPE_NONE ||
					dtype == inst->run.dtype ?
				    inst->run.dtype :
				    CNN_F32;
	}
	return dtype == CNN_DTYPE_NONE ? CNN_F32 : dtype;
}

/* With several phases, all microbatches are in progress at once, each with an arena. */
static void find_brief(struct cnn_executor *ex)
{
	for (size_t i = 0; i < ex->buffer_count; i++) {
		struct cnn_buffer *b = &ex->buffers[i];

		b->brief = ex->phases > 1 && b->first != CNN_NONE &&
		    ex->ops[b->first].phase == ex->ops[b->last].phase;
	}
}

int cnn_plan_make(struct cnn_executor *ex, struct cnn_error *e)
{
	const struct cnn_graph *g = ex->graph;
	struct planner p = { .ex = ex, .e = e };
	int r = CNN_OK;

	ex->formats = calloc(g->node_count, sizeof *ex->formats);
	ex->values = calloc(g->node_count, sizeof *ex->values);
	ex->grads = calloc(g->node_count, sizeof *ex->grads);
	p.uses = calloc(g->node_count, sizeof *p.uses);
	if (!ex->formats || !ex->values || !ex->grads || !p.uses) {
		free(p.uses);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < g->node_count; i++)
		ex->grads[i] = CNN_NONE;
	for (uint32_t i = 0; i < g->input_count; i++)
		ex->formats[g->inputs[i]] =
		    (struct cnn_format){ input_dtype(ex, g->inputs[i]), CNN_NCHW };
	for (size_t i = 0; r == CNN_OK && i < ex->instance_count; i++) {
		r = create(&p, &ex->instances[i]);
		for (uint32_t j = 0; j < ex->instances[i].run.input_count; j++)
			p.uses[ex->instances[i].inputs[j]]++;
	}
	if (r == CNN_OK) {
		for (uint32_t i = 0; i < g->input_count; i++) {
			size_t n = g->inputs[i];

			ex->values[n] =
			    new_tensor(&p, &g->nodes[n].node.output, ex->formats[n]);
			if (p.code == CNN_OK)
				ex->buffers[ex->values[n]].first = 0;
		}
		list_operations(&p);
		r = p.code;
	}
	if (r == CNN_OK) {
		find_brief(ex);
		r = cnn_arena_place(ex->buffers, ex->buffer_count, false,
		    &ex->arena_bytes, e);
	}
	if (r == CNN_OK)
		r = cnn_arena_place(ex->buffers, ex->buffer_count, true,
		    &ex->brief_bytes, e);
	free(p.kept);
	free(p.uses);
	return r;
}

void cnn_plan_drop(struct cnn_executor *ex)
{
	for (size_t i = 0; i < ex->instance_count; i++)
		if (ex->instances[i].handle)
			ex->instances[i].kernel->destroy(ex->instances[i].handle);
	free(ex->alias);
	free(ex->formats);
	free(ex->values);
	free(ex->grads);
	free(ex->wants_gradient);
	free(ex->instances);
	free(ex->buffers);
	free(ex->ops);
	ex->alias = ex->values = ex->grads = NULL;
	ex->formats = NULL;
	ex->wants_gradient = NULL;
	ex->instances = NULL;
	ex->buffers = NULL;
	ex->ops = NULL;
	ex->instance_count = ex->buffer_count = ex->op_count = 0;
	ex->loss_count = 0;
	ex->packed_bytes = ex->scratch_bytes = ex->partial_count = 0;
}
