/* provider.h - shared by the cuDNN plugins: the handle, and graphs that are ready to
 * run.
 *
 * The handle belongs to the device and is kept by the host. create() and prepare()
 * build everything. A call only passes the tensors' addresses, so it can be captured.
 * Activations are NHWC. Parameters are float, with weights as O, KH, KW, C/groups.
 *
 * Choice of the engine of a graph: if the model was trained with --tune, exactly the
 * engine whose number it stores; with --tune the fastest; otherwise the first of
 * cuDNN's that the policy admits. Only --fast admits nondeterministic engines, and only
 * --tf32 engines that round the products of floats.
 */
#ifndef CUDNN_PROVIDER_H
#define CUDNN_PROVIDER_H

#include "engines.h"

#include <cnn/plugin.h>

/* The state of one instance. */
struct provider {
	const struct cnn_host *host;
	cudnnHandle_t handle; /* owned by the host */
	struct engine_policy policy;
	char name[80]; /* "conv1 (conv2d)" */
};

/* A graph with its plan, for one number of samples. */
struct provider_op {
	struct graph graph;
	struct engine_plan plan;
	/* Its own, if the workspace of calls is too small */
	void *workspace;
};

/* True if this device computes in the run's type and, in half, the channels are
 * multiples of 8, as its engines need. Queries CUDA only. */
bool provider_supports(const struct cnn_run *, const struct cnn_node *);

/* Estimated microseconds of a run with this many launches and, in forward, this many
 * floating-point operations. Based on estimates for an H100, not measured. Slightly
 * more than the native kernels' cost, so that those are chosen if they support the run.
 * Sets the plan's formats to NHWC. */
double provider_estimate(const struct cnn_run *, int launches, double flops,
    struct cnn_plan *);

/* Returns CNN_END if there is no cuDNN; -v shows why. */
int provider_open(struct provider *, const struct cnn_host *, const char *name,
    const char *type);
/* Sets "cuda/cudnn: NAME: what: why". Returns code, or CNN_EPLUGIN if memory ran
 * out. */
int provider_fail(const struct provider *, int code, const char *what, const char *why);
/* The same for a CUDA error; returns CNN_OK if there is none. With CNN_POLICY_CHECK it
 * first waits for the queue. */
int provider_done(const struct provider *, const char *what, int error, void *queue);

/* Scratch is aligned to 64 bytes. This many extra bytes allow a workspace aligned to
 * 256. */
#define PROVIDER_SLACK 255

/* Builds the op and chooses its engine. *planned is the workspace of each call, without
 * the slack. If the plan needs more, *planned grows, or, if `fixed`, the op allocates
 * memory of its own. */
int provider_op_open(const struct provider *, struct provider_op *,
    const struct graph_spec *, size_t *planned, bool fixed);
/* The same, but returns CNN_END if no engine that the policy admits computes it. */
int provider_op_try(const struct provider *, struct provider_op *,
    const struct graph_spec *, size_t *planned, bool fixed);
void provider_op_close(struct provider_op *);

/* The address of a tensor of the graph. */
struct provider_tensor {
	int64_t id;
	const void *data;
};
int provider_op_run(const struct provider *, const struct provider_op *, void *queue,
    void *scratch, const struct provider_tensor *, uint32_t count);
#define PROVIDER_RUN(p, op, queue, scratch, ...) \
	provider_op_run((p), (op), (queue), (scratch), \
	    (const struct provider_tensor[]){ __VA_ARGS__ }, \
	    sizeof((const struct provider_tensor[]){ __VA_ARGS__ }) / \
		sizeof(struct provider_tensor))

/* Copies device memory to or from the host's, after the work in the queue; waits. */
int provider_copy(const struct provider *, void *queue, void *to, const void *from,
    size_t bytes);

/* tune.c: builds a plan of each engine that the policy admits, times them and keeps the
 * fastest. */
int provider_tune(const struct provider *, const struct graph *, struct engines *,
    struct engine_plan *, struct graph_error *);

/* Executes a plan; returns cuDNN's status. pointers and ids have count elements. */
cudnnStatus_t provider_execute(cudnnHandle_t, const struct engine_plan *,
    const int64_t *ids, void **pointers, int64_t count, void *workspace);

static inline size_t provider_size(uint32_t dtype)
{
	return dtype == CNN_F32 ? 4 : 2;
}

/* Rounds up to the offset of the next buffer. */
static inline size_t provider_round(size_t bytes)
{
	return (bytes + 255) / 256 * 256;
}

/* Defines a plugin's entry. Its tables follow. */
#define PROVIDER_PLUGIN(NAME, ...) \
	CNN_PLUGIN_ENTRY(.name = (NAME), .version = CNN_VERSION, .device = "cuda", \
	    .provider = "cudnn", __VA_ARGS__)

#endif
