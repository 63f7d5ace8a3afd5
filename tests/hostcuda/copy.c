/* copy.c - copies and fills; every pointer is looked up first. */
#include "private.h"

#include <stdlib.h>
#include <string.h>

static bool to_device(enum cudaMemcpyKind k)
{
	return k == cudaMemcpyHostToDevice || k == cudaMemcpyDeviceToDevice;
}

static bool from_device(enum cudaMemcpyKind k)
{
	return k == cudaMemcpyDeviceToHost || k == cudaMemcpyDeviceToDevice;
}

static bool is_device(const void *p)
{
	const struct hc_allocation *a = hc_allocation_near(p);

	return a && a->device >= 0;
}

/* Checks one side of a copy: `bytes` at p, in device memory or not. */
static bool check_side(const char *side, const void *p, size_t bytes, bool device)
{
	const struct hc_allocation *a = hc_allocation_of(p);
	char where[256];

	if (device && !is_device(p)) {
		hc_report("the %s is host memory, but must be device memory", side);
		return false;
	}
	if (!device && is_device(p)) {
		hc_report("the %s is device memory, but must be host memory", side);
		return false;
	}
	if (!hc_in_arena(p))
		return true;
	hc_describe(p, where, sizeof where);
	if (!a) {
		hc_report("out of bounds: the %s is %s", side, where);
		return false;
	}
	if (bytes > a->bytes - (size_t)((const unsigned char *)p - a->start)) {
		hc_report("out of bounds: %zu bytes from the %s, %s", bytes, side,
		    where);
		return false;
	}
	return true;
}

static bool check_copy(hc_work *w)
{
	if (w->direction == cudaMemcpyDefault)
		w->direction = is_device(w->to) ? is_device(w->from) ?
						  cudaMemcpyDeviceToDevice :
						  cudaMemcpyHostToDevice :
		    is_device(w->from)		? cudaMemcpyDeviceToHost :
						  cudaMemcpyHostToHost;
	return check_side("destination", w->to, w->bytes, to_device(w->direction)) &&
	    check_side("source", w->from, w->bytes, from_device(w->direction));
}

cudaError_t hc_copy_run(const hc_work *w)
{
	struct hc_allocation *to = hc_allocation_of(w->to),
			     *from = hc_allocation_of(w->from);
	hc_work again = *w;

	if (!check_copy(&again))
		return cudaErrorInvalidValue; /* freed in the meantime */
	hc_fault_install();
	if (to)
		hc_open(to);
	if (from)
		hc_open(from);
	memmove(w->to, w->from, w->bytes);
	hc_close_all();
	if (to && to->device >= 0 && from && from->device >= 0)
		hc_trace_copied(to, w->to, from, w->from, w->bytes);
	else if (to && to->device >= 0)
		hc_trace_written(to, w->to, w->bytes);
	return cudaSuccess;
}

cudaError_t hc_fill_run(const hc_work *w)
{
	struct hc_allocation *a = hc_allocation_of(w->to);

	if (!check_side("destination", w->to, w->bytes, true))
		return cudaErrorInvalidValue;
	hc_open(a);
	memset(w->to, w->value, w->bytes);
	hc_close_all();
	hc_trace_written(a, w->to, w->bytes);
	return cudaSuccess;
}

/* --- the API ---------------------------------------------------------------------- */

static cudaError_t check_kind(enum cudaMemcpyKind kind)
{
	return (unsigned)kind > cudaMemcpyDefault ? cudaErrorInvalidMemcpyDirection :
						    cudaSuccess;
}

static cudaError_t copy(cudaStream_t stream, void *to, const void *from, size_t bytes,
    enum cudaMemcpyKind kind, const char *function)
{
	hc_work w = { .kind = HC_COPY,
		.device = hc_device,
		.to = to,
		.from = from,
		.bytes = bytes,
		.direction = kind };
	cudaError_t error = check_kind(kind);

	if (error || !bytes)
		return error;
	if (!check_copy(&w))
		return cudaErrorInvalidValue;
	return hc_submit(stream, &w, function);
}

static cudaError_t fill(cudaStream_t stream, void *to, int value, size_t bytes,
    const char *function)
{
	hc_work w = { .kind = HC_FILL,
		.device = hc_device,
		.to = to,
		.value = value,
		.bytes = bytes };

	if (!bytes)
		return cudaSuccess;
	if (!check_side("destination", to, bytes, true))
		return cudaErrorInvalidValue;
	return hc_submit(stream, &w, function);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes,
    enum cudaMemcpyKind kind)
{
	cudaError_t error = hc_enter_unsafe("cudaMemcpy");

	if (!error)
		error = copy(NULL, to, from, bytes, kind, "cudaMemcpy");
	if (!error)
		error = hc_flush();
	return hc_leave(error);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes,
    enum cudaMemcpyKind kind, cudaStream_t stream)
{
	cudaError_t error = hc_enter("cudaMemcpyAsync");

	if (!error)
		error = copy(stream, to, from, bytes, kind, "cudaMemcpyAsync");
	return hc_leave(error);
}

cudaError_t cudaMemset(void *to, int value, size_t bytes)
{
	cudaError_t error = hc_enter_unsafe("cudaMemset");

	if (!error)
		error = fill(NULL, to, value, bytes, "cudaMemset");
	return hc_leave(error);
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
	cudaError_t error = hc_enter("cudaMemsetAsync");

	if (!error)
		error = fill(stream, to, value, bytes, "cudaMemsetAsync");
	return hc_leave(error);
}

/* --- allocation ------------------------------------------------------------------- */

cudaError_t cudaMalloc(void **pointer, size_t bytes)
{
	cudaError_t error = hc_enter_unsafe("cudaMalloc");

	if (!error)
		error = pointer ? hc_allocate(pointer, bytes, hc_device) :
				  cudaErrorInvalidValue;
	return hc_leave(error);
}

cudaError_t cudaFree(void *pointer)
{
	cudaError_t error = hc_enter_unsafe("cudaFree");

	if (!error && pointer)
		error = hc_flush();
	if (!error)
		error = hc_release(pointer, false, "cudaFree");
	return hc_leave(error);
}

cudaError_t cudaHostAlloc(void **pointer, size_t bytes, unsigned int flags)
{
	cudaError_t error = hc_enter_unsafe("cudaHostAlloc");

	if (!error && (!pointer || flags > 7))
		error = cudaErrorInvalidValue;
	if (!error)
		error = hc_allocate(pointer, bytes, -1);
	return hc_leave(error);
}

cudaError_t cudaMallocHost(void **pointer, size_t bytes)
{
	return cudaHostAlloc(pointer, bytes, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void *pointer)
{
	cudaError_t error = hc_enter_unsafe("cudaFreeHost");

	if (!error && pointer)
		error = hc_flush();
	if (!error)
		error = hc_release(pointer, true, "cudaFreeHost");
	return hc_leave(error);
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
	cudaError_t error = hc_enter("cudaMemGetInfo");

	if (!error && (!free_bytes || !total))
		error = cudaErrorInvalidValue;
	if (!error) {
		*total = hc_config()->memory;
		*free_bytes = *total - hc_memory_used(hc_device);
	}
	return hc_leave(error);
}
