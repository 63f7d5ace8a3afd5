/* test-stream.cu - the runtime API: streams, events, capture and replay. */
#include "check.h"

#include <pthread.h>

__global__ void scale(float *y, const float *x, int n, float a)
{
	int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);

	if (i < n)
		y[i] = a * x[i];
}

/* --- streams and events ----------------------------------------------------------- */

static int streams(void *)
{
	cudaStream_t s, gone;
	cudaEvent_t a = NULL, b = NULL, plain;
	float ms = -1, *y = array(1);

	CHECK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking) == cudaSuccess);
	CHECK(cudaStreamCreate(&gone) == cudaSuccess &&
	    cudaStreamDestroy(gone) == cudaSuccess);
	CHECK(cudaEventCreate(&a) == cudaSuccess && cudaEventCreate(&b) == cudaSuccess);
	CHECK(cudaEventCreateWithFlags(&plain, cudaEventDisableTiming) == cudaSuccess);
	GIVES(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&ms, a, b));
	CHECK(cudaEventRecord(a, s) == cudaSuccess);
	HOSTCUDA_LAUNCH(add, 1, 1, 0, s, y, 1);
	CHECK(cudaEventRecord(b, s) == cudaSuccess &&
	    cudaEventRecord(plain, s) == cudaSuccess);
	CHECK(cudaStreamWaitEvent(s, b) == cudaSuccess);
	CHECK(cudaStreamSynchronize(s) == cudaSuccess &&
	    cudaStreamQuery(s) == cudaSuccess);
	CHECK(
	    cudaEventSynchronize(b) == cudaSuccess && cudaEventQuery(b) == cudaSuccess);
	CHECK(cudaEventElapsedTime(&ms, a, b) == cudaSuccess && ms >= 0 && ms < 1000);
	GIVES(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&ms, a, plain));
	CHECK(at(y) == 1);
	GIVES(cudaErrorInvalidResourceHandle, cudaStreamSynchronize(gone));
	HOSTCUDA_LAUNCH(add, 1, 1, 0, gone, y, 1);
	CHECK(cudaGetLastError() == cudaErrorInvalidResourceHandle);
	CHECK(
	    cudaEventDestroy(a) == cudaSuccess && cudaStreamDestroy(s) == cudaSuccess);
	GIVES(cudaErrorInvalidResourceHandle, cudaEventRecord(a, NULL));
	return failures;
}

static void *launch_some(void *y)
{
	for (int i = 0; i < 100; i++)
		HOSTCUDA_LAUNCH(add, 1, 1, 0, 0, (float *)y, 1);
	return NULL;
}

static int threads(void *)
{
	float *y[4];
	pthread_t thread[4];

	for (int i = 0; i < 4; i++) {
		y[i] = array(1);
		pthread_create(&thread[i], NULL, launch_some, y[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < 4; i++)
		CHECK(at(y[i]) == 100);
	return failures;
}

/* --- capture ---------------------------------------------------------------------- */

static int capture(void *)
{
	float *x = array(4), *y = array(4), h[4] = { 1, 2, 3, 4 }, a = 2, *pinned;
	cudaStream_t s;
	cudaGraph_t graph;
	cudaGraphExec_t exec;
	enum cudaStreamCaptureStatus status;
	size_t nodes = 0;

	cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
	cudaMallocHost(&pinned, sizeof h);
	memset(pinned, 0, sizeof h);
	cudaMemcpy(x, h, sizeof h, cudaMemcpyHostToDevice);
	CHECK(
	    cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
	CHECK(cudaStreamIsCapturing(s, &status) == cudaSuccess);
	CHECK(status == cudaStreamCaptureStatusActive);
	CHECK(cudaMemsetAsync(y, 0, sizeof h, s) == cudaSuccess);
	HOSTCUDA_LAUNCH(scale, 1, 4, 0, s, y, x, 4, a);
	a = 100; /* arguments are copied */
	HOSTCUDA_LAUNCH(add, 1, 1, 0, s, y, 10);
	CHECK(cudaMemcpyAsync(pinned, y, sizeof h, cudaMemcpyDeviceToHost, s) ==
	    cudaSuccess);
	CHECK(cudaStreamEndCapture(s, &graph) == cudaSuccess);
	CHECK(cudaStreamIsCapturing(s, &status) == cudaSuccess &&
	    status == cudaStreamCaptureStatusNone);
	CHECK(pinned[0] == 0 && at(y + 1) == 0); /* recorded, not run */
	CHECK(cudaGraphGetNodes(graph, NULL, &nodes) == cudaSuccess && nodes == 4);
	CHECK(cudaGraphInstantiate(&exec, graph, 0) == cudaSuccess);
	CHECK(cudaGraphDestroy(graph) == cudaSuccess);
	CHECK(cudaGraphLaunch(exec, s) == cudaSuccess &&
	    cudaStreamSynchronize(s) == cudaSuccess);
	CHECK(pinned[0] == 12 && pinned[3] == 8);
	h[3] = 50;
	cudaMemcpy(x, h, sizeof h, cudaMemcpyHostToDevice);
	CHECK(cudaGraphLaunch(exec, s) == cudaSuccess &&
	    cudaStreamSynchronize(s) == cudaSuccess);
	CHECK(pinned[0] == 12 && pinned[3] == 100);
	CHECK(cudaGraphExecDestroy(exec) == cudaSuccess);
	GIVES(cudaErrorInvalidValue, cudaGraphLaunch(exec, s));
	return failures;
}

/* `call` is not allowed in a capture, and invalidates it. */
#define SPOILS(error, call) \
	do { \
		CHECK(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal) == \
		    cudaSuccess); \
		HOSTCUDA_LAUNCH(add, 1, 1, 0, s, y, 1); \
		GIVES(error, call); \
		HOSTCUDA_LAUNCH(add, 1, 1, 0, s, y, 1); \
		CHECK(cudaGetLastError() == cudaErrorStreamCaptureInvalidated); \
		GIVES(cudaErrorStreamCaptureInvalidated, \
		    cudaStreamEndCapture(s, &graph)); \
		CHECK(graph == NULL); \
	} while (0)

static cudaError_t launch_by_default(float *y)
{
	HOSTCUDA_LAUNCH(add, 1, 1, 0, 0, y, 1);
	return cudaPeekAtLastError();
}

static int spoilt_captures(void *)
{
	const cudaError_t unsupported = cudaErrorStreamCaptureUnsupported;
	float *y = array(1), h;
	cudaStream_t s, blocking;
	cudaEvent_t event;
	cudaGraph_t graph;
	void *p;

	cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
	cudaStreamCreate(&blocking);
	cudaEventCreate(&event);
	SPOILS(unsupported, cudaMalloc(&p, 1));
	SPOILS(unsupported, cudaFree(y));
	SPOILS(unsupported, cudaStreamSynchronize(s));
	SPOILS(unsupported, cudaDeviceSynchronize());
	SPOILS(unsupported, cudaEventQuery(event));
	SPOILS(unsupported, cudaMemcpy(&h, y, sizeof h, cudaMemcpyDeviceToHost));
	SPOILS(unsupported, launch_by_default(y));
	s = blocking;
	SPOILS(cudaErrorStreamCaptureImplicit, launch_by_default(y));
	GIVES(unsupported, cudaStreamBeginCapture(NULL, cudaStreamCaptureModeGlobal));
	GIVES(cudaErrorIllegalState, cudaStreamEndCapture(s, &graph));
	CHECK(at(y) == 0);
	return failures;
}

static int forks(void *)
{
	float *y = array(1);
	cudaStream_t s, t;
	cudaEvent_t fork, join;
	cudaGraph_t graph;
	size_t nodes;

	cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
	cudaStreamCreateWithFlags(&t, cudaStreamNonBlocking);
	cudaEventCreate(&fork);
	cudaEventCreate(&join);
	for (int joined = 0; joined < 2; joined++) {
		CHECK(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal) ==
		    cudaSuccess);
		CHECK(cudaEventRecord(fork, s) == cudaSuccess);
		CHECK(cudaStreamWaitEvent(t, fork) == cudaSuccess);
		HOSTCUDA_LAUNCH(add, 1, 1, 0, t, y, 1);
		if (joined) {
			CHECK(cudaEventRecord(join, t) == cudaSuccess);
			CHECK(cudaStreamWaitEvent(s, join) == cudaSuccess);
		}
		CHECK(cudaStreamEndCapture(s, &graph) ==
		    (joined ? cudaSuccess : cudaErrorStreamCaptureUnjoined));
	}
	CHECK(cudaGraphGetNodes(graph, NULL, &nodes) == cudaSuccess && nodes == 1 &&
	    at(y) == 0);
	return failures;
}

static int freed_in_graph(void *)
{
	float *y = array(1);
	cudaStream_t s;
	cudaGraph_t graph;
	cudaGraphExec_t exec;

	cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
	cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal);
	HOSTCUDA_LAUNCH(add, 1, 1, 0, s, y, 1);
	cudaStreamEndCapture(s, &graph);
	cudaGraphInstantiate(&exec, graph, 0);
	cudaFree(y);
	cudaGraphLaunch(exec, s);
	return 0;
}

int main()
{
	static struct child c;

	check("streams and events", "", streams, NULL,
	    "hostcuda: add: the stream is not of");
	check("launches from four threads", "", threads, NULL, NULL);
	check("capture and replay", "", capture, NULL, NULL);
	check("the same, late", "HOSTCUDA_LATE=1", capture, NULL, NULL);
	check("what spoils a capture", "", spoilt_captures, NULL,
	    "not permitted while a stream is captured");
	check("forks in a capture", "", forks, NULL, NULL);
	child_run(&c, "", freed_in_graph, NULL);
	ok(WIFSIGNALED(c.status) &&
		strstr(c.err,
		    "hostcuda: add: argument 1 points to memory that was freed"),
	    "memory that a graph needs was freed");
	return done();
}
