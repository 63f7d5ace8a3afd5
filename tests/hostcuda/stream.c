/* stream.c - streams and events. Work is done in order of submission, by the thread
 * that submits it or waits for it, so a stream is little more than a handle. */
#include "private.h"

#include <stdlib.h>
#include <time.h>

struct CUevent_st {
	struct hc_handle handle;
	unsigned flags;
	bool recorded;
	struct timespec time;
	struct hc_capture *capture; /* in which it was recorded, or NULL */
	cudaStream_t stream;
};

struct hc_handle *hc_streams;
static struct hc_handle *events;

/* --- handles ---------------------------------------------------------------------- */

void hc_handle_add(struct hc_handle **list, struct hc_handle *h)
{
	h->next = *list;
	*list = h;
}

bool hc_handle_remove(struct hc_handle **list, struct hc_handle *h)
{
	for (; *list; list = &(*list)->next)
		if (*list == h) {
			*list = h->next;
			return true;
		}
	return false;
}

bool hc_handle_in(struct hc_handle *list, const struct hc_handle *h)
{
	for (; list; list = list->next)
		if (list == h)
			return true;
	return false;
}

bool hc_stream_default(cudaStream_t stream)
{
	return !stream || stream == cudaStreamLegacy || stream == cudaStreamPerThread;
}

cudaError_t hc_stream_check(cudaStream_t stream)
{
	if (hc_stream_default(stream))
		return cudaSuccess;
	if (!hc_handle_in(hc_streams, &stream->handle) || stream->device != hc_device)
		return cudaErrorInvalidResourceHandle;
	return cudaSuccess;
}

static cudaError_t check_event(cudaEvent_t event)
{
	return event && hc_handle_in(events, &event->handle) ?
	    cudaSuccess :
	    cudaErrorInvalidResourceHandle;
}

/* --- streams ---------------------------------------------------------------------- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags)
{
	cudaError_t error = hc_enter("cudaStreamCreateWithFlags");
	cudaStream_t s;

	if (!error && (!stream || flags > cudaStreamNonBlocking))
		error = cudaErrorInvalidValue;
	if (error)
		return hc_leave(error);
	s = calloc(1, sizeof *s);
	if (!s)
		return hc_leave(cudaErrorMemoryAllocation);
	s->flags = flags;
	s->device = hc_device;
	hc_handle_add(&hc_streams, &s->handle);
	*stream = s;
	return hc_leave(cudaSuccess);
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
	return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
	cudaError_t error = hc_enter("cudaStreamDestroy");

	if (!error && hc_stream_default(stream))
		error = cudaErrorInvalidResourceHandle;
	if (!error)
		error = hc_stream_check(stream);
	if (!error && stream->capture) {
		hc_report("the stream is captured");
		error = cudaErrorStreamCaptureUnsupported;
	}
	if (!error) {
		hc_handle_remove(&hc_streams, &stream->handle);
		free(stream);
	}
	return hc_leave(error);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
	cudaError_t error = hc_enter_unsafe("cudaStreamSynchronize");

	if (!error)
		error = hc_stream_check(stream);
	if (!error)
		error = hc_flush();
	return hc_leave(error);
}

/* Does the pending work. Returns cudaErrorNotReady if there was any. */
static cudaError_t query(void)
{
	bool pending = hc_pending();
	cudaError_t error = hc_flush();

	return error ? error : pending ? cudaErrorNotReady : cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
	cudaError_t error = hc_enter_unsafe("cudaStreamQuery");

	if (!error)
		error = hc_stream_check(stream);
	if (!error)
		error = query();
	return hc_leave(error);
}

cudaError_t cudaDeviceSynchronize(void)
{
	cudaError_t error = hc_enter_unsafe("cudaDeviceSynchronize");

	if (!error)
		error = hc_flush();
	return hc_leave(error);
}

/* --- events ----------------------------------------------------------------------- */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int flags)
{
	cudaError_t error = hc_enter("cudaEventCreateWithFlags");
	cudaEvent_t e;

	if (!error &&
	    (!event || flags > (cudaEventBlockingSync | cudaEventDisableTiming)))
		error = cudaErrorInvalidValue;
	if (error)
		return hc_leave(error);
	e = calloc(1, sizeof *e);
	if (!e)
		return hc_leave(cudaErrorMemoryAllocation);
	e->flags = flags;
	hc_handle_add(&events, &e->handle);
	*event = e;
	return hc_leave(cudaSuccess);
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
	return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
	cudaError_t error = hc_enter("cudaEventDestroy");

	if (!error)
		error = check_event(event);
	if (!error) {
		hc_handle_remove(&events, &event->handle);
		free(event);
	}
	return hc_leave(error);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
	cudaError_t error = hc_enter("cudaEventRecord");
	cudaGraph_t graph;

	if (!error)
		error = check_event(event);
	if (!error)
		error = hc_stream_check(stream);
	if (!error)
		error = hc_capture_of(stream, &graph);
	if (!error) {
		event->recorded = true;
		event->stream = stream;
		event->capture = graph ? stream->capture : NULL;
		clock_gettime(CLOCK_MONOTONIC, &event->time);
	}
	return hc_leave(error);
}

/* An event recorded in a capture has no time. */
static cudaError_t finished(cudaEvent_t event)
{
	cudaError_t error = check_event(event);

	if (!error && event->capture) {
		hc_report("the event was recorded in a capture");
		event->capture = NULL;
		return cudaErrorCapturedEvent;
	}
	return error;
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
	cudaError_t error = hc_enter_unsafe("cudaEventQuery");

	if (!error)
		error = finished(event);
	if (!error && event->recorded)
		error = query();
	return hc_leave(error);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
	cudaError_t error = hc_enter_unsafe("cudaEventSynchronize");

	if (!error)
		error = finished(event);
	if (!error)
		error = hc_flush();
	return hc_leave(error);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end)
{
	cudaError_t error = hc_enter("cudaEventElapsedTime");

	if (!error && !ms)
		error = cudaErrorInvalidValue;
	if (!error)
		error = check_event(start);
	if (!error)
		error = check_event(end);
	if (!error &&
	    (!start->recorded || !end->recorded ||
		(start->flags | end->flags) & cudaEventDisableTiming))
		error = cudaErrorInvalidResourceHandle;
	if (!error && hc_pending())
		error = cudaErrorNotReady;
	if (!error)
		*ms = (float)((double)(end->time.tv_sec - start->time.tv_sec) * 1e3 +
		    (double)(end->time.tv_nsec - start->time.tv_nsec) * 1e-6);
	return hc_leave(error);
}

/* Outside captures all work is already in order. Inside, a stream that waits for a
 * captured one becomes part of the capture. It is joined once another stream waits for
 * an event of it. */
static cudaError_t wait_for(cudaStream_t stream, cudaEvent_t event)
{
	struct hc_capture *mine = hc_stream_default(stream) ? NULL : stream->capture;

	if (!event->capture && !mine)
		return cudaSuccess;
	if (hc_stream_default(stream))
		return cudaErrorStreamCaptureImplicit;
	if (!event->capture) {
		mine->invalid = true;
		return event->recorded ? cudaErrorStreamCaptureIsolation : cudaSuccess;
	}
	if (mine && mine != event->capture) {
		mine->invalid = event->capture->invalid = true;
		return cudaErrorStreamCaptureMerge;
	}
	stream->capture = event->capture;
	if (!hc_stream_default(event->stream) &&
	    hc_stream_check(event->stream) == cudaSuccess)
		event->stream->joined = true;
	return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event,
    unsigned int flags)
{
	cudaError_t error = hc_enter("cudaStreamWaitEvent");

	if (!error && flags)
		error = cudaErrorNotSupported;
	if (!error)
		error = hc_stream_check(stream);
	if (!error)
		error = check_event(event);
	if (!error)
		error = wait_for(stream, event);
	return hc_leave(error);
}
