/* executor.h - a graph made ready to run on a device.
 *
 * Opening one chooses a provider for every run of layers, settles the layouts
 * between them, plans the memory and starts the workers; afterwards a step
 * allocates nothing. On the CPU a batch is cut into shards; each goes through
 * forward and backward by itself, and the shards' gradients are summed along
 * one binary tree over their numbers, so the result does not depend on how
 * many threads there are. A GPU takes its whole batch at once, works behind the
 * caller's back, and after two steps of a size replays what it did in them.
 * For what a step is made of there is, with cnn_executor_ before it,
 *
 *   set_rows      the data set, once
 *   set_state     where training stands: step, seed, loss scale
 *   set_epoch     the order of the rows, and the learning rates
 *   train         begins a step on the next rows
 *   result        what came of the oldest step not yet asked about
 *
 * Not thread-safe: one caller at a time.
 */
#ifndef CNN_EXECUTOR_H
#define CNN_EXECUTOR_H

#include "base/error.h"
#include "net/graph.h"
#include "base/tensor.h"

#define CNN_SHARD_SIZE 16            /* samples, by default */

struct cnn_executor;
struct cnn_value;

/* Where, and by whom: what changes no result but through the providers' own
 * rounding. */
struct cnn_compute {
	const char *device;              /* "cpu" */
	uint32_t ordinal;                /* of several such devices */
	uint64_t threads;                /* workers; 0: one a core */
	const char *const *providers;    /* "conv2d=ref": --provider */
	size_t provider_count;
	bool no_fuse;
	/* Training only: the runs of a checkpoint, "conv1+relu1=cpu/native" each. They
	 * and no others are taken, so that the bytes stay what they were; NULL: the
	 * best. */
	const struct cnn_value *recorded;
	bool no_graph;                   /* never replay a step that was recorded */
	bool profile;                    /* take the time of each operation */
	uint64_t max_memory;             /* bytes; 0: no limit of its own */
};

struct cnn_executor_options {
	struct cnn_compute on;
	uint32_t batch;                  /* most samples of one step or inference */
	uint32_t shard_size;             /* 0: CNN_SHARD_SIZE */
	bool training;
	uint32_t amp;                    /* CNN_F32 (off), CNN_BF16, CNN_F16 */
	const char *optimizer;           /* "adam"; training only, as these: */
	double momentum, weight_decay;
	double grad_clip;                /* the most that the norm of the gradients may
	                                  * be; 0: no limit */
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

/* Rows of a data set. They stay the caller's, unchanged until others are set or
 * the executor is closed; a device with memory of its own gets a copy. The values
 * that go in are element * scale + offset. */
struct cnn_rows {
	enum cnn_dtype dtype;
	const void *data;
	const int32_t *labels;           /* NULL where there is no loss */
	size_t count;
	double scale, offset;
};
int cnn_executor_set_rows(struct cnn_executor *, const struct cnn_rows *,
	struct cnn_error *);

/* --- training: labels are there ---------------------------------------------- */

/* step, seed, updates, loss_scale and good_steps; the rest is the executor's. Not
 * while steps are under way. */
int cnn_executor_set_state(struct cnn_executor *, const struct cnn_state *,
	struct cnn_error *);
int cnn_executor_get_state(struct cnn_executor *, struct cnn_state *,
	struct cnn_error *);

struct cnn_epoch {
	const uint32_t *order;           /* [count] rows; NULL: 0, 1, 2 ... */
	size_t count;
	size_t cursor;                   /* where in it the next step begins */
	const double *rates;             /* [steps], learning rates from there on */
	size_t steps;
};
/* Both arrays are copied. */
int cnn_executor_set_epoch(struct cnn_executor *, const struct cnn_epoch *,
	struct cnn_error *);

/* Begins a step on the next `samples` rows of the epoch. At most depth steps may
 * be under way. */
int cnn_executor_train(struct cnn_executor *, uint32_t samples, struct cnn_error *);
uint32_t cnn_executor_depth(const struct cnn_executor *);

/* Waits for the oldest step whose result was not yet asked for. */
int cnn_executor_result(struct cnn_executor *, struct cnn_step_record *,
	struct cnn_error *);

/* Puts a mark on the device's queue at the begin (0) or the end (1) of what is to be
 * timed, and on a device without a queue reads the clock. */
int cnn_executor_mark(struct cnn_executor *, uint32_t end, struct cnn_error *);
/* The time between the two marks; waits until the device has reached the second. */
int cnn_executor_marked(struct cnn_executor *, double *seconds, struct cnn_error *);

/* --- inference ------------------------------------------------------------------ */

/* Forward only, of rows first .. first + samples - 1. logits: [samples][elements
 * of the graph's output], or NULL; losses: [samples], or NULL (needs labels and a
 * loss). */
int cnn_executor_infer(struct cnn_executor *, size_t first, uint32_t samples,
	float *logits, float *losses, struct cnn_error *);

/* --- what was chosen -------------------------------------------------------------- */

/* For cnn-info: run number i covers nodes[0 .. count). False
 * past the last. */
struct cnn_executor_run {
	const size_t *nodes;
	uint32_t count;
	const char *device, *provider;
	int score;
};
bool cnn_executor_run_at(const struct cnn_executor *, size_t i,
	struct cnn_executor_run *);
/* Where the time went, an operation a row, in the order of a step; rows of pieces
 * that a step does not have take no time. False past the last, and where there
 * was no profile or no second step. */
struct cnn_profile_row {
	char name[80];                   /* of the run: "conv1+relu1" */
	const char *what, *provider;     /* "forward"; "onednn" */
	double seconds;                  /* a step, mean */
	double bytes, flops;             /* a step: the least that it takes */
	uint64_t steps;                  /* that were measured */
};
bool cnn_executor_profile_at(const struct cnn_executor *, size_t i,
	struct cnn_profile_row *);

/* Bytes of all arenas. */
size_t cnn_executor_memory(const struct cnn_executor *);

#endif
