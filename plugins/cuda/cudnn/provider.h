/* provider.h - what the cuDNN plugins share: the handle, and graphs that are ready
 * to run.
 *
 * The handle is the device's, kept by the host. Everything is built in create()
 * and prepare(); a call only says where the tensors are, so that it can be
 * captured. Activations are NHWC, parameters float with the weights as O, KH, KW,
 * C/groups.
 *
 * Which engine computes a graph: the number that the model has for it, and no
 * other, if it was trained with --tune; with --tune the fastest; else cuDNN's first
 * that the policy lets in. What is not deterministic is let in by --fast alone, and
 * what rounds the products of floats by --tf32.
 */
#ifndef CUDNN_PROVIDER_H
#define CUDNN_PROVIDER_H

#include "engines.h"

#include <cnn/plugin.h>

/* What belongs to one instance. */
struct provider {
	const struct cnn_host *host;
	cudnnHandle_t handle;            /* the host's */
	struct engine_policy policy;
	char name[80];                   /* "conv1 (conv2d)" */
};

/* A graph with its plan, for one number of samples. */
struct provider_op {
	struct graph graph;
	struct engine_plan plan;
	void *workspace;                 /* of its own, where calls bring too little */
};

/* Whether this device computes in the type, and in half the channels are what its
 * engines are made for: multiples of 8. Asks CUDA alone. */
bool provider_supports(const struct cnn_run *, const struct cnn_node *);

int provider_open(struct provider *, const struct cnn_host *, const char *name,
	const char *type);
void provider_close(const struct provider *);
/* "cuda/cudnn: NAME: what: why"; returns code, but CNN_EPLUGIN where memory is short. */
int provider_fail(const struct provider *, int code, const char *what,
	const char *why);
/* The same of an error of CUDA's; CNN_OK if there is none. With CNN_POLICY_CHECK it
 * waits first for what is in the queue. */
int provider_done(const struct provider *, const char *what, int error, void *queue);

/* Scratch is aligned to 64 bytes; so many more let a workspace begin at 256. */
#define PROVIDER_SLACK 255

/* Makes the op and chooses its engine. planned: the workspace that a call brings,
 * besides the slack; it grows to what the plan wants (fixed false), or the op takes
 * memory of its own. */
int provider_op_open(const struct provider *, struct provider_op *,
	const struct graph_spec *, size_t *planned, bool fixed);
/* Whether some engine that the policy lets in computes it: CNN_END if none. */
int provider_op_try(const struct provider *, struct provider_op *,
	const struct graph_spec *, size_t *planned, bool fixed);
void provider_op_close(struct provider_op *);

/* Where a tensor of the graph is. */
struct provider_tensor {
	int64_t id;
	const void *data;
};
int provider_op_run(const struct provider *, const struct provider_op *, void *queue,
	void *scratch, const struct provider_tensor *, uint32_t count);
#define PROVIDER_RUN(p, op, queue, scratch, ...) \
	provider_op_run((p), (op), (queue), (scratch), \
		(const struct provider_tensor[]){ __VA_ARGS__ }, \
		sizeof((const struct provider_tensor[]){ __VA_ARGS__ }) \
			/ sizeof(struct provider_tensor))

/* Device memory to and from the host's, behind what is in the queue; waits. */
int provider_copy(const struct provider *, void *queue, void *to, const void *from,
	size_t bytes);

/* tune.c: builds a plan of each engine that the policy lets in, times them and
 * keeps the fastest. */
int provider_tune(const struct provider *, const struct graph *, struct engines *,
	struct engine_plan *, struct graph_error *);

/* Executes a plan: cuDNN's status. pointers and ids: count of them. */
cudnnStatus_t provider_execute(cudnnHandle_t, const struct engine_plan *,
	const int64_t *ids, void **pointers, int64_t count, void *workspace);

static inline size_t provider_size(uint32_t dtype)
{
	return dtype == CNN_F32 ? 4 : 2;
}

/* The next place for a buffer. */
static inline size_t provider_round(size_t bytes)
{
	return (bytes + 255) / 256 * 256;
}

/* The only entry that a plugin of this provider exports. */
#define PROVIDER_PLUGIN(file_name, provider_functions) \
	CNN_PLUGIN_ENTRY(.kind = CNN_PLUGIN_LAYER, .name = (file_name), \
		.version = CNN_VERSION, .device = "cuda", .provider = "cudnn", \
		.functions = &(provider_functions))

#endif
