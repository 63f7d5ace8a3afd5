/* graph.c - capture and replay: a graph is the list of work in recorded order, which is
 * one of the orders that the streams allow. */
#include "private.h"

#include <stdlib.h>

struct CUgraph_st {
	struct hc_handle handle;
	hc_work **node;
	size_t count, capacity;
};

struct CUgraphExec_st {
	struct hc_handle handle;
	hc_work **node;
	size_t count;
};

static struct hc_handle *captures, *graphs, *execs;

/* --- capture ---------------------------------------------------------------------- */

bool hc_capture_forbids(void)
{
	bool any = false;

	for (struct hc_handle *h = captures; h; h = h->next) {
		struct hc_capture *c = (struct hc_capture *)h;
		bool mine = pthread_equal(c->thread, pthread_self()) &&
		    c->mode != cudaStreamCaptureModeRelaxed;

		if (!mine && c->mode != cudaStreamCaptureModeGlobal)
			continue;
		c->invalid = any = true;
	}
	return any;
}

/* The default stream would wait for captured work. CUDA permits that if the captured
 * stream is non-blocking, but the code under test uses one stream, so it is an error
 * here. */
static cudaError_t in_default_stream(void)
{
	cudaError_t error = cudaSuccess;

	for (struct hc_handle *h = captures; h; h = h->next) {
		struct hc_capture *c = (struct hc_capture *)h;

		c->invalid = true;
		if (!error)
			error = c->stream->flags & cudaStreamNonBlocking ?
			    cudaErrorStreamCaptureUnsupported :
			    cudaErrorStreamCaptureImplicit;
	}
	if (error)
		hc_report("work in the default stream while a stream is captured");
	return error;
}

cudaError_t hc_capture_of(cudaStream_t stream, cudaGraph_t *graph)
{
	*graph = NULL;
	if (hc_stream_default(stream))
		return in_default_stream();
	if (!stream->capture)
		return cudaSuccess;
	if (stream->capture->invalid)
		return cudaErrorStreamCaptureInvalidated;
	stream->joined = false;
	*graph = stream->capture->graph;
	return cudaSuccess;
}

static void free_nodes(hc_work **node, size_t count)
{
	for (size_t i = 0; i < count; i++)
		hc_work_free(node[i]);
	free(node);
}

cudaError_t hc_graph_add(cudaGraph_t g, const hc_work *w)
{
	if (g->count == g->capacity) {
		size_t capacity = g->capacity ? 2 * g->capacity : 64;
		hc_work **more = realloc(g->node, capacity * sizeof *g->node);

		if (!more)
			return cudaErrorMemoryAllocation;
		g->node = more;
		g->capacity = capacity;
	}
	g->node[g->count] = hc_work_copy(w);
	if (!g->node[g->count])
		return cudaErrorMemoryAllocation;
	g->count++;
	return cudaSuccess;
}

static cudaError_t begin(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
	struct hc_capture *c;

	if (hc_stream_default(stream)) {
		hc_report("the default stream cannot be captured");
		return cudaErrorStreamCaptureUnsupported;
	}
	if ((unsigned)mode > cudaStreamCaptureModeRelaxed)
		return cudaErrorInvalidValue;
	if (stream->capture)
		return cudaErrorIllegalState;
	c = calloc(1, sizeof *c);
	if (!c)
		return cudaErrorMemoryAllocation;
	c->graph = calloc(1, sizeof *c->graph);
	if (!c->graph) {
		free(c);
		return cudaErrorMemoryAllocation;
	}
	c->stream = stream;
	c->mode = mode;
	c->thread = pthread_self();
	stream->capture = c;
	hc_handle_add(&captures, &c->handle);
	return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
	cudaError_t error = hc_enter("cudaStreamBeginCapture");

	if (!error)
		error = hc_stream_check(stream);
	if (!error)
		error = begin(stream, mode);
	return hc_leave(error);
}

static cudaError_t end(cudaStream_t stream, cudaGraph_t *graph)
{
	struct hc_capture *c = hc_stream_default(stream) ? NULL : stream->capture;
	cudaError_t error = cudaSuccess;

	if (!c)
		return cudaErrorIllegalState;
	if (c->stream != stream)
		return cudaErrorStreamCaptureUnmatched;
	if (c->mode != cudaStreamCaptureModeRelaxed &&
	    !pthread_equal(c->thread, pthread_self()))
		return cudaErrorStreamCaptureWrongThread;
	for (struct hc_handle *h = hc_streams; h; h = h->next) {
		cudaStream_t s = (cudaStream_t)h;

		if (s->capture != c)
			continue;
		s->capture = NULL;
		if (s != stream && !s->joined)
			error = cudaErrorStreamCaptureUnjoined;
	}
	if (c->invalid)
		error = cudaErrorStreamCaptureInvalidated;
	if (error) {
		free_nodes(c->graph->node, c->graph->count);
		free(c->graph);
	} else {
		*graph = c->graph;
		hc_handle_add(&graphs, &c->graph->handle);
	}
	hc_handle_remove(&captures, &c->handle);
	free(c);
	return error;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
	cudaError_t error = hc_enter("cudaStreamEndCapture");

	if (!error && !graph)
		error = cudaErrorInvalidValue;
	if (!error) {
		*graph = NULL;
		error = hc_stream_check(stream);
	}
	if (!error)
		error = end(stream, graph);
	return hc_leave(error);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream,
    enum cudaStreamCaptureStatus *status)
{
	cudaError_t error = hc_enter("cudaStreamIsCapturing");

	if (!error)
		error = status ? hc_stream_check(stream) : cudaErrorInvalidValue;
	if (!error)
		*status = hc_stream_default(stream) || !stream->capture ?
		    cudaStreamCaptureStatusNone :
		    stream->capture->invalid ? cudaStreamCaptureStatusInvalidated :
					       cudaStreamCaptureStatusActive;
	return hc_leave(error);
}

/* --- graphs ----------------------------------------------------------------------- */

static cudaError_t check_graph(cudaGraph_t g)
{
	return g && hc_handle_in(graphs, &g->handle) ? cudaSuccess :
						       cudaErrorInvalidValue;
}

static cudaError_t check_exec(cudaGraphExec_t e)
{
	return e && hc_handle_in(execs, &e->handle) ? cudaSuccess :
						      cudaErrorInvalidValue;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count)
{
	cudaError_t error = hc_enter("cudaGraphGetNodes");

	if (!error)
		error = count ? check_graph(graph) : cudaErrorInvalidValue;
	if (!error) {
		for (size_t i = 0; nodes && i < *count; i++)
			nodes[i] = i < graph->count ? graph->node[i] : NULL;
		if (!nodes || *count > graph->count)
			*count = graph->count;
	}
	return hc_leave(error);
}

static cudaError_t instantiate(cudaGraphExec_t *exec, cudaGraph_t g)
{
	cudaGraphExec_t e;
	uint64_t there = 0;

	for (const struct hc_handle *h = execs; h; h = h->next)
		there++;
	e = there < hc_config()->graphs ? calloc(1, sizeof *e) : NULL;
	if (e)
		e->node = calloc(g->count + 1, sizeof *e->node);
	if (!e || !e->node) {
		free(e);
		return cudaErrorMemoryAllocation;
	}
	for (; e->count < g->count; e->count++) {
		e->node[e->count] = hc_work_copy(g->node[e->count]);
		if (!e->node[e->count]) {
			free_nodes(e->node, e->count);
			free(e);
			return cudaErrorMemoryAllocation;
		}
	}
	hc_handle_add(&execs, &e->handle);
	hc_note_graph(e->count);
	*exec = e;
	return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *exec, cudaGraph_t graph,
    unsigned long long flags)
{
	cudaError_t error = hc_enter("cudaGraphInstantiate");

	if (!error && (!exec || flags > 15))
		error = cudaErrorInvalidValue;
	if (!error)
		error = check_graph(graph);
	if (!error)
		error = instantiate(exec, graph);
	return hc_leave(error);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
    unsigned long long flags)
{
	return cudaGraphInstantiateWithFlags(exec, graph, flags);
}

static cudaError_t replay(cudaGraphExec_t e)
{
	cudaError_t error = hc_count(true);

	if (!error && !hc_config()->late)
		error = hc_flush();
	for (size_t i = 0; !error && i < e->count; i++) {
		hc_work *w;

		if (!hc_config()->late) {
			error = hc_work_do(e->node[i]);
			continue;
		}
		w = hc_work_copy(e->node[i]);
		if (w)
			hc_queue(w);
		else
			error = cudaErrorMemoryAllocation;
	}
	return error;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
	cudaError_t error = hc_enter("cudaGraphLaunch");
	cudaGraph_t into;

	if (!error)
		error = check_exec(exec);
	if (!error)
		error = hc_stream_check(stream);
	if (!error)
		error = hc_capture_of(stream, &into);
	if (!error && into) {
		hc_report("a graph inside a capture is not supported here");
		error = cudaErrorNotSupported;
	}
	if (!error)
		error = replay(exec);
	return hc_leave(error);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
	cudaError_t error = hc_enter("cudaGraphExecDestroy");

	if (!error)
		error = check_exec(exec);
	if (!error)
		error = hc_flush();
	if (!error) {
		hc_handle_remove(&execs, &exec->handle);
		free_nodes(exec->node, exec->count);
		free(exec);
	}
	return hc_leave(error);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
	cudaError_t error = hc_enter("cudaGraphDestroy");

	if (!error)
		error = check_graph(graph);
	if (!error) {
		hc_handle_remove(&graphs, &graph->handle);
		free_nodes(graph->node, graph->count);
		free(graph);
	}
	return hc_leave(error);
}
