/* profile.c - the time of each part of a step.
 *
 * Each operation has a slot, and so have the parts of a step that are no operation. On
 * an asynchronous device the queue is marked before and after each piece of work, which
 * gives the device's own time. On the CPU each worker reads the clock, and the mean
 * over the workers is reported. The first step is left out, because it also builds
 * things that later steps reuse. */
#include "executor-private.h"

#include "base/tensor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_SLOTS 32767	     /* two marks each */
#define CALLER_MARK (2 * MOST_SLOTS) /* the next two are the caller's */

struct cnn_profile {
	size_t slots;
	double *seconds; /* [workers][slots], all steps */
	double *started; /* [workers] */
	bool *marked;	 /* [slots], in this step */
	uint64_t steps, samples;
};

static const char *const parts[CNN_PART_COUNT] = {
	[CNN_PART_GATHER] = "gather",
	[CNN_PART_PACK] = "pack",
	[CNN_PART_TOTAL] = "total",
	[CNN_PART_REDUCE] = "reduce",
	[CNN_PART_UPDATE] = "update",
	[CNN_PART_ADVANCE] = "advance",
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int cnn_profile_open(struct cnn_executor *ex, struct cnn_error *e)
{
	struct cnn_profile *p = calloc(1, sizeof *p);

	ex->profile = p;
	if (!p)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	p->slots = ex->op_count + CNN_PART_COUNT;
	if (p->slots > MOST_SLOTS)
		return cnn_fail(e, CNN_EUSAGE, "--profile: too many operations: %zu",
		    ex->op_count);
	p->seconds = calloc(ex->worker_count * p->slots, sizeof *p->seconds);
	p->started = calloc(ex->worker_count, sizeof *p->started);
	p->marked = calloc(p->slots, sizeof *p->marked);
	return p->seconds && p->started && p->marked ?
	    CNN_OK :
	    cnn_fail(e, CNN_ENOMEM, "out of memory");
}

void cnn_profile_close(struct cnn_executor *ex)
{
	struct cnn_profile *p = ex->profile;

	if (!p)
		return;
	free(p->seconds);
	free(p->started);
	free(p->marked);
	free(p);
}

/* --- measuring -------------------------------------------------------------------- */

int cnn_profile_begin(struct cnn_worker *w, size_t slot)
{
	struct cnn_executor *ex = w->ex;
	struct cnn_profile *p = ex->profile;

	if (!p)
		return CNN_OK;
	if (!ex->device_functions->mark) {
		p->started[w->number] = now();
		return CNN_OK;
	}
	p->marked[slot] = true;
	return ex->device_functions->mark(ex->device, ex->queue, (uint32_t)(2 * slot));
}

int cnn_profile_end(struct cnn_worker *w, size_t slot)
{
	struct cnn_executor *ex = w->ex;
	struct cnn_profile *p = ex->profile;

	if (!p)
		return CNN_OK;
	if (ex->device_functions->mark)
		return ex->device_functions->mark(ex->device, ex->queue,
		    (uint32_t)(2 * slot + 1));
	p->seconds[w->number * p->slots + slot] += now() - p->started[w->number];
	return CNN_OK;
}

size_t cnn_profile_part(const struct cnn_executor *ex, enum cnn_part part)
{
	return ex->op_count + part;
}

int cnn_profile_step(struct cnn_executor *ex)
{
	struct cnn_profile *p = ex->profile;
	double seconds;
	int r = CNN_OK;

	if (!p)
		return CNN_OK;
	for (size_t i = 0; r >= 0 && i < p->slots; i++) {
		if (!p->marked[i])
			continue;
		p->marked[i] = false;
		r = ex->device_functions->elapsed(ex->device, (uint32_t)(2 * i),
		    (uint32_t)(2 * i + 1), &seconds);
		p->seconds[i] += r < 0 ? 0 : seconds;
	}
	if (p->steps++ == 0)
		memset(p->seconds, 0, ex->worker_count * p->slots * sizeof *p->seconds);
	else
		p->samples += ex->samples;
	return r;
}

/* --- the caller's marks ----------------------------------------------------------- */

int cnn_executor_mark(struct cnn_executor *ex, bool end, struct cnn_error *e)
{
	int r = CNN_OK;

	if (ex->device_functions->mark)
		r = ex->device_functions->mark(ex->device, ex->queue,
		    CALLER_MARK + end);
	else
		ex->marked[end] = now();
	return r < 0 ? cnn_host_error(&ex->host, r, e) : CNN_OK;
}

int cnn_executor_marked(struct cnn_executor *ex, double *seconds, struct cnn_error *e)
{
	int r = CNN_OK;

	if (ex->device_functions->mark)
		r = ex->device_functions->elapsed(ex->device, CALLER_MARK,
		    CALLER_MARK + 1, seconds);
	else
		*seconds = ex->marked[1] - ex->marked[0];
	return r < 0 ? cnn_host_error(&ex->host, r, e) : CNN_OK;
}

/* --- the report ------------------------------------------------------------------- */

static double tensor_bytes(const struct cnn_shape *s, struct cnn_format f)
{
	return (double)cnn_layout_count(s, f.layout, 1) *
	    (double)cnn_dtype_size((enum cnn_dtype)f.dtype);
}

/* The least data to move: each tensor once per pass, each parameter once per step. */
static void count_work(const struct cnn_executor *ex, const struct cnn_op *op,
    double samples, struct cnn_profile_row *row)
{
	const struct cnn_instance *inst = op->instance;
	const bool backward = op->kind == CNN_OP_BACKWARD;
	double in = 0, grad_in = 0, params = 0, flops = 0;

	for (uint32_t i = 0; i < inst->run.input_count; i++) {
		double bytes =
		    tensor_bytes(&inst->edges[i].shape, inst->plan.inputs[i]);

		in += !backward || inst->plan.flags & CNN_KEEP_INPUT ? bytes : 0;
		grad_in += inst->grad_in[i] != CNN_NONE ? bytes : 0;
	}
	for (uint32_t i = 0; i < inst->run.param_count; i++)
		params += 4 * (double)inst->plan.param_counts[i];
	for (uint32_t i = 0; i < inst->node_count; i++)
		flops += cnn_graph_flops(ex->graph, inst->node_index[i]);
	row->bytes = samples *
		(in + (backward ? grad_in : 0) +
		    (double)inst->plan.saved_bytes / ex->microbatch_size +
		    tensor_bytes(&inst->run.output, inst->plan.output)) +
	    (backward ? 2 * params : params);
	/* Backward is one product for the weights and one for the input. */
	row->flops = samples * flops *
	    (!backward ? 1 : (inst->run.param_count > 0) + (grad_in > 0));
}

static void name_run(const struct cnn_instance *inst, char *text, size_t size)
{
	size_t n = 0;

	for (uint32_t i = 0; i < inst->node_count && n < size; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? "+" : "",
		    inst->nodes[i].name);
}

static void describe_op(const struct cnn_executor *ex, const struct cnn_op *op,
    double samples, struct cnn_profile_row *row)
{
	static const char *const kinds[] = {
		[CNN_OP_FORWARD] = "forward",
		[CNN_OP_BACKWARD] = "backward",
		[CNN_OP_REORDER] = "reorder",
		[CNN_OP_ADD] = "add",
		[CNN_OP_REDUCE_FORWARD] = "sums forward",
		[CNN_OP_REDUCE_BACKWARD] = "sums backward",
	};

	row->what = kinds[op->kind];
	if (op->kind == CNN_OP_FORWARD || op->kind == CNN_OP_BACKWARD)
		count_work(ex, op, samples, row);
	else if (op->kind == CNN_OP_REORDER)
		row->bytes = samples *
		    (tensor_bytes(&op->shape, op->from) +
			tensor_bytes(&op->shape, op->to));
	else if (op->kind == CNN_OP_ADD)
		row->bytes = samples * 3 * tensor_bytes(&op->shape, op->from);
	if (op->instance) {
		name_run(op->instance, row->name, sizeof row->name);
		row->provider = op->instance->plugin->provider;
	}
}

bool cnn_executor_profile_at(const struct cnn_executor *ex, size_t i,
    struct cnn_profile_row *row)
{
	const struct cnn_profile *p = ex->profile;
	double steps;

	if (!p || p->steps < 2 || i >= p->slots)
		return false;
	steps = (double)(p->steps - 1);
	*row = (struct cnn_profile_row){ .name = "-",
		.provider = "-",
		.steps = p->steps - 1 };
	for (uint32_t w = 0; w < ex->worker_count; w++)
		row->seconds += p->seconds[w * p->slots + i];
	row->seconds /= steps * (ex->device_functions->mark ? 1 : ex->worker_count);
	if (i < ex->op_count)
		describe_op(ex, &ex->ops[i], (double)p->samples / steps, row);
	else
		row->what = parts[i - ex->op_count];
	return true;
}
