/* device-memory.c - memory of the device, counted and limited by --max-memory. The
 * memory of a device that has its own is not part of this process's. */
#include "executor-private.h"

#include "base/memory.h"

static bool is_process_memory(const struct cnn_executor *ex)
{
	return !ex->own_memory && !ex->options.plan_only;
}

int cnn_executor_take(struct cnn_executor *ex, void **p, size_t bytes,
    struct cnn_error *e)
{
	size_t limit = ex->options.on.max_memory;
	int r;

	*p = NULL;
	bytes = cnn_align(bytes ? bytes : 1);
	if (bytes > SIZE_MAX / 2 - ex->memory || (limit && ex->memory + bytes > limit))
		return cnn_fail(e, CNN_ENOMEM,
		    "the net needs more than the %zu MiB of --max-memory",
		    (limit ? limit : SIZE_MAX / 2) >> 20);
	if (ex->options.plan_only) {
		ex->memory += bytes;
		return CNN_OK;
	}
	if (is_process_memory(ex) && (r = cnn_memory_take("the net", bytes, e)) < 0)
		return r;
	*p = ex->device_functions->alloc(ex->device, bytes);
	if (!*p) {
		if (is_process_memory(ex))
			cnn_memory_give_back(bytes);
		/* A GPU without enough memory counts as unusable. */
		return cnn_host_error(&ex->host,
		    ex->own_memory ? CNN_EPLUGIN : CNN_ENOMEM, e);
	}
	ex->memory += bytes;
	return CNN_OK;
}

void cnn_executor_give_back(struct cnn_executor *ex, void *p, size_t bytes)
{
	if (!p)
		return;
	ex->device_functions->free(ex->device, p);
	bytes = cnn_align(bytes ? bytes : 1);
	ex->memory -= bytes;
	if (is_process_memory(ex))
		cnn_memory_give_back(bytes);
}

void cnn_executor_uncount(struct cnn_executor *ex)
{
	if (is_process_memory(ex))
		cnn_memory_give_back(ex->memory);
	ex->memory = 0;
}
