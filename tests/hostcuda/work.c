/* work.c - launches, copies and fills as objects: done at once, recorded in a graph,
 * or, with HOSTCUDA_LATE, done when the host waits for them; and their counts. */
#include "private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hc_work **queue;
static size_t queue_count, queue_capacity;

static uint64_t launches, replays;
static size_t *graph_nodes, graphs;

/* --- one object ------------------------------------------------------------------- */

cudaError_t hc_work_do(const hc_work *w)
{
	int device = hc_device;
	cudaError_t error;

	hc_device = w->device;
	switch (w->kind) {
	case HC_LAUNCH: error = hc_launch_run(&w->launch); break;
	case HC_COPY: error = hc_copy_run(w); break;
	default: error = hc_fill_run(w); break;
	}
	hc_device = device;
	return error;
}

static void *duplicate(const void *from, size_t bytes)
{
	void *to = malloc(bytes + 1);

	return to ? memcpy(to, from, bytes) : NULL;
}

void hc_work_free(hc_work *w)
{
	if (!w)
		return;
	if (w->kind == HC_LAUNCH) {
		free((void *)w->launch.kernel);
		free((void *)w->launch.closure);
		free((void *)w->launch.arguments);
	}
	free(w);
}

hc_work *hc_work_copy(const hc_work *from)
{
	hc_work *w = duplicate(from, sizeof *from);
	struct hostcuda_launch *l;

	if (!w || w->kind != HC_LAUNCH)
		return w;
	l = &w->launch;
	l->kernel = duplicate(l->kernel, strlen(l->kernel) + 1);
	l->closure = duplicate(l->closure, l->closure_bytes);
	l->arguments =
	    duplicate(l->arguments, l->argument_count * sizeof *l->arguments);
	if (l->kernel && l->closure && l->arguments)
		return w;
	hc_work_free(w);
	return NULL;
}

/* --- now or later ----------------------------------------------------------------- */

bool hc_pending(void)
{
	return queue_count > 0;
}

void hc_queue(hc_work *w)
{
	if (queue_count == queue_capacity) {
		size_t capacity = queue_capacity ? 2 * queue_capacity : 64;
		hc_work **more = realloc(queue, capacity * sizeof *queue);

		if (!more)
			abort();
		queue = more;
		queue_capacity = capacity;
	}
	queue[queue_count++] = w;
}

cudaError_t hc_flush(void)
{
	cudaError_t error = cudaSuccess;

	for (size_t i = 0; i < queue_count; i++) {
		if (!error)
			error = hc_work_do(queue[i]);
		hc_work_free(queue[i]);
	}
	queue_count = 0;
	return error;
}

/* As in CUDA, a copy from or to pageable memory is not asynchronous. */
static bool may_wait(const hc_work *w)
{
	if (!hc_config()->late)
		return false;
	return w->kind != HC_COPY || (hc_in_arena(w->to) && hc_in_arena(w->from));
}

/* Poisons the destination of a copy to the host, which must not be used before the copy
 * is done. */
static void spoil(const hc_work *w)
{
	if (w->kind == HC_COPY && w->direction == cudaMemcpyDeviceToHost)
		memset(w->to, HC_POISON, w->bytes);
}

cudaError_t hc_submit(cudaStream_t stream, const hc_work *w, const char *function)
{
	cudaError_t error = hc_stream_check(stream);
	cudaGraph_t graph;
	hc_work *mine;

	if (error) {
		hc_report_call(function, "the stream is not of this device");
		return error;
	}
	error = hc_capture_of(stream, &graph);
	if (error || graph)
		return error ? error : hc_graph_add(graph, w);
	if (w->kind == HC_LAUNCH)
		error = hc_count(false);
	if (error)
		return error;
	if (!may_wait(w)) {
		error = hc_flush();
		return error ? error : hc_work_do(w);
	}
	mine = hc_work_copy(w);
	if (!mine)
		return cudaErrorMemoryAllocation;
	spoil(w);
	hc_queue(mine);
	return cudaSuccess;
}

/* --- counts ----------------------------------------------------------------------- */

cudaError_t hc_count(bool replay)
{
	launches += !replay;
	replays += replay;
	if (hc_config()->lost && launches + replays >= hc_config()->lost)
		hc_lose(cudaErrorLaunchFailure);
	return hc_lost();
}

void hc_note_graph(size_t nodes)
{
	size_t *more = realloc(graph_nodes, (graphs + 1) * sizeof *graph_nodes);

	if (!more)
		return;
	graph_nodes = more;
	graph_nodes[graphs++] = nodes;
}

__attribute__((destructor)) static void say_counts(void)
{
	if (!hc_config()->stats)
		return;
	fprintf(stderr,
	    "hostcuda: launches=%llu replays=%llu nodes=", (unsigned long long)launches,
	    (unsigned long long)replays);
	for (size_t i = 0; i < graphs; i++)
		fprintf(stderr, "%s%zu", i ? "," : "", graph_nodes[i]);
	fprintf(stderr, " peak=%zu left=%zu\n", hc_memory_peak(), hc_memory_used(-1));
}
