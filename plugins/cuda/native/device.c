/* device.c - a CUDA device: memory, copies, and the queue. One stream does all work.
 * Only the thread that opened the device calls it. */
#include "kernels.h"
#include "native.h"
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <string.h>

#define STAGE_BYTES ((size_t)1 << 20) /* of pinned memory, twice */
#define MARKS_A_PAGE 256

/* Pinned memory that is in use until `sent` has occurred. */
struct stage {
	void *memory;
	cudaEvent_t sent;
};

struct cuda {
	const struct cnn_host *host;
	uint32_t ordinal;
	struct cudaDeviceProp properties;
	cudaStream_t queue;
	struct stage stages[2];
	unsigned next_stage;
	cudaEvent_t *marks[65536 / MARKS_A_PAGE]; /* created on first use */
};

/* --- the card --------------------------------------------------------------------- */

static int no_device(const struct cnn_host *host, cudaError_t e)
{
	int driver = 0, runtime = 0;

	cudaGetLastError();
	if (e == cudaErrorInsufficientDriver &&
	    cudaDriverGetVersion(&driver) == cudaSuccess && driver > 0 &&
	    cudaRuntimeGetVersion(&runtime) == cudaSuccess)
		return host->fail(host, CNN_EPLUGIN,
		    "no CUDA device: the driver supports CUDA "
		    "%d.%d, but %d.%d is needed: update the NVIDIA driver",
		    driver / 1000, driver % 1000 / 10, runtime / 1000,
		    runtime % 1000 / 10);
	if (e == cudaErrorInsufficientDriver)
		return host->fail(host, CNN_EPLUGIN,
		    "no CUDA device: no NVIDIA driver is "
		    "installed; --device cpu needs none");
	return host->fail(host, CNN_EPLUGIN,
	    "no CUDA device: %s; --device cpu needs none", cudaGetErrorString(e));
}

static int find(const struct cnn_host *host, uint32_t ordinal,
    struct cudaDeviceProp *properties)
{
	int count = 0;
	cudaError_t e = cudaGetDeviceCount(&count);

	if (e == cudaSuccess && count < 1)
		e = cudaErrorNoDevice;
	if (e != cudaSuccess)
		return no_device(host, e);
	if (ordinal >= (uint32_t)count)
		return host->fail(host, CNN_EPLUGIN,
		    count == 1 ? "cuda:%u: there is only cuda:0" :
				 "cuda:%u: the last one is cuda:%d",
		    ordinal, count - 1);
	if ((e = cudaGetDeviceProperties(properties, (int)ordinal)) != cudaSuccess)
		return no_device(host, e);
	if (properties->major * 10 + properties->minor < 75)
		return host->fail(host, CNN_EPLUGIN,
		    "cuda:%u: %s has compute capability "
		    "%d.%d, but 7.5 or more is needed; --device cpu needs none",
		    ordinal, properties->name, properties->major, properties->minor);
	return CNN_OK;
}

static int probe(const struct cnn_host *host, uint32_t ordinal,
    struct cnn_device_info *info)
{
	int driver = 0, runtime = 0, r;
	struct cudaDeviceProp p;

	if ((r = find(host, ordinal, &p)) != CNN_OK)
		return r;
	cudaDriverGetVersion(&driver);
	cudaRuntimeGetVersion(&runtime);
	snprintf(info->name, sizeof(info->name), "%.127s", p.name);
	snprintf(info->detail, sizeof(info->detail),
	    "compute capability %d.%d, driver %d.%d, runtime %d.%d, %d multiprocessors",
	    p.major, p.minor, driver / 1000, driver % 1000 / 10, runtime / 1000,
	    runtime % 1000 / 10, p.multiProcessorCount);
	info->memory = p.totalGlobalMem;
	return CNN_OK;
}

/* --- open and close --------------------------------------------------------------- */

static int failed(const struct cuda *c, const char *what, cudaError_t e)
{
	return native_done(c->host, what, (int)e, c->queue);
}

static void close_cuda(void *device)
{
	struct cuda *c = device;

	if (!c)
		return;
	if (c->queue)
		cudaStreamSynchronize(c->queue);
	for (int i = 0; i < 2; i++) {
		if (c->stages[i].sent)
			cudaEventDestroy(c->stages[i].sent);
		if (c->stages[i].memory)
			cudaFreeHost(c->stages[i].memory);
	}
	for (size_t page = 0; page < sizeof(c->marks) / sizeof(c->marks[0]); page++) {
		for (int i = 0; c->marks[page] && i < MARKS_A_PAGE; i++)
			if (c->marks[page][i])
				cudaEventDestroy(c->marks[page][i]);
		c->host->free(c->host, c->marks[page]);
	}
	if (c->queue)
		cudaStreamDestroy(c->queue);
	c->host->free(c->host, c);
}

static cudaError_t open_stages(struct cuda *c)
{
	cudaError_t e = cudaSuccess;

	for (int i = 0; e == cudaSuccess && i < 2; i++) {
		e = cudaHostAlloc(&c->stages[i].memory, STAGE_BYTES,
		    cudaHostAllocDefault);
		if (e == cudaSuccess)
			e = cudaEventCreateWithFlags(&c->stages[i].sent,
			    cudaEventDisableTiming);
	}
	return e;
}

static int open_cuda(const struct cnn_host *host, uint32_t ordinal, void **device)
{
	struct cuda *c = host->alloc(host, sizeof(*c));
	cudaError_t e;
	int r;

	if (!c)
		return CNN_ENOMEM;
	memset(c, 0, sizeof(*c));
	c->host = host;
	c->ordinal = ordinal;
	if ((r = find(host, ordinal, &c->properties)) != CNN_OK) {
		close_cuda(c);
		return r;
	}
	e = cudaSetDevice((int)ordinal);
	if (e == cudaSuccess)
		e = cudaStreamCreateWithFlags(&c->queue, cudaStreamNonBlocking);
	if (e == cudaSuccess)
		e = open_stages(c);
	if (e != cudaSuccess) {
		r = host->fail(host, CNN_EPLUGIN, "cuda:%u: %s cannot be opened: %s",
		    ordinal, c->properties.name, cudaGetErrorString(e));
		close_cuda(c);
		return r;
	}
	*device = c;
	return CNN_OK;
}

static void *queue_of(void *device)
{
	return ((struct cuda *)device)->queue;
}

static int supports(void *device, uint32_t dtype)
{
	const struct cuda *c = device;
	const struct cudaDeviceProp *p = &c->properties;

	if (dtype == CNN_BF16 && p->major < 8)
		return c->host->fail(c->host, CNN_EPLUGIN,
		    "cuda:%u: %s has compute capability %d.%d, bfloat16 needs 8.0",
		    c->ordinal, p->name, p->major, p->minor);
	if (dtype == CNN_F32 || native_is_half(dtype))
		return CNN_OK;
	return c->host->fail(c->host, CNN_EPLUGIN,
	    "cuda:%u: only f32, f16 and bf16 are supported", c->ordinal);
}

/* --- memory ----------------------------------------------------------------------- */

#define MIB(bytes) ((double)(bytes) / (1 << 20))

static void *alloc(void *device, size_t bytes)
{
	const struct cuda *c = device;
	size_t unused = 0, total = 0;
	void *memory = NULL;
	cudaError_t e = cudaMalloc(&memory, bytes ? bytes : 1);

	if (e == cudaSuccess)
		e = cudaMemsetAsync(memory, 0, bytes, c->queue);
	if (e == cudaSuccess)
		return memory;
	cudaGetLastError();
	cudaFree(memory);
	if (e == cudaErrorMemoryAllocation &&
	    cudaMemGetInfo(&unused, &total) == cudaSuccess)
		c->host->fail(c->host, CNN_ENOMEM,
		    "cuda:%u: out of memory: %.1f MiB needed, %.1f of %.1f MiB free",
		    c->ordinal, MIB(bytes), MIB(unused), MIB(total));
	else
		failed(c, "memory", e);
	return NULL;
}

static void free_memory(void *device, void *memory)
{
	(void)device;
	cudaFree(memory);
}

/* Copies through pinned memory: one half is filled while the other is sent. src has
 * been read when this returns, and the function does not wait for the queue. */
static int upload(void *device, void *queue, void *dst, const void *src, size_t bytes)
{
	struct cuda *c = device;
	cudaError_t e = cudaSuccess;

	for (size_t done = 0; e == cudaSuccess && done < bytes;) {
		struct stage *s = &c->stages[c->next_stage ^= 1];
		size_t part = bytes - done < STAGE_BYTES ? bytes - done : STAGE_BYTES;

		if ((e = cudaEventSynchronize(s->sent)) != cudaSuccess)
			break;
		memcpy(s->memory, (const char *)src + done, part);
		e = cudaMemcpyAsync((char *)dst + done, s->memory, part,
		    cudaMemcpyHostToDevice, queue);
		if (e == cudaSuccess)
			e = cudaEventRecord(s->sent, queue);
		done += part;
	}
	return failed(c, "upload", e);
}

static int download(void *device, void *queue, void *dst, const void *src, size_t bytes)
{
	const struct cuda *c = device;
	cudaError_t e = bytes == 0 ?
	    cudaSuccess :
	    cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToHost, queue);

	if (e == cudaSuccess)
		e = cudaStreamSynchronize(queue);
	if (e != cudaSuccess && !(c->host->policy & CNN_POLICY_CHECK))
		return failed(c,
		    "the work before a download (CNN_CUDA_CHECK=1 shows which)", e);
	return failed(c, "download", e);
}

/* --- tensors ---------------------------------------------------------------------- */

static bool is_float(uint32_t dtype)
{
	return dtype == CNN_F32 || dtype == CNN_F64 || native_is_half(dtype);
}

static int no_float(const struct cuda *c, uint32_t dtype)
{
	return c->host->fail(c->host, CNN_EUSAGE,
	    "cuda: element type %u is not floating-point", dtype);
}

static int add(void *device, void *queue, uint32_t dtype, size_t count, void *dst,
    const void *src)
{
	const struct cuda *c = device;

	if (!is_float(dtype))
		return no_float(c, dtype);
	return failed(c, "add", native_accumulate(queue, dtype, dst, src, count));
}

static int reorder(void *device, void *queue, const struct cnn_shape *shape,
    size_t samples, struct cnn_format from, const void *src, struct cnn_format to,
    void *dst)
{
	const struct cuda *c = device;

	if (!is_float(from.dtype) || !is_float(to.dtype))
		return no_float(c, is_float(from.dtype) ? to.dtype : from.dtype);
	return failed(c, "reorder",
	    native_reorder(queue, shape, samples, to, dst, from, src));
}

static int gather(void *device, void *queue, const struct cnn_state *state,
    const struct cnn_gather *g)
{
	const struct cuda *c = device;

	for (uint32_t i = 0; i < g->column_count; i++) {
		const struct cnn_gather_column *column = &g->columns[i];

		if (column->out_dtype != CNN_I32 && !is_float(column->out_dtype))
			return no_float(c, column->out_dtype);
		if (column->dtype == CNN_DTYPE_NONE || column->dtype >= CNN_DTYPE_COUNT)
			return c->host->fail(c->host, CNN_EUSAGE,
			    "cuda: element type %u is unknown", column->dtype);
	}
	return failed(c, "gather", native_gather(queue, state, g));
}

/* --- the end of a step ------------------------------------------------------------ */

static int total(void *device, void *queue, const float *const *losses,
    uint32_t loss_count, uint32_t samples, struct cnn_result *result)
{
	return failed(device, "total",
	    native_total(queue, result, losses, loss_count, samples));
}

static int norm(void *device, void *queue, size_t count, const float *x, double *sums,
    struct cnn_state *bad)
{
	return failed(device, "norm", native_norm(queue, sums, x, count, bad));
}

static int clip(void *device, void *queue, size_t count, double *sums, double most,
    struct cnn_state *state)
{
	return failed(device, "clip", native_clip(queue, sums, count, most, state));
}

static int advance(void *device, void *queue, struct cnn_state *state,
    const struct cnn_advance *a)
{
	return failed(device, "advance", native_advance(queue, state, a));
}

/* --- recording -------------------------------------------------------------------- */

static int capture(void *device, void *queue)
{
	return failed(device, "capture",
	    cudaStreamBeginCapture(queue, cudaStreamCaptureModeThreadLocal));
}

static int captured(void *device, void *queue, void **graph)
{
	cudaGraph_t recorded = NULL;
	cudaGraphExec_t instance = NULL;
	cudaError_t e = cudaStreamEndCapture(queue, &recorded);

	if (e == cudaSuccess)
		e = cudaGraphInstantiate(&instance, recorded, 0);
	if (recorded)
		cudaGraphDestroy(recorded);
	*graph = e == cudaSuccess ? instance : NULL;
	return failed(device, "captured work", e);
}

static int replay(void *device, void *queue, void *graph)
{
	return failed(device, "replayed work", cudaGraphLaunch(graph, queue));
}

static void release(void *device, void *graph)
{
	(void)device;
	if (graph)
		cudaGraphExecDestroy(graph);
}

/* --- time ------------------------------------------------------------------------- */

/* The event of a mark, created on first use; NULL: the error is set. */
static cudaEvent_t event_of(struct cuda *c, uint32_t number)
{
	cudaEvent_t **page = &c->marks[number / MARKS_A_PAGE];
	const size_t bytes = MARKS_A_PAGE * sizeof(**page);
	cudaEvent_t *event;

	if (!*page) {
		if (!(*page = c->host->alloc(c->host, bytes)))
			return NULL;
		memset(*page, 0, bytes);
	}
	event = &(*page)[number % MARKS_A_PAGE];
	if (!*event)
		failed(c, "mark", cudaEventCreate(event));
	return *event;
}

static int mark(void *device, void *queue, uint32_t number)
{
	cudaEvent_t event = event_of(device, number);

	return event ? failed(device, "mark", cudaEventRecord(event, queue)) :
		       CNN_EPLUGIN;
}

static int elapsed(void *device, uint32_t from, uint32_t to, double *seconds)
{
	cudaEvent_t begin = event_of(device, from), end = event_of(device, to);
	float milliseconds = 0;
	cudaError_t e;

	if (!begin || !end)
		return CNN_EPLUGIN;
	if ((e = cudaEventSynchronize(begin)) == cudaSuccess &&
	    (e = cudaEventSynchronize(end)) == cudaSuccess)
		e = cudaEventElapsedTime(&milliseconds, begin, end);
	*seconds = (double)milliseconds / 1000;
	return failed(device, "elapsed", e);
}

/* Estimated for an H100, not measured. */
static double reorder_cost(const struct cnn_shape *s, size_t samples,
    struct cnn_format from, struct cnn_format to)
{
	size_t bytes = cnn_layout_count(s, from.layout, samples) *
		(from.dtype == CNN_F64	      ? 8 :
			from.dtype == CNN_F32 ? 4 :
						2) +
	    cnn_layout_count(s, to.layout, samples) *
		(to.dtype == CNN_F64	    ? 8 :
			to.dtype == CNN_F32 ? 4 :
					      2);

	return 2.5 + (double)bytes / 1.5e6;
}

static const struct cnn_device functions = {
	.size = sizeof(functions),
	.name = "cuda",
	.flags = CNN_DEVICE_OWN_MEMORY | CNN_DEVICE_WHOLE_BATCH,
	.probe = probe,
	.open = open_cuda,
	.close = close_cuda,
	.supports = supports,
	.queue = queue_of,
	.alloc = alloc,
	.free = free_memory,
	.upload = upload,
	.download = download,
	.add = add,
	.reorder = reorder,
	.reorder_cost = reorder_cost,
	.gather = gather,
	.total = total,
	.norm = norm,
	.clip = clip,
	.advance = advance,
	.capture = capture,
	.captured = captured,
	.replay = replay,
	.release = release,
	.mark = mark,
	.elapsed = elapsed,
};

NATIVE_PLUGIN("device", .device_functions = &functions);
