/* test-limits.cu - the runtime API: the limits of a launch, and the settings for
 * failures, late work and counts. */
#include "check.h"

struct big {
	char byte[4000];
};

__global__ void nothing(float *, struct big, struct big)
{
}

__global__ void past_the_end(float *y, int n)
{
	y[n] = 1;
}

/* --- limits and failures ---------------------------------------------------------- */

static int limits(void *)
{
	float *y = array(1);
	struct big big = {};
	const cudaError_t bad = cudaErrorInvalidConfiguration;

#define REFUSED(error, grid, block, shared_bytes) \
	do { \
		HOSTCUDA_LAUNCH(add, grid, block, shared_bytes, 0, y, 1); \
		CHECK(cudaGetLastError() == (error)); \
	} while (0)
	REFUSED(bad, 1, 1025, 0);
	REFUSED(bad, 1, dim3(32, 33), 0);
	REFUSED(bad, 1, dim3(1, 1, 65), 0);
	REFUSED(bad, 0, 1, 0);
	REFUSED(bad, 1, 0, 0);
	REFUSED(bad, dim3(1, 65536), 1, 0);
	REFUSED(bad, dim3(1, 1, 65536), 1, 0);
	REFUSED(bad, 0x80000000u, 1, 0);
	REFUSED(cudaErrorInvalidValue, 1, 1, 49153);
	REFUSED(cudaErrorInvalidValue, 1, 1, 1 << 20);
	CHECK(at(y) == 0);
	REFUSED(cudaSuccess, 1, 1, 49152);
	CHECK(cudaFuncSetAttribute(add, cudaFuncAttributeMaxDynamicSharedMemorySize,
		  232448) == cudaSuccess);
	REFUSED(cudaSuccess, 1, 1, 232448);
	REFUSED(cudaErrorInvalidValue, 1, 1, 232449);
	GIVES(cudaErrorInvalidValue,
	    cudaFuncSetAttribute(add, cudaFuncAttributeMaxDynamicSharedMemorySize,
		232449));
	HOSTCUDA_LAUNCH(nothing, 1, 1, 0, 0, y, big, big);
	CHECK(cudaGetLastError() == cudaErrorInvalidValue);
	CHECK(at(y) == 2);
	return failures;
}

static int error_mode(void *)
{
	float *y = array(64);
	void *p;

	HOSTCUDA_LAUNCH(past_the_end, 1, 3, 0, 0, y, 1 << 20);
	CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
	CHECK(cudaGetLastError() == cudaErrorLaunchFailure); /* sticky */
	CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
	CHECK(cudaMalloc(&p, 1) == cudaErrorLaunchFailure);
	return failures;
}

static int lost(void *)
{
	float *y = array(1), h;

	for (int i = 1; i <= 4; i++) {
		HOSTCUDA_LAUNCH(add, 1, 1, 0, 0, y, 1);
		CHECK(cudaGetLastError() ==
		    (i < 3 ? cudaSuccess : cudaErrorLaunchFailure));
	}
	CHECK(cudaMemcpy(&h, y, 4, cudaMemcpyDeviceToHost) == cudaErrorLaunchFailure);
	CHECK(cudaFree(y) == cudaErrorLaunchFailure);
	return failures;
}

static int late(void *)
{
	float *y = array(1), *pinned;
	cudaStream_t s;
	cudaEvent_t event;

	cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
	cudaEventCreate(&event);
	cudaMallocHost(&pinned, sizeof *pinned);
	*pinned = 5;
	CHECK(cudaMemcpyAsync(y, pinned, sizeof *y, cudaMemcpyHostToDevice, s) ==
	    cudaSuccess);
	*pinned = 7; /* too early: the copy may be in flight */
	HOSTCUDA_LAUNCH(add, 1, 1, 0, s, y, 1);
	CHECK(cudaMemcpyAsync(pinned, y, sizeof *y, cudaMemcpyDeviceToHost, s) ==
	    cudaSuccess);
	CHECK(cudaEventRecord(event, s) == cudaSuccess);
	CHECK(*pinned != *pinned); /* NaN: not copied yet, and the 7 is lost */
	CHECK(cudaEventQuery(event) == cudaErrorNotReady);
	CHECK(cudaEventQuery(event) == cudaSuccess);
	CHECK(*pinned != *pinned);
	*pinned = 5;
	CHECK(cudaMemcpyAsync(y, pinned, sizeof *y, cudaMemcpyHostToDevice, s) ==
	    cudaSuccess);
	CHECK(cudaStreamSynchronize(s) == cudaSuccess && at(y) == 5);
	return failures;
}

static int counts(void *)
{
	cudaStream_t s;
	cudaGraph_t graph;
	cudaGraphExec_t exec;
	float *y = array(1000);

	cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
	cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal);
	HOSTCUDA_LAUNCH(add, 1, 1, 0, s, y, 1);
	HOSTCUDA_LAUNCH(add, 1, 1, 0, s, y, 1);
	cudaStreamEndCapture(s, &graph);
	cudaGraphInstantiate(&exec, graph, 0);
	cudaGraphLaunch(exec, s);
	cudaGraphLaunch(exec, s);
	cudaGraphLaunch(exec, s);
	HOSTCUDA_LAUNCH(add, 1, 1, 0, s, y, 1);
	CHECK(at(y) == 7);
	cudaFree(y);
	return failures;
}

int main()
{
	check("limits", "", limits, NULL,
	    "hostcuda: add: a block of (1025,1,1) threads");
	check("HOSTCUDA_ON_ERROR=error", "HOSTCUDA_ON_ERROR=error", error_mode, NULL,
	    "hostcuda: past_the_end: block (0,0,0) thread (");
	check("HOSTCUDA_LOST", "HOSTCUDA_LOST=3", lost, NULL, NULL);
	check("HOSTCUDA_LATE", "HOSTCUDA_LATE=1", late, NULL, NULL);
	check("HOSTCUDA_STATS", "HOSTCUDA_STATS=1", counts, NULL,
	    "hostcuda: launches=1 replays=3 nodes=2 peak=4000 left=0\n");
	return done();
}
