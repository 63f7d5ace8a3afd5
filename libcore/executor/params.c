/* params.c - parameters and moments to and from the executor's own layout. */
#include "executor-private.h"

/* Writes plain values into the arena, in the run's own layout. */
static int import(struct cnn_executor *ex, size_t param, const float *plain,
    float *arena, struct cnn_error *e)
{
	const struct cnn_slot *s = &ex->slots[param];
	int r = CNN_OK;

	if (s->instance->kernel->param_import)
		r = s->instance->kernel->param_import(s->instance->handle, ex->queue,
		    s->index, plain, arena + s->offset);
	else
		r = ex->device_functions->upload(ex->device, ex->queue,
		    arena + s->offset, plain,
		    ex->graph->params[param].count * sizeof *plain);
	return r < 0 ? cnn_host_error(&ex->host, r, e) : CNN_OK;
}

static int export(struct cnn_executor *ex, size_t param, const float *arena,
    float *plain, struct cnn_error *e)
{
	const struct cnn_slot *s = &ex->slots[param];
	int r = CNN_OK;

	if (s->instance->kernel->param_export)
		r = s->instance->kernel->param_export(s->instance->handle, ex->queue,
		    s->index, arena + s->offset, plain);
	else
		r = ex->device_functions->download(ex->device, ex->queue, plain,
		    arena + s->offset, ex->graph->params[param].count * sizeof *plain);
	return r < 0 ? cnn_host_error(&ex->host, r, e) : CNN_OK;
}

int cnn_executor_set_param(struct cnn_executor *ex, size_t param, const float *values,
    struct cnn_error *e)
{
	ex->params_changed = true;
	return import(ex, param, values,
	    ex->slots[param].trainable ? ex->params : ex->param_buffers, e);
}

int cnn_executor_get_param(struct cnn_executor *ex, size_t param, float *values,
    struct cnn_error *e)
{
	return export(ex, param,
	    ex->slots[param].trainable ? ex->params : ex->param_buffers, values, e);
}

uint32_t cnn_executor_moment_count(const struct cnn_executor *ex)
{
	return ex->optimizer ? ex->options.optimizer->moment_count : 0;
}

const char *cnn_executor_moment_name(const struct cnn_executor *ex, uint32_t moment)
{
	return ex->options.optimizer->moments[moment];
}

int cnn_executor_set_moment(struct cnn_executor *ex, size_t param, uint32_t moment,
    const float *values, struct cnn_error *e)
{
	return import(ex, param, values, ex->moments[moment], e);
}

int cnn_executor_get_moment(struct cnn_executor *ex, size_t param, uint32_t moment,
    float *values, struct cnn_error *e)
{
	return export(ex, param, ex->moments[moment], values, e);
}
