/* executor.c - opening an executor, its parameters, closing it. */
#include "executor-private.h"

#include "base/args.h"
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- memory ----------------------------------------------------------------------- */

static int take_floats(struct cnn_executor *ex, float **p, size_t count,
    struct cnn_error *e)
{
	void *block;
	int r = count > SIZE_MAX / 8 ?
	    cnn_fail(e, CNN_ENOMEM, "too many parameters") :
	    cnn_executor_take(ex, &block, count * sizeof **p, e);

	*p = r < 0 ? NULL : block;
	return r;
}

/* Small tables in the host's memory. */
static int table(void *p, size_t count, size_t size, struct cnn_error *e)
{
	void *block = calloc(count ? count : 1, size);

	memcpy(p, &block, sizeof block);
	return block ? CNN_OK : cnn_fail(e, CNN_ENOMEM, "out of memory");
}

/* --- opening ---------------------------------------------------------------------- */

static int open_device(struct cnn_executor *ex, struct cnn_error *e)
{
	const struct cnn_device *d;
	struct cnn_plugin *p;
	int r;

	r = cnn_plugins_find(ex->plugins, ex->options.on.device, NULL, "device", &p, e);
	if (r < 0)
		return r;
	ex->device_functions = d = p->entry->device_functions;
	r = d->open(&ex->host.host, ex->options.on.ordinal, &ex->device);
	if (r >= 0 && d->supports)
		r = d->supports(ex->device, ex->options.amp);
	if (r < 0)
		return cnn_host_error(&ex->host, r, e);
	ex->queue = d->queue ? d->queue(ex->device) : NULL;
	ex->whole_batch = d->flags & CNN_DEVICE_WHOLE_BATCH;
	ex->own_memory = d->flags & CNN_DEVICE_OWN_MEMORY;
	return CNN_OK;
}

static uint32_t cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) :
							     1;
}

/* Decides the microbatch size and the number of workers. */
static void cut_batch(struct cnn_executor *ex)
{
	const struct cnn_executor_options *o = &ex->options;

	ex->microbatch_size = o->microbatch_size ? o->microbatch_size :
						   CNN_MICROBATCH_SIZE;
	if (ex->microbatch_size > o->batch || ex->whole_batch)
		ex->microbatch_size = o->batch;
	ex->microbatches_max = (o->batch + ex->microbatch_size - 1) /
	    ex->microbatch_size;
	ex->worker_count = o->on.threads ? (uint32_t)o->on.threads : cores();
	if (ex->worker_count > ex->microbatches_max)
		ex->worker_count = ex->microbatches_max;
}

/* Sets every parameter's offset: 64-byte aligned, trainable ones together. */
static int place_params(struct cnn_executor *ex, struct cnn_error *e)
{
	int r = table(&ex->slots, ex->graph->param_count, sizeof *ex->slots, e);

	for (size_t i = 0; r == CNN_OK && i < ex->instance_count; i++) {
		struct cnn_instance *inst = &ex->instances[i];

		for (uint32_t j = 0; j < inst->run.param_count; j++) {
			struct cnn_slot *s = &ex->slots[inst->param_index[j]];
			size_t *used;

			s->instance = inst;
			s->index = j;
			s->count = inst->plan.param_counts[j];
			s->trainable = inst->params[j].kind == CNN_PARAM_TRAINABLE;
			used = s->trainable ? &ex->param_floats : &ex->buffer_floats;
			s->offset = *used;
			if (s->count > (SIZE_MAX / 16) - *used)
				return cnn_fail(e, CNN_ENOMEM, "too many parameters");
			*used += (s->count + 15) / 16 * 16;
		}
	}
	return r;
}

/* Memory for the sums of layers that need the whole batch: per microbatch, and in
 * total. */
static int take_sums(struct cnn_executor *ex, struct cnn_error *e)
{
	size_t bytes = ex->partial_count * sizeof *ex->partials;
	void *block;
	int r;

	if (bytes > SIZE_MAX / 2 / ex->microbatches_max)
		return cnn_fail(e, CNN_ENOMEM, "too many channels");
	if ((r = cnn_executor_take(ex, &block, ex->microbatches_max * bytes, e)) < 0)
		return r;
	ex->partials = ex->reduced = block;
	if (ex->microbatches_max == 1)
		return CNN_OK;
	r = cnn_executor_take(ex, &block, bytes, e);
	ex->reduced = block;
	return r;
}

static int take_arenas(struct cnn_executor *ex, struct cnn_error *e)
{
	size_t floats = ex->param_floats;
	void *block = NULL;
	int r;

	if ((r = take_floats(ex, &ex->params, floats, e)) < 0 ||
	    (r = take_floats(ex, &ex->param_buffers, ex->buffer_floats, e)) < 0)
		return r;
	if ((r = cnn_executor_take(ex, &block, ex->packed_bytes, e)) < 0)
		return r;
	ex->packed = block;
	for (uint32_t m = 0; m < cnn_executor_moment_count(ex); m++)
		if ((r = take_floats(ex, &ex->moments[m], floats, e)) < 0)
			return r;
	for (size_t c = 0; c < ex->context_count; c++) {
		if ((r = cnn_executor_take(ex, &block, ex->arena_bytes, e)) < 0)
			return r;
		ex->contexts[c].arena = block;
	}
	if ((r = cnn_executor_take(ex, &block,
		 ex->microbatches_max * sizeof *ex->results, e)) < 0)
		return r;
	ex->results = block;
	if (ex->options.training &&
	    (ex->options.amp == CNN_F16 || ex->options.grad_clip > 0)) {
		ex->norm_blocks = (ex->param_floats + CNN_NORM_BLOCK - 1) /
		    CNN_NORM_BLOCK;
		if ((r = cnn_executor_take(ex, &block,
			 ex->norm_blocks * sizeof *ex->norms, e)) < 0)
			return r;
		ex->norms = block;
	}
	return take_sums(ex, e);
}

/* The most microbatches of one worker. */
static uint32_t worker_microbatches(const struct cnn_executor *ex)
{
	return (ex->microbatches_max + ex->worker_count - 1) / ex->worker_count;
}

static int open_worker(struct cnn_executor *ex, uint32_t number, struct cnn_error *e)
{
	struct cnn_worker *w = &ex->workers[number];
	/* With across_samples layers, all of a worker's microbatches are in progress at
	 * once. Otherwise one is, beside the sums that wait for a sibling. */
	size_t depth = ex->phases > 1 ? worker_microbatches(ex) + 1 :
					cnn_reduce_depth(worker_microbatches(ex));
	void *block;
	int r;

	w->ex = ex;
	w->number = number;
	if ((r = cnn_executor_take(ex, &block, ex->scratch_bytes, e)) < 0)
		return r;
	w->scratch = block;
	if (ex->brief_bytes > 0 &&
	    (r = cnn_executor_take(ex, &block, ex->brief_bytes, e)) < 0)
		return r;
	w->arena = ex->brief_bytes > 0 ? block : NULL;
	if (!ex->options.training)
		return CNN_OK;
	if ((r = table(&w->spare, depth, sizeof *w->spare, e)) < 0 ||
	    (r = table(&w->stack, depth, sizeof *w->stack, e)) < 0)
		return r;
	for (; w->spare_count < depth; w->spare_count++)
		if ((r = take_floats(ex, &w->spare[w->spare_count], ex->param_floats,
			 e)) < 0)
			return r;
	return CNN_OK;
}

static int start_threads(struct cnn_executor *ex, struct cnn_error *e)
{
	sigset_t all, old;
	int err = 0;

	/* Workers block all signals: the tool's main thread handles them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (uint32_t i = 1; i < ex->worker_count && err == 0; i++) {
		err = pthread_create(&ex->workers[i].thread, NULL, cnn_worker_main,
		    &ex->workers[i]);
		if (err == 0)
			ex->threads_started++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ? cnn_fail_errno(e, err, "can't start a thread") : CNN_OK;
}

/* Finds the optimizer's code and copies its arguments. */
static int open_optimizer(struct cnn_executor *ex, struct cnn_error *e)
{
	const struct cnn_optimizer_def *def = ex->options.optimizer;
	int r = cnn_optimizer_find(ex->plugins, ex->options.on.device, def->name,
	    &ex->optimizer, e);

	if (r < 0)
		return r;
	if (ex->options.optimizer_args)
		memcpy(ex->optimizer_args, ex->options.optimizer_args,
		    def->arg_count * sizeof *ex->optimizer_args);
	else
		cnn_args_default(def->args, def->arg_count, ex->optimizer_args);
	ex->options.optimizer_args = ex->optimizer_args;
	return CNN_OK;
}

/* Gives each instance to the worker that has least to pack so far. */
static int share_packing(struct cnn_executor *ex, struct cnn_error *e)
{
	size_t *bytes = calloc(ex->worker_count, sizeof *bytes);

	if (!bytes)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t i = 0; i < ex->instance_count; i++) {
		struct cnn_instance *inst = &ex->instances[i];

		inst->packer = 0;
		for (uint32_t k = 1; k < ex->worker_count; k++)
			if (bytes[k] < bytes[inst->packer])
				inst->packer = k;
		bytes[inst->packer] += inst->plan.packed_bytes;
	}
	free(bytes);
	return CNN_OK;
}

static int open_all(struct cnn_executor *ex, struct cnn_error *e)
{
	int r;

	if ((r = open_device(ex, e)) < 0)
		return r;
	if (ex->options.training && ex->graph->loss_count == 0)
		return cnn_fail(e, CNN_EDATA,
		    "the net has no loss to train with: end it with cross_entropy");
	cut_batch(ex);
	/* Again without a kernel that cannot be had. */
	while (
	    (r = cnn_assign(ex, e)) == CNN_OK && (r = cnn_plan_make(ex, e)) == CNN_END)
		cnn_plan_drop(ex);
	if (r < 0)
		return r;
	if ((ex->options.training && (r = open_optimizer(ex, e)) < 0) ||
	    (r = place_params(ex, e)) < 0)
		return r;
	if ((r = share_packing(ex, e)) < 0)
		return r;
	ex->context_count = ex->phases > 1 ? ex->microbatches_max : ex->worker_count;
	if ((r = table(&ex->contexts, ex->context_count, sizeof *ex->contexts, e)) <
		0 ||
	    (r = table(&ex->workers, ex->worker_count, sizeof *ex->workers, e)) < 0 ||
	    (r = table(&ex->merges, ex->microbatches_max, sizeof *ex->merges, e)) < 0 ||
	    (r = table(&ex->prepared, ex->microbatch_size + 1, sizeof *ex->prepared,
		 e)) < 0)
		return r;
	if ((r = take_arenas(ex, e)) < 0 || (r = cnn_feed_open(ex, e)) < 0)
		return r;
	for (uint32_t i = 0; i < ex->worker_count; i++)
		if ((r = open_worker(ex, i, e)) < 0)
			return r;
	if (ex->options.on.profile && (r = cnn_profile_open(ex, e)) < 0)
		return r;
	cnn_barrier_init(&ex->barrier, ex->worker_count);
	return ex->options.plan_only ? CNN_OK : start_threads(ex, e);
}

int cnn_executor_open(struct cnn_executor **executor, const struct cnn_graph *g,
    const struct cnn_executor_options *options, struct cnn_error *e)
{
	struct cnn_executor *ex = calloc(1, sizeof *ex);
	int r;

	*executor = NULL;
	if (!ex)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	ex->graph = g;
	ex->plugins = g->plugins;
	cnn_host_init(&ex->host, options->on.isa, options->on.policy,
	    options->on.choices);
	ex->options = *options;
	ex->params_changed = true;
	if ((r = open_all(ex, e)) < 0)
		cnn_executor_close(ex);
	else
		*executor = ex;
	return r;
}

void cnn_executor_close(struct cnn_executor *ex)
{
	if (!ex)
		return;
	if (ex->threads_started > 0) {
		/* Started threads wait for all workers, though not all could be
		 * started: lower the barrier's count to the threads that exist. */
		cnn_barrier_shrink(&ex->barrier, ex->threads_started + 1);
		ex->stop = true;
		cnn_barrier_wait(&ex->barrier);
		for (uint32_t i = 1; i <= ex->threads_started; i++)
			pthread_join(ex->workers[i].thread, NULL);
	}
	cnn_plan_drop(ex);
	for (uint32_t i = 0; ex->workers && i < ex->worker_count; i++) {
		struct cnn_worker *w = &ex->workers[i];

		/* Between steps each gradient arena is spare or on the stack. */
		while (w->spare_count > 0)
			ex->device_functions->free(ex->device,
			    w->spare[--w->spare_count]);
		while (w->stack_count > 0)
			ex->device_functions->free(ex->device,
			    w->stack[--w->stack_count].sum);
		ex->device_functions->free(ex->device, w->scratch);
		ex->device_functions->free(ex->device, w->arena);
		free(w->spare);
		free(w->stack);
	}
	for (size_t i = 0; ex->contexts && i < ex->context_count; i++) {
		ex->device_functions->free(ex->device, ex->contexts[i].arena);
		if (ex->contexts[i].grads)
			ex->device_functions->free(ex->device, ex->contexts[i].grads);
	}
	cnn_host_end_services(&ex->host);
	if (ex->device) {
		ex->device_functions->free(ex->device, ex->params);
		ex->device_functions->free(ex->device, ex->param_buffers);
		ex->device_functions->free(ex->device, ex->packed);
		ex->device_functions->free(ex->device, ex->results);
		ex->device_functions->free(ex->device, ex->norms);
		if (ex->reduced != ex->partials)
			ex->device_functions->free(ex->device, ex->reduced);
		ex->device_functions->free(ex->device, ex->partials);
		cnn_feed_close(ex);
		for (int m = 0; m < CNN_MAX_MOMENTS; m++)
			ex->device_functions->free(ex->device, ex->moments[m]);
		ex->device_functions->close(ex->device);
	}
	cnn_executor_uncount(ex);
	cnn_profile_close(ex);
	free(ex->slots);
	free(ex->contexts);
	free(ex->workers);
	free(ex->merges);
	free(ex->prepared);
	cnn_host_close(&ex->host);
	free(ex);
}

/* --- the chosen providers --------------------------------------------------------- */

bool cnn_executor_run_at(const struct cnn_executor *ex, size_t i,
    struct cnn_executor_run *run)
{
	const struct cnn_instance *inst = &ex->instances[i];

	if (i >= ex->instance_count)
		return false;
	*run = (struct cnn_executor_run){ inst->node_index, inst->node_count,
		inst->plugin->device, inst->plugin->provider };
	return true;
}

size_t cnn_executor_memory(const struct cnn_executor *ex)
{
	return ex->memory;
}

size_t cnn_executor_reorders(const struct cnn_executor *ex)
{
	size_t count = 0;

	for (size_t i = 0; i < ex->op_count; i++)
		count += ex->ops[i].kind == CNN_OP_REORDER;
	return count;
}
