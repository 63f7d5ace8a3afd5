/* executor-private.h - the parts behind executor/executor.h.
 *
 *   assign.c    assigns a kernel to each run of layers; its parts are in assign.h
 *   wishes.c    which kernels the user and a checkpoint allow
 *   instance.c  creates a kernel's instance and checks its plan
 *   plan.c      formats, buffers, the list of operations
 *   arena.c     the offset of each buffer
 *   device-memory.c  allocation of the device's memory
 *   executor.c  opening, closing
 *   params.c    import and export of parameters and moments
 *   feed.c      inputs and results of steps: rows, order, state, records
 *   microbatch.c  runs one microbatch through the operations
 *   step.c      workers, phases, the update; recording and replaying a step
 *   reduce.c    the tree that sums microbatches
 *   profile.c   the time of a step's parts, and the time between two marks
 *   barrier.c   the workers' barrier
 */
#ifndef EXECUTOR_PRIVATE_H
#define EXECUTOR_PRIVATE_H

#include "executor.h"
#include "plugin/host.h"
#include <pthread.h>
#include <stdatomic.h>

#define CNN_ALIGN ((size_t)64)
#define CNN_NONE SIZE_MAX

/* A kernel at work in this net: the run of layers that it computes, its edges, its
 * parameters and its buffers. */
struct cnn_instance {
	const struct cnn_plugin *plugin;
	const struct cnn_kernel *kernel;
	uint32_t node_count;
	size_t node_index[CNN_MAX_RUN];
	struct cnn_node nodes[CNN_MAX_RUN]; /* copies, side by side */
	size_t inputs[CNN_MAX_INPUTS];	    /* nodes, identities resolved */
	struct cnn_edge edges[CNN_MAX_INPUTS];
	struct cnn_param params[CNN_MAX_PARAMS];
	size_t param_index[CNN_MAX_PARAMS]; /* in the graph */
	struct cnn_run run;
	struct cnn_plan plan;
	void *handle; /* from create() */
	bool across;  /* across samples, and training */
	bool is_loss;
	bool skipped;	 /* needs a field that the rows lack */
	size_t packed;	 /* offset in the packed arena */
	uint32_t packer; /* the worker that packs */
	size_t partial;	 /* first double of its sums */
	/* Buffers, by number. */
	size_t in[CNN_MAX_INPUTS], out, saved;
	size_t grad_in[CNN_MAX_INPUTS], grad_out;
};

/* One buffer of an arena, alive from operation `first` to `last`. */
struct cnn_buffer {
	size_t bytes, offset;
	size_t first, last; /* CNN_NONE: never used */
	/* In the worker's arena, not in the context's: of several phases, it lives in one
	 * alone, so the worker's next microbatch can use it again. */
	bool brief;
};

enum cnn_op_kind {
	CNN_OP_FORWARD,
	CNN_OP_BACKWARD,
	CNN_OP_REORDER,
	CNN_OP_ADD,
	CNN_OP_REDUCE_FORWARD,
	CNN_OP_REDUCE_BACKWARD,
};

struct cnn_op {
	enum cnn_op_kind kind;
	uint32_t phase;
	struct cnn_instance *instance; /* REORDER, ADD: NULL */
	size_t src, dst;	       /* buffers */
	struct cnn_shape shape;
	struct cnn_format from, to;
};

/* A parameter's place in its arena. Trainable parameters and buffers have separate
 * arenas. */
struct cnn_slot {
	struct cnn_instance *instance;
	uint32_t index; /* in the instance */
	bool trainable;
	size_t offset, count; /* floats */
};

/* A partial sum of gradients: node `index` of level `level` of the tree covers the
 * microbatches from index << level up to the next node's. */
struct cnn_partial {
	uint32_t level, index;
	float *sum;
};

/* The memory of a microbatch on its way through the graph. */
struct cnn_context {
	unsigned char *arena;
	/* Set while a microbatch uses the context */
	float *grads;
};

struct cnn_worker {
	struct cnn_executor *ex;
	uint32_t number;
	pthread_t thread;
	unsigned char *scratch;
	unsigned char *arena; /* of brief buffers; NULL: there are none */
	float **spare;	      /* unused gradient arenas */
	size_t spare_count;
	struct cnn_partial *stack; /* sums of finished subtrees */
	size_t stack_count;
	int code; /* of the phase, CNN_OK or < 0 */
};

struct cnn_barrier {
	atomic_uint arrived, round, count;
};

/* A kernel that could not be created for the run that begins at a node. */
struct cnn_refusal {
	const struct cnn_kernel *kernel;
	size_t node;
};

struct cnn_merge {
	float *into;
	const float *from;
};

/* The data set, in memory that the device reads. */
struct cnn_resident {
	/* By input; data NULL: missing. `out` is set for each microbatch. */
	struct cnn_gather_column columns[CNN_MAX_NET_INPUTS];
	size_t count;			  /* rows */
	void *copies[CNN_MAX_NET_INPUTS]; /* with own memory */
	size_t rooms[CNN_MAX_NET_INPUTS]; /* bytes */
	bool ordered;			  /* by order; otherwise as they are */
	uint32_t *order;
	size_t order_room;
	double *rates;
	size_t rates_room;
	/* Rows in the epoch; rows of the steps begun so far */
	size_t epoch, ahead;
};

/* A recorded step of `samples` samples. */
struct cnn_recording {
	uint32_t samples;
	bool warm;
	void *graph;
};

#define CNN_RECORDS 64 /* most steps in flight */
#define CNN_RECORDINGS 4
#define CNN_REFUSALS 256

struct cnn_executor {
	const struct cnn_graph *graph;
	struct cnn_plugins *plugins;
	struct cnn_plugin_host host;
	struct cnn_executor_options options;
	const struct cnn_device *device_functions;
	void *device, *queue;
	bool whole_batch, own_memory;	       /* the device's flags */
	const struct cnn_optimizer *optimizer; /* the code of options.optimizer */
	struct cnn_arg_value optimizer_args[CNN_MAX_OPTIMIZER_ARGS];

	size_t *alias;		    /* node -> the node whose value it shares */
	struct cnn_format *formats; /* format of each node's value */
	size_t *values, *grads;	    /* node -> buffer */
	/* node -> does it depend on a trainable parameter? */
	bool *wants_gradient;
	struct cnn_instance *instances;
	size_t instance_count;
	struct cnn_refusal refusals[CNN_REFUSALS];
	size_t refusal_count;
	struct cnn_instance *losses[CNN_MAX_LOSSES]; /* in the graph's order */
	uint32_t loss_count;
	bool has_losses; /* the rows have what all losses need */
	struct cnn_buffer *buffers;
	size_t buffer_count;
	struct cnn_op *ops;
	size_t op_count;
	uint32_t phases; /* cuts at across_samples layers, + 1 */
	size_t arena_bytes, scratch_bytes, packed_bytes;
	size_t brief_bytes;   /* of a worker's arena */
	size_t partial_count; /* doubles per microbatch */
	size_t logits;	      /* buffer of the plain logits */
	size_t output_values; /* elements of one sample in it */

	struct cnn_slot *slots; /* one per graph parameter */
	size_t param_floats, buffer_floats;
	float *params, *param_buffers, *moments[CNN_MAX_MOMENTS];
	unsigned char *packed;
	float *grad; /* summed gradient of the last step */
	/* [norm_blocks] sums of its squares, or NULL */
	double *norms;
	size_t norm_blocks;
	bool params_changed; /* pack before the next step */
	bool packs;	     /* in this batch */
	size_t memory;	     /* bytes of all arenas */

	uint32_t microbatch_size, microbatches_max;
	bool *prepared; /* [samples]: prepare() was called for it */
	/* One per worker; with across_samples layers one per microbatch */
	struct cnn_context *contexts;
	size_t context_count;
	struct cnn_worker *workers;
	uint32_t worker_count, threads_started;
	/* [microbatches_max][partial_count], [count]; the same buffer if there is one
	 * microbatch */
	double *partials, *reduced;
	struct cnn_result *results; /* one per microbatch */
	struct cnn_merge *merges;
	size_t merge_count;

	struct cnn_resident rows;
	struct cnn_state *state;
	struct cnn_step_record *records; /* [CNN_RECORDS], on the device */
	struct cnn_step_record fetched_records[CNN_RECORDS];
	uint64_t begun, fetched, collected; /* steps */
	uint32_t first_record;		    /* index of the record of step `fetched` */
	struct cnn_recording recordings[CNN_RECORDINGS];

	struct cnn_profile *profile; /* or NULL */
	double marked[2];	     /* cnn_executor_mark, read from the clock */

	/* The step in progress. */
	struct cnn_barrier barrier;
	uint32_t first, samples; /* in the batch, counted from the cursor */
	float *out_logits;
	bool wants_result; /* of an inference */
	uint32_t microbatches;
	bool stop, failed;
};

/* assign.c: fills in instances, alias and their runs; opens the plugins. */
int cnn_assign(struct cnn_executor *, struct cnn_error *);

/* wishes.c: what the user's options and a checkpoint's record say about a kernel for
 * these nodes. */
enum cnn_wish { CNN_WISH_NO, CNN_WISH_YES, CNN_WISH_RECORDED, CNN_WISH_NAMED };
int cnn_wish(const struct cnn_executor *, const struct cnn_plugin *,
    const struct cnn_kernel *, const size_t *nodes, uint32_t count, enum cnn_wish *,
    struct cnn_error *);
/* Checks that each --provider names a kernel of the device. */
int cnn_wish_names(const struct cnn_executor *, struct cnn_error *);
/* Checks that the instances are those that a checkpoint recorded, if there is one. */
int cnn_wish_check(const struct cnn_executor *, struct cnn_error *);
/* Fails because no kernel computes the node. */
int cnn_wish_unmet(const struct cnn_executor *, size_t node, uint32_t dtype,
    struct cnn_error *);

/* instance.c: *plan as a kernel gets it, with the formats that its edges offer. */
void cnn_plan_init(const struct cnn_executor *, const struct cnn_instance *,
    struct cnn_plan *plan);
/* Sets the handle and the plan. CNN_END if the kernel cannot be had: it has been added to
 * the refusals. If it fails otherwise, there may be a handle to destroy. */
int cnn_instance_create(struct cnn_executor *, struct cnn_instance *,
    struct cnn_error *);

/* plan.c: creates the instances and plans operations and memory. CNN_END if a kernel
 * cannot be had: it has been added to the refusals. */
int cnn_plan_make(struct cnn_executor *, struct cnn_error *);
/* Frees what cnn_assign() and cnn_plan_make() made. */
void cnn_plan_drop(struct cnn_executor *);
/* arena.c: sets the offset of each buffer that is brief or not, as asked; *bytes = the
 * size of their arena. */
int cnn_arena_place(struct cnn_buffer *, size_t count, bool brief, size_t *bytes,
    struct cnn_error *);

/* device-memory.c: zeroed memory of the device, counted and limited. */
int cnn_executor_take(struct cnn_executor *, void **, size_t bytes, struct cnn_error *);
void cnn_executor_give_back(struct cnn_executor *, void *, size_t bytes);
/* All that was taken is freed in another way. */
void cnn_executor_uncount(struct cnn_executor *);

/* feed.c: allocates and frees the memory that every step uses. */
int cnn_feed_open(struct cnn_executor *, struct cnn_error *);
void cnn_feed_close(struct cnn_executor *);
/* Drops recorded steps; call it before an address that they contain becomes invalid. */
void cnn_forget_recordings(struct cnn_executor *);

/* microbatch.c: runs microbatch `number` through the operations of a phase. */
int cnn_run_microbatch(struct cnn_worker *, uint32_t number, uint32_t phase);
/* The addresses of an instance's parameters. */
void cnn_instance_params(const struct cnn_executor *, const struct cnn_instance *,
    void *params[CNN_MAX_PARAMS]);

/* profile.c: adds the time between begin and end to the slot: an operation's number, or
 * cnn_profile_part(). Does nothing without --profile. */
enum cnn_part {
	CNN_PART_GATHER,
	CNN_PART_PACK,
	CNN_PART_TOTAL,
	CNN_PART_REDUCE,
	CNN_PART_UPDATE,
	CNN_PART_ADVANCE,
	CNN_PART_COUNT
};
int cnn_profile_open(struct cnn_executor *, struct cnn_error *);
void cnn_profile_close(struct cnn_executor *);
size_t cnn_profile_part(const struct cnn_executor *, enum cnn_part);
int cnn_profile_begin(struct cnn_worker *, size_t slot);
int cnn_profile_end(struct cnn_worker *, size_t slot);
/* Reads the marks after a step. */
int cnn_profile_step(struct cnn_executor *);

/* step.c: a worker thread's main loop; waits at the barrier until ex->stop. */
void *cnn_worker_main(void *worker);

/* reduce.c: takes over a finished microbatch's sum and folds it as far as possible. */
int cnn_reduce_push(struct cnn_worker *, uint32_t microbatch, float *sum);
/* Lists, in order, the additions that are left once all workers are done. Returns the
 * buffer that then holds the whole sum. */
float *cnn_reduce_plan(struct cnn_executor *);
/* reduced = the tree sum over the microbatches of what reduce_forward (reduce_backward)
 * of an instance gave, or its combination if the kernel has combine(). */
void cnn_reduce_partials(struct cnn_executor *, const struct cnn_instance *,
    bool backward);
/* The most sums that a worker with `microbatches` microbatches holds at once. */
size_t cnn_reduce_depth(uint32_t microbatches);

void cnn_barrier_init(struct cnn_barrier *, unsigned count);
void cnn_barrier_wait(struct cnn_barrier *);
/* Lowers the number of threads that the barrier waits for. One of them must call it
 * before it waits. */
void cnn_barrier_shrink(struct cnn_barrier *, unsigned count);

static inline size_t cnn_align(size_t n)
{
	return (n + CNN_ALIGN - 1) / CNN_ALIGN * CNN_ALIGN;
}

#endif
