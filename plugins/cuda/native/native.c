/* native.c - host functions shared by the plugins of cuda/native. */
#include "native.h"
#include <cuda_runtime_api.h>
#include <string.h>

/* --- errors ----------------------------------------------------------------------- */

static bool is_captured(cudaStream_t queue)
{
	enum cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;

	return cudaStreamIsCapturing(queue, &status) != cudaSuccess ||
	    status != cudaStreamCaptureStatusNone;
}

/* The launches of this thread. Only one thread puts kernels into a queue. */
static _Thread_local struct {
	bool checking;
	const char *failed; /* kernel, or NULL */
} launches;

int native_launched(const char *kernel, void *queue);

int native_launched(const char *kernel, void *queue)
{
	cudaError_t e = cudaGetLastError();

	if (e == cudaSuccess && launches.checking && !is_captured(queue))
		e = cudaStreamSynchronize(queue);
	if (e != cudaSuccess)
		launches.failed = kernel;
	return (int)e;
}

void native_check_launches(const struct cnn_host *host)
{
	launches.checking = (host->policy & CNN_POLICY_CHECK) != 0;
}

int native_done(const struct cnn_host *host, const char *what, int error, void *queue)
{
	cudaError_t e = (cudaError_t)error;
	const char *kernel = launches.failed;

	native_check_launches(host);
	launches.failed = NULL;
	if (e == cudaSuccess && launches.checking && !is_captured(queue))
		e = cudaStreamSynchronize(queue);
	if (e == cudaSuccess)
		return CNN_OK;
	cudaGetLastError(); /* so that no later launch reports it */
	/* A GPU without enough memory counts as unusable. */
	return host->fail(host, CNN_EPLUGIN, "cuda: %s%s%s: %s", what,
	    kernel ? ": " : "", kernel ? kernel : "", cudaGetErrorString(e));
}

/* --- the plan --------------------------------------------------------------------- */

/* The formats of all layers that take any of NCHW and NHWC. */
static void set_formats(const struct cnn_run *run, struct cnn_plan *plan)
{
	uint32_t layout = run->inputs[0].format.layout;

	if (layout != CNN_NCHW)
		layout = CNN_NHWC;
	if (run->inputs[0].shape.rank != 3)
		layout = CNN_NCHW;
	for (uint32_t i = 0; i < run->input_count; i++)
		plan->inputs[i] = run->inputs[i].format.dtype == CNN_I32 ?
		    (struct cnn_format){ CNN_I32, CNN_NCHW } :
		    (struct cnn_format){ run->dtype, layout };
	plan->output = (struct cnn_format){ run->dtype,
		run->output.rank == 3 ? layout : (uint32_t)CNN_NCHW };
}

/* Estimated for an H100, not measured: 2.5 us for a launch, 1.5 TB/s. */
double native_estimate(const struct cnn_run *run, int kernels, double flops)
{
	const double rate = native_is_half(run->dtype) ? 150e6 : 30e6; /* per us */
	double count = (double)cnn_layout_count(&run->output, CNN_NCHW, run->batch);

	for (uint32_t i = 0; i < run->input_count; i++)
		count += (double)cnn_layout_count(&run->inputs[i].shape, CNN_NCHW,
		    run->batch);
	return (run->training ? 2 : 1) * 2.5 * kernels +
	    (run->training ? 3 : 1) *
	    (count * (double)native_size(run->dtype) / 1.5e6 + flops / rate);
}

double native_cost_float(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	return run->dtype == CNN_F32 ? native_cost(host, kernel, run, plan) : 0;
}

double native_cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	(void)host, (void)kernel;
	if (run->dtype != CNN_F32 && !native_is_half(run->dtype))
		return 0;
	set_formats(run, plan);
	return native_estimate(run, 1, 0);
}

int native_create(const struct cnn_host *host, const struct cnn_run *run,
    struct cnn_plan *plan, size_t bytes, void **instance)
{
	struct native *n = host->alloc(host, bytes);

	native_check_launches(host);
	*instance = n;
	if (!n)
		return CNN_ENOMEM;
	memset(n, 0, bytes);
	n->host = host;
	n->dtype = run->dtype;
	set_formats(run, plan);
	n->layout = plan->inputs[0].layout;
	n->in_count = run->input_count;
	n->in = cnn_layout_count(&run->inputs[0].shape, CNN_NCHW, 1);
	n->out = cnn_layout_count(&run->output, CNN_NCHW, 1);
	return CNN_OK;
}

void native_destroy(void *instance)
{
	struct native *n = instance;

	if (n)
		n->host->free(n->host, n);
}

int native_bytes(const struct cnn_host *host, size_t a, size_t b, size_t size,
    size_t *bytes)
{
	if (__builtin_mul_overflow(a, b, bytes) ||
	    __builtin_mul_overflow(*bytes, size, bytes) || *bytes > SIZE_MAX / 64)
		return host->fail(host, CNN_ENOMEM,
		    "buffer of %zu x %zu x %zu bytes is too large", a, b, size);
	return CNN_OK;
}

int native_copy(const struct cnn_host *host, void *dst, const void *src, size_t bytes,
    void *queue)
{
	if (dst == src)
		return CNN_OK;
	return native_done(host, "copy",
	    (int)cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToDevice, queue),
	    queue);
}
