/* executor.h - a graph made ready to run on a device.
 *
 * Opening an executor chooses a provider for every run of layers, decides the layouts
 * between them, plans the memory and starts the workers. Steps then allocate nothing.
 * On the CPU a batch is cut into microbatches. Each microbatch goes through forward and
 * backward by itself. The microbatches' gradients are summed along one binary tree over
 * their numbers, so the result does not depend on the number of threads. A GPU takes
 * the whole batch at once and works asynchronously. The second step of a size is
 * recorded; later ones replay the recording. The functions of a step, with the prefix
 * cnn_executor_:
 *
 *   set_rows      sets the data set, once
 *   set_state     sets the state of training: step, seed, loss scale
 *   set_epoch     sets the order of the rows and the learning rates
 *   train         begins a step on the next rows
 *   result        returns the record of the oldest step not yet returned
 *
 * Several executors may work at once, each with one caller at a time. They may share
 * plugins, graphs and the memory of a data set, and nothing else.
 */
#ifndef CNN_EXECUTOR_H
#define CNN_EXECUTOR_H

#include "base/error.h"
#include "net/graph.h"
#include "base/tensor.h"

#define CNN_MICROBATCH_SIZE 16 /* samples, by default */

struct cnn_executor;
struct cnn_value;

/* Where to compute. These options affect results only through the rounding of the
 * chosen providers. */
struct cnn_compute {
	const char *device;	      /* "cpu" */
	uint32_t ordinal;	      /* index among such devices */
	uint64_t threads;	      /* workers; 0: one per core */
	const char *const *providers; /* "conv2d=ref": --provider */
	size_t provider_count;
	bool no_fuse;
	/* Training only: the runs of a checkpoint, each as "conv1+relu1=cpu/native".
	 * Exactly these are used, so that a resumed run gives the same bytes. NULL: the
	 * best. */
	const struct cnn_value *recorded;
	/* Highest instruction set, constant text; NULL: no limit */
	const char *isa;
	uint32_t policy; /* enum cnn_policy */
	/* What plugins choose by timing: earlier choices are used, new ones added. The
	 * caller's; of one executor at a time. NULL: none are kept. */
	struct cnn_value *choices;
	bool no_graph;	     /* never record and replay a step */
	bool profile;	     /* time each operation */
	uint64_t max_memory; /* bytes; 0: no limit */
};

struct cnn_executor_options {
	struct cnn_compute on;
	uint32_t batch;		  /* most samples of one step or inference */
	uint32_t microbatch_size; /* 0: CNN_MICROBATCH_SIZE */
	bool training;
	/* Choose the kernels and count the memory, but take none: only the functions
	 * that describe the executor work. */
	bool plan_only;
	uint32_t amp; /* CNN_F32 (off), CNN_BF16, CNN_F16 */
	/* Training only, like the next members */
	const struct cnn_optimizer_def *optimizer;
	const struct cnn_arg_value *optimizer_args; /* copied; NULL: the defaults */
	/* Largest norm of the gradients; 0: no limit */
	double grad_clip;
};

int cnn_executor_open(struct cnn_executor **, const struct cnn_graph *,
    const struct cnn_executor_options *, struct cnn_error *);
void cnn_executor_close(struct cnn_executor *);

/* Plain float values of a parameter (cnn_graph_param.count of them) to and from the
 * executor's own layout. Moments, from 0, are the optimizer's. */
int cnn_executor_set_param(struct cnn_executor *, size_t param, const float *values,
    struct cnn_error *);
int cnn_executor_get_param(struct cnn_executor *, size_t param, float *values,
    struct cnn_error *);
uint32_t cnn_executor_moment_count(const struct cnn_executor *);
const char *cnn_executor_moment_name(const struct cnn_executor *, uint32_t moment);
int cnn_executor_set_moment(struct cnn_executor *, size_t param, uint32_t moment,
    const float *values, struct cnn_error *);
int cnn_executor_get_moment(struct cnn_executor *, size_t param, uint32_t moment,
    float *values, struct cnn_error *);

/* A field of a data set. What the net reads is element * scale + offset or, if it takes
 * indices, the element, which the caller has checked against the graph's limit. */
struct cnn_rows_column {
	enum cnn_dtype dtype;
	/* [count][elements of the input]; NULL: the data do not have it */
	const void *data;
	double scale, offset;
};
/* Rows of a data set. The caller owns them and keeps them unchanged until other rows
 * are set or the executor is closed. A device with memory of its own gets a copy. What
 * needs a field that is missing is not computed; the net's output must not. */
struct cnn_rows {
	size_t count;
	struct cnn_rows_column
	    fields[CNN_MAX_NET_INPUTS]; /* in the order of graph->inputs */
};
int cnn_executor_set_rows(struct cnn_executor *, const struct cnn_rows *,
    struct cnn_error *);

/* --- training: the rows have all fields ------------------------------------------- */

/* step, seed, updates, loss_scale and good_steps; the executor sets the other members.
 * set_state is not allowed while steps are in flight. */
int cnn_executor_set_state(struct cnn_executor *, const struct cnn_state *,
    struct cnn_error *);
int cnn_executor_get_state(struct cnn_executor *, struct cnn_state *,
    struct cnn_error *);

struct cnn_epoch {
	const uint32_t *order; /* [count] rows; NULL: 0, 1, 2 ... */
	size_t count;
	/* Index in order of the next step's first row */
	size_t cursor;
	const double *rates; /* [steps], learning rates of these steps */
	size_t steps;
};
/* Both arrays are copied. */
int cnn_executor_set_epoch(struct cnn_executor *, const struct cnn_epoch *,
    struct cnn_error *);

/* Begins a step on the next `samples` rows of the epoch. At most depth steps may be in
 * flight. */
int cnn_executor_train(struct cnn_executor *, uint32_t samples, struct cnn_error *);
uint32_t cnn_executor_depth(const struct cnn_executor *);

/* Waits for the oldest step whose record was not yet returned. */
int cnn_executor_result(struct cnn_executor *, struct cnn_step_record *,
    struct cnn_error *);

/* Puts a mark into the device's queue before the work to be timed, or at its end. On a
 * device without a queue it reads the clock. */
int cnn_executor_mark(struct cnn_executor *, bool end, struct cnn_error *);
/* The time between the two marks. Waits until the device has reached the second. */
int cnn_executor_marked(struct cnn_executor *, double *seconds, struct cnn_error *);

/* --- inference -------------------------------------------------------------------- */

/* Forward pass of rows first .. first + samples - 1. logits: [samples][elements of the
 * graph's output], or NULL. result: loss and hits, or NULL; needs a loss whose fields
 * are there. */
int cnn_executor_infer(struct cnn_executor *, size_t first, uint32_t samples,
    float *logits, struct cnn_result *result, struct cnn_error *);

/* --- the chosen providers --------------------------------------------------------- */

/* For cnn-info: run number i covers nodes[0 .. count). Returns false past the last. */
struct cnn_executor_run {
	const size_t *nodes;
	uint32_t count;
	const char *device, *provider;
};
bool cnn_executor_run_at(const struct cnn_executor *, size_t i,
    struct cnn_executor_run *);
/* The time of each operation, in the order of a step. Rows of parts that a step does
 * not have show no time. Returns false past the last row, and if there was no profile
 * or no second step. */
struct cnn_profile_row {
	char name[80];		     /* of the run: "conv1+relu1" */
	const char *what, *provider; /* "forward"; "onednn" */
	double seconds;		     /* per step, mean */
	double bytes, flops;	     /* per step: the least that is needed */
	uint64_t steps;		     /* measured */
};
bool cnn_executor_profile_at(const struct cnn_executor *, size_t i,
    struct cnn_profile_row *);

/* Bytes of all arenas. */
size_t cnn_executor_memory(const struct cnn_executor *);

/* Tensors that each microbatch copies to another layout or type, because its kernels
 * differ in those. */
size_t cnn_executor_reorders(const struct cnn_executor *);

#endif
