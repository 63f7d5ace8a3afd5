/* feed.c - inputs and results of steps: the rows of the data set, their order, the
 * learning rates, the state, the records. All of it lies in memory that the device
 * reads, so a step needs nothing from the host. */
#include "executor-private.h"

#include "base/tensor.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int failed(struct cnn_executor *ex, int r, struct cnn_error *e)
{
	return r < 0 ? cnn_host_error(&ex->host, r, e) : CNN_OK;
}

static int upload(struct cnn_executor *ex, void *dst, const void *src, size_t bytes,
    struct cnn_error *e)
{
	return failed(ex,
	    bytes ?
		ex->device_functions->upload(ex->device, ex->queue, dst, src, bytes) :
		CNN_OK,
	    e);
}

void cnn_forget_recordings(struct cnn_executor *ex)
{
	for (int i = 0; i < CNN_RECORDINGS; i++) {
		if (ex->recordings[i].graph)
			ex->device_functions->release(ex->device,
			    ex->recordings[i].graph);
		ex->recordings[i] = (struct cnn_recording){ 0 };
	}
}

/* Makes room for `bytes`. Growing moves the block, so no work on it may be in
 * progress. */
static int reserve(struct cnn_executor *ex, void **p, size_t *room, size_t bytes,
    struct cnn_error *e)
{
	int r;

	if (bytes <= *room)
		return CNN_OK;
	cnn_forget_recordings(ex);
	cnn_executor_give_back(ex, *p, *room);
	*room = 0;
	if ((r = cnn_executor_take(ex, p, bytes, e)) == CNN_OK)
		*room = bytes;
	return r;
}

/* --- opening, closing ------------------------------------------------------------- */

int cnn_feed_open(struct cnn_executor *ex, struct cnn_error *e)
{
	const struct cnn_state first = { .loss_scale = 1 };
	void *block;
	int r;

	if ((r = cnn_executor_take(ex, &block, sizeof *ex->state, e)) < 0)
		return r;
	ex->state = block;
	if ((r = cnn_executor_take(ex, &block, CNN_RECORDS * sizeof *ex->records, e)) <
	    0)
		return r;
	ex->records = block;
	return ex->options.plan_only ? CNN_OK : cnn_executor_set_state(ex, &first, e);
}

void cnn_feed_close(struct cnn_executor *ex)
{
	const struct cnn_device *d = ex->device_functions;

	cnn_forget_recordings(ex);
	d->free(ex->device, ex->state);
	d->free(ex->device, ex->records);
	for (uint32_t i = 0; i < ex->graph->input_count; i++)
		d->free(ex->device, ex->rows.copies[i]);
	d->free(ex->device, ex->rows.order);
	d->free(ex->device, ex->rows.rates);
}

/* --- the data set ----------------------------------------------------------------- */

/* Marks the instances that need a field which the rows do not have. */
static int skip_instances(struct cnn_executor *ex, const struct cnn_rows *rows,
    struct cnn_error *e)
{
	const struct cnn_graph *g = ex->graph;
	bool *missing = calloc(g->node_count, sizeof *missing);
	int r = CNN_OK;

	if (!missing)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < g->input_count; i++)
		missing[g->inputs[i]] = !rows->fields[i].data;
	for (size_t n = 0; n < g->node_count; n++)
		for (uint32_t i = 0; i < g->nodes[n].node.input_count; i++)
			missing[n] |= missing[ex->alias[g->nodes[n].inputs[i]]];
	ex->has_losses = ex->loss_count > 0;
	for (size_t i = 0; i < ex->instance_count; i++) {
		struct cnn_instance *inst = &ex->instances[i];

		inst->skipped = missing[inst->node_index[inst->node_count - 1]];
		ex->has_losses = ex->has_losses && !(inst->is_loss && inst->skipped);
	}
	if (missing[g->output] || (ex->options.training && !ex->has_losses))
		r = cnn_fail(e, CNN_EUSAGE, "the data lack a field that the net reads");
	free(missing);
	return r;
}

int cnn_executor_set_rows(struct cnn_executor *ex, const struct cnn_rows *rows,
    struct cnn_error *e)
{
	const struct cnn_graph *g = ex->graph;
	struct cnn_resident *resident = &ex->rows;
	int r = skip_instances(ex, rows, e);

	resident->count = rows->count;
	resident->epoch = resident->ahead = 0;
	for (uint32_t i = 0; r == CNN_OK && i < g->input_count; i++) {
		const struct cnn_rows_column *s = &rows->fields[i];
		struct cnn_gather_column *c = &resident->columns[i], old = *c;
		size_t n = g->inputs[i], bytes = 0;

		/* On the CPU the rows stay in the caller's memory. No step is in flight
		 * on either device. */
		*c = (struct cnn_gather_column){
			.dtype = s->dtype,
			.data = s->data,
			.elements = cnn_graph_shape_count(&g->nodes[n].node.output),
			.scale = s->scale,
			.offset = s->offset,
			.out_dtype = ex->formats[n].dtype,
		};
		if (!ex->own_memory)
			continue;
		if (s->data &&
		    (!cnn_mul(rows->count, c->elements, &bytes) ||
			!cnn_mul(bytes, cnn_dtype_size(s->dtype), &bytes)))
			return cnn_fail(e, CNN_ENOMEM, "the data set is too large");
		if (old.dtype != c->dtype || old.scale != c->scale ||
		    old.offset != c->offset || !old.data != !c->data)
			cnn_forget_recordings(ex);
		if ((r = reserve(ex, &resident->copies[i], &resident->rooms[i], bytes,
			 e)) == CNN_OK)
			r = upload(ex, resident->copies[i], s->data, bytes, e);
		c->data = s->data ? resident->copies[i] : NULL;
	}
	return r;
}

/* --- the epoch -------------------------------------------------------------------- */

int cnn_executor_set_epoch(struct cnn_executor *ex, const struct cnn_epoch *epoch,
    struct cnn_error *e)
{
	struct cnn_resident *resident = &ex->rows;
	const size_t from = offsetof(struct cnn_state, lr);
	struct cnn_state start = { .lr = epoch->rates[0],
		.cursor = (uint32_t)epoch->cursor };
	size_t order = epoch->order ? epoch->count * sizeof *resident->order : 0;
	size_t rates = epoch->steps * sizeof *resident->rates;
	void *block = resident->order;
	int r;

	if (epoch->count > resident->count || resident->count > UINT32_MAX ||
	    epoch->cursor > epoch->count || epoch->steps == 0)
		return cnn_fail(e, CNN_EUSAGE,
		    "epoch of %zu rows from row %zu on, but there are %zu",
		    epoch->count, epoch->cursor, resident->count);
	r = reserve(ex, &block, &resident->order_room, order, e);
	resident->order = block;
	if (r < 0)
		return r;
	/* One more rate, which the end of the last step reads but nothing uses. */
	block = resident->rates;
	r = reserve(ex, &block, &resident->rates_room, rates + sizeof *resident->rates,
	    e);
	resident->rates = block;
	if (r < 0 || (r = upload(ex, resident->order, epoch->order, order, e)) < 0 ||
	    (r = upload(ex, resident->rates, epoch->rates, rates, e)) < 0)
		return r;
	if (resident->ordered != (epoch->order != NULL))
		cnn_forget_recordings(ex);
	resident->ordered = epoch->order != NULL;
	resident->epoch = epoch->count;
	resident->ahead = epoch->cursor;
	return upload(ex, (char *)ex->state + from, (const char *)&start + from,
	    sizeof start - from, e);
}

/* --- state and records ------------------------------------------------------------ */

int cnn_executor_set_state(struct cnn_executor *ex, const struct cnn_state *state,
    struct cnn_error *e)
{
	struct cnn_state s = *state;

	if (ex->begun != ex->collected)
		return cnn_fail(e, CNN_EUSAGE, "steps are still running");
	s.bad = s.rate = s.cursor = 0;
	s.lr = 0;
	s.grad_scale = 1 / s.loss_scale;
	ex->first_record = s.step % CNN_RECORDS;
	return upload(ex, ex->state, &s, sizeof s, e);
}

int cnn_executor_get_state(struct cnn_executor *ex, struct cnn_state *state,
    struct cnn_error *e)
{
	return failed(ex,
	    ex->device_functions->download(ex->device, ex->queue, state, ex->state,
		sizeof *state),
	    e);
}

uint32_t cnn_executor_depth(const struct cnn_executor *ex)
{
	return ex->device_functions->capture ? CNN_RECORDS : 1;
}

int cnn_executor_result(struct cnn_executor *ex, struct cnn_step_record *record,
    struct cnn_error *e)
{
	int r;

	if (ex->collected == ex->begun)
		return cnn_fail(e, CNN_EUSAGE, "no step is running");
	/* Fetch all that are in flight at once: the wait is for the last of them. */
	if (ex->collected == ex->fetched) {
		r = ex->device_functions->download(ex->device, ex->queue,
		    ex->fetched_records, ex->records, sizeof ex->fetched_records);
		if (r < 0)
			return failed(ex, r, e);
		ex->fetched = ex->begun;
	}
	*record = ex->fetched_records[ex->first_record];
	ex->first_record = (ex->first_record + 1) % CNN_RECORDS;
	ex->collected++;
	return CNN_OK;
}
