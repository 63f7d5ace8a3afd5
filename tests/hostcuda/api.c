/* api.c - the begin and end of each API call: the lock, the last error, and the
 * conditions that make every call fail. */
#include "private.h"

_Thread_local int hc_device;
const char *hc_function;

static _Thread_local cudaError_t last;
static cudaError_t lost; /* sticky: the context is lost */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static cudaError_t usable(void)
{
	const struct hc_config *c = hc_config();

	if (c->driver / 1000 < CUDART_VERSION / 1000)
		return cudaErrorInsufficientDriver;
	if (c->devices < 1)
		return cudaErrorNoDevice;
	return lost;
}

cudaError_t hc_enter(const char *function)
{
	pthread_mutex_lock(&lock);
	hc_function = function;
	return usable();
}

cudaError_t hc_enter_unsafe(const char *function)
{
	cudaError_t error = hc_enter(function);

	if (error)
		return error;
	if (hc_capture_forbids()) {
		hc_report_call(function, "not permitted while a stream is captured");
		return cudaErrorStreamCaptureUnsupported;
	}
	return cudaSuccess;
}

cudaError_t hc_leave(cudaError_t error)
{
	if (error && error != cudaErrorNotReady)
		last = error;
	hc_function = NULL;
	pthread_mutex_unlock(&lock);
	return error;
}

void hc_lose(cudaError_t error)
{
	lost = error;
}

cudaError_t hc_lost(void)
{
	return lost;
}

cudaError_t cudaGetLastError(void)
{
	cudaError_t error = lost ? lost : last;

	last = cudaSuccess;
	return error;
}

cudaError_t cudaPeekAtLastError(void)
{
	return lost ? lost : last;
}
