/* tune.c - provider_tune(): times the engines of a graph on the device.
 *
 * The tensors have their true sizes and are filled with one small number; an engine's
 * speed is assumed not to depend on the numbers. The fastest of several rounds counts,
 * since any disturbance only makes a round slower.
 */
#include "provider.h"

#include <cuda_runtime_api.h>
#include <string.h>

#define WARM_RUNS 2
#define ROUNDS 3
#define RUNS 10	  /* per round */
#define FILL 0x2c /* 2.4e-12 in float, 0.065 in f16 */

struct bench {
	cudnnHandle_t handle;
	cudaStream_t stream;
	cudaEvent_t from, to;
	int64_t ids[GRAPH_MAX_TENSORS];
	void *pointers[GRAPH_MAX_TENSORS], *workspace;
	uint32_t count;
	size_t workspace_bytes;
};

static size_t bytes_of(const struct graph_tensor *t)
{
	size_t size = t->type == CUDNN_DATA_INT8 ? 1 :
	    t->type == CUDNN_DATA_FLOAT		 ? 4 :
						   2;

	for (int i = 0; i < 4; i++)
		size *= (size_t)t->dims[i];
	return size;
}

static cudaError_t bench_open(struct bench *b, const struct graph *g,
    cudnnHandle_t handle)
{
	cudaError_t error;

	memset(b, 0, sizeof *b);
	b->handle = handle;
	error = cudaStreamCreateWithFlags(&b->stream, cudaStreamNonBlocking);
	if (error == cudaSuccess)
		error = cudaEventCreate(&b->from);
	if (error == cudaSuccess)
		error = cudaEventCreate(&b->to);
	for (uint32_t i = 0; i < g->tensor_count && error == cudaSuccess; i++) {
		const struct graph_tensor *t = &g->tensors[i];
		const size_t bytes = bytes_of(t);

		if (t->is_virtual)
			continue;
		b->ids[b->count] = t->id;
		error = cudaMalloc(&b->pointers[b->count], bytes);
		/* An index must be valid in its window. */
		if (error == cudaSuccess)
			error = cudaMemsetAsync(b->pointers[b->count++],
			    t->id == GRAPH_INDEX ? 0 : FILL, bytes, b->stream);
	}
	return error;
}

static void bench_close(struct bench *b)
{
	if (b->stream)
		cudaStreamSynchronize(b->stream);
	cudaFree(b->workspace);
	for (uint32_t i = 0; i < b->count; i++)
		cudaFree(b->pointers[i]);
	if (b->from)
		cudaEventDestroy(b->from);
	if (b->to)
		cudaEventDestroy(b->to);
	if (b->stream)
		cudaStreamDestroy(b->stream);
}

static bool grow(struct bench *b, size_t bytes)
{
	if (bytes <= b->workspace_bytes)
		return true;
	cudaStreamSynchronize(b->stream);
	cudaFree(b->workspace);
	b->workspace = NULL;
	b->workspace_bytes = 0;
	if (cudaMalloc(&b->workspace, bytes) != cudaSuccess)
		return false;
	b->workspace_bytes = bytes;
	return true;
}

static bool run(const struct bench *b, const struct engine_plan *plan, int times)
{
	void *pointers[GRAPH_MAX_TENSORS];
	bool good = true;

	memcpy(pointers, b->pointers, sizeof pointers);
	for (int i = 0; i < times && good; i++)
		good = provider_execute(b->handle, plan, b->ids, pointers, b->count,
			   b->workspace) == CUDNN_STATUS_SUCCESS;
	return good;
}

/* Milliseconds of the fastest round; negative if the plan does not run. */
static float measure(struct bench *b, const struct engine_plan *plan)
{
	float best = -1, ms;

	if (!grow(b, (size_t)plan->workspace) || !run(b, plan, WARM_RUNS))
		return -1;
	for (int i = 0; i < ROUNDS; i++) {
		if (cudaEventRecord(b->from, b->stream) != cudaSuccess ||
		    !run(b, plan, RUNS) ||
		    cudaEventRecord(b->to, b->stream) != cudaSuccess ||
		    cudaEventSynchronize(b->to) != cudaSuccess ||
		    cudaEventElapsedTime(&ms, b->from, b->to) != cudaSuccess)
			return -1;
		if (best < 0 || ms < best)
			best = ms;
	}
	return best;
}

/* Times all engines and keeps the fastest in *plan. */
static void race(const struct provider *p, struct bench *b, const struct engines *all,
    const struct graph *g, struct engine_plan *plan)
{
	const struct engine_device device = { .handle = p->handle };
	struct engine_plan next;
	struct graph_error why = { "" };
	float best = -1, ms;

	for (uint32_t i = 0; i < all->count; i++) {
		if (engine_refused(&all->list[i], &g->spec, &p->policy) ||
		    engine_plan_build(&next, &all->list[i], &device, &why) != CNN_OK)
			continue;
		ms = p->policy.max_workspace &&
			(uint64_t)next.workspace > p->policy.max_workspace ?
		    -1 :
		    measure(b, &next);
		if (ms >= 0)
			p->host->log(p->host, 3,
			    "cuda/cudnn: %s: %s: engine %lld: %.1f us", p->name,
			    graph_kind_names[g->spec.kind], (long long)next.number,
			    1000 * ms / RUNS);
		if (ms >= 0 && (best < 0 || ms < best)) {
			engine_plan_close(plan);
			*plan = next;
			best = ms;
		} else
			engine_plan_close(&next);
	}
}

int provider_tune(const struct provider *p, const struct graph *g, struct engines *all,
    struct engine_plan *plan, struct graph_error *e)
{
	const struct engine_device device = { .handle = p->handle };
	struct bench b;
	cudaError_t error;
	int r = CNN_OK;

	*plan = (struct engine_plan){ 0 };
	for (int source = 0; source < ENGINE_SOURCES && r == CNN_OK; source++)
		r = engines_add(all, g, &device, (enum engine_source)source, e);
	if (r != CNN_OK)
		return r;
	error = bench_open(&b, g, p->handle);
	if (error == cudaSuccess &&
	    cudnn.SetStream(p->handle, b.stream) == CUDNN_STATUS_SUCCESS) {
		race(p, &b, all, g, plan);
		cudnn.SetStream(p->handle, NULL);
	}
	bench_close(&b);
	/* Clears the error of an engine that, for example, ran out of memory. */
	cudaGetLastError();
	if (plan->desc)
		return CNN_OK;
	return graph_fail(e,
	    error == cudaErrorMemoryAllocation ? CNN_ENOMEM : CNN_EPLUGIN,
	    "%s: none of cuDNN's %u engines could be timed%s%s",
	    graph_kind_names[g->spec.kind], (unsigned)all->count,
	    error == cudaSuccess ? "" : ": ",
	    error == cudaSuccess ? "" : cudaGetErrorString(error));
}
