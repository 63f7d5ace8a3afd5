/* cnn/executor.h - a graph made ready to run on a device.
 *
 * Opening one chooses a provider for every run of layers, settles the layouts
 * between them, plans the memory and starts the workers; afterwards a step
 * allocates nothing. On the CPU a batch is cut into shards; each goes through
 * forward and backward by itself, and the shards' gradients are summed along
 * one binary tree over their numbers, so the result does not depend on how
 * many threads there are.
 *
 * Not thread-safe: one caller at a time.
 */
#ifndef CNN_EXECUTOR_H
#define CNN_EXECUTOR_H

#include <cnn/error.h>
#include <cnn/graph.h>
#include <cnn/tensor.h>

#define CNN_SHARD_SIZE 16            /* samples, by default */

struct cnn_executor;

/* Where, and by whom: what changes no result but through the providers' own
 * rounding. */
struct cnn_compute {
	const char *device;              /* "cpu" */
	uint32_t ordinal;                /* of several such devices */
	uint64_t threads;                /* workers; 0: one a core */
	const char *const *providers;    /* "conv2d=ref": --provider */
	size_t provider_count;
	bool no_fuse;
	uint64_t max_memory;             /* bytes; 0: no limit of its own */
};

struct cnn_executor_options {
	struct cnn_compute on;
	uint32_t batch;                  /* most samples of one step or inference */
	uint32_t shard_size;             /* 0: CNN_SHARD_SIZE */
	bool training;
	uint32_t amp;                    /* CNN_F32 (off), CNN_BF16, CNN_F16 */
	const char *optimizer;           /* "adam"; training only */
};

int cnn_executor_open(struct cnn_executor **, const struct cnn_graph *,
	const struct cnn_executor_options *, struct cnn_error *);
void cnn_executor_close(struct cnn_executor *);

/* Plain float values of a parameter (cnn_graph_param.count of them) to and
 * from the executor's own layout; moment 0 .. is the optimiser's. */
int cnn_executor_set_param(struct cnn_executor *, size_t param,
	const float *values, struct cnn_error *);
int cnn_executor_get_param(struct cnn_executor *, size_t param, float *values,
	struct cnn_error *);
uint32_t cnn_executor_moment_count(const struct cnn_executor *);
const char *cnn_executor_moment_name(const struct cnn_executor *, uint32_t moment);
int cnn_executor_set_moment(struct cnn_executor *, size_t param, uint32_t moment,
	const float *values, struct cnn_error *);
int cnn_executor_get_moment(struct cnn_executor *, size_t param, uint32_t moment,
	float *values, struct cnn_error *);
/* A batch is rows of an array that stays the caller's: `index` names them. The
 * values that go in are element * scale + offset. */
struct cnn_batch {
	enum cnn_dtype dtype;
	const void *data;
	const int32_t *labels;           /* of all rows; NULL where there is no loss */
	const uint32_t *index;           /* [samples] */
	uint32_t samples;                /* 1 .. options.batch */
	double scale, offset;
};

struct cnn_step {
	uint64_t seed;
	uint32_t step;                   /* number of this step from 0, skipped
	                                  * ones counted: the random numbers' */
	uint64_t t;                      /* number of this update, from 1 */
	double lr, momentum, weight_decay;
	float loss_scale;                /* 1 but for --amp fp16 */
};

struct cnn_step_result {
	double loss;                     /* sum over the samples, unscaled */
	uint32_t correct;                /* samples whose largest logit is right */
	bool skipped;                    /* a gradient was inf or nan: no update */
};

int cnn_executor_train(struct cnn_executor *, const struct cnn_batch *,
	const struct cnn_step *, struct cnn_step_result *, struct cnn_error *);

/* Forward only. logits: [samples][elements of the graph's output], or NULL;
 * losses: [samples], or NULL (needs labels and a loss). */
int cnn_executor_infer(struct cnn_executor *, const struct cnn_batch *,
	float *logits, float *losses, struct cnn_error *);

/* What was chosen, for cnn-info: run number i covers nodes[0 .. count). False
 * past the last. */
struct cnn_executor_run {
	const size_t *nodes;
	uint32_t count;
	const char *device, *provider;
	int score;
};
bool cnn_executor_run_at(const struct cnn_executor *, size_t i,
	struct cnn_executor_run *);
/* Bytes of all arenas. */
size_t cnn_executor_memory(const struct cnn_executor *);

#endif
