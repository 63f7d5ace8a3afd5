/* cnn/plugin.h - the contract between the host and its plugins, cnn-plugin(7).
 *
 * A plugin is one shared object whose only export is the constant cnn_plugin_entry. It
 * includes only this header and C headers. It imports no symbol from the host, and does
 * not print, exit or abort. Its global variables never change, except pointers to the
 * functions of a library that it opens once, in create(). It gets the host's services through struct
 * cnn_host. Its functions return CNN_OK or a negative code, after they left the
 * text of the error with host->fail().
 *
 * Every struct that crosses the interface begins with its size. The side that made the
 * struct sets it. Minor versions only append members. A reader checks `size` before it
 * reads a member that was added after its major version's first release.
 *
 * Terms:
 *   sample    one element of axis 0. Shapes here never include the sample axis.
 *   microbatch  the samples of one call: the whole batch on a GPU, at most
 *             --shard-size samples on the CPU.
 *   run       one layer, or a chain of layers that one kernel computes.
 *   kernel    code that computes a run on a device.
 *   provider  a set of kernels: those in the folder DEVICE/PROVIDER.
 *   =         the function overwrites the buffer.
 *   +=        the function adds to the buffer.
 *   queue     the order of a device's work, which may be done later: a CUDA stream;
 *             NULL on the CPU, where a function has finished when it returns.
 * Buffers are 64-byte aligned, lie in the device's memory and belong to the host. If a
 * device has capture(), the host records once the work that a step puts into the queue,
 * and replays it for later steps. Addresses and sizes then stay the same. Work on the
 * device reads the values that change from struct cnn_state.
 */
#ifndef CNN_PLUGIN_H
#define CNN_PLUGIN_H

#include <cnn/types.h>
#include <stddef.h>
#include <stdint.h>

#define CNN_PLUGIN_MAGIC 0x314e4e43u /* "CNN1" */
#define CNN_ABI_MAJOR 2
#define CNN_ABI_MINOR 0

#define CNN_MAX_INPUTS 8  /* inputs of one node */
#define CNN_MAX_PARAMS 8  /* parameters of one run */
#define CNN_MAX_LIST 8	  /* numbers of a LIST argument */
#define CNN_MAX_RUN 8	  /* nodes of one run */
#define CNN_MAX_LOSSES 8  /* of a net */
#define CNN_MAX_MOMENTS 4 /* of an optimizer */
#define CNN_MAX_OPTIMIZER_ARGS 16

struct cnn_shape {
	uint32_t rank; /* 0: one number per sample */
	size_t dims[CNN_MAX_RANK];
};

/* The memory order of a tensor of shape C x H x W, batch outermost. Shapes of other
 * ranks are always CNN_NCHW, which is then C order. The blocked layouts pad the
 * channels with zeros to a multiple of the block. */
enum cnn_layout { CNN_NCHW, CNN_NHWC, CNN_NCHW8C, CNN_NCHW16C };

struct cnn_format {
	uint32_t dtype;	 /* enum cnn_dtype */
	uint32_t layout; /* enum cnn_layout */
};

/* --- state that changes from step to step ----------------------------------------- */

/* Lies in the device's memory. The ABI's major version fixes its layout. */
struct cnn_state {
	uint64_t seed;	     /* of shuffling and dropout */
	uint64_t updates;    /* parameter updates before this step */
	float loss_scale;    /* 1 except with --amp fp16 */
	uint32_t good_steps; /* since the scale last changed */
	/* Number of this step from 0, including skipped steps */
	uint32_t step;
	/* A gradient is inf or nan: this step updates nothing */
	uint32_t bad;
	/* Optimizers multiply gradients by it: 1 / loss_scale, less if they are
	 * clipped */
	float grad_scale;
	uint32_t unused;
	double lr;     /* of this step: rates[rate] */
	uint32_t rate; /* index into the epoch's rates */
	/* Index of the step's first sample in the epoch's order */
	uint32_t cursor;
};

/* Sums over the samples of a microbatch or of a batch. */
struct cnn_result {
	double loss; /* unscaled, of all losses of the net */
	double hits; /* of its first loss */
};

/* What a step gave. */
struct cnn_step_record {
	double loss, hits; /* sums over the batch */
	uint32_t skipped;  /* `bad` was set */
	uint32_t step;
	float loss_scale; /* used in this step */
	uint32_t unused;
};

/* --- services of the host --------------------------------------------------------- */

/* An executor's own, or made for one call. A process may have several. */
struct cnn_host {
	uint32_t size;
	uint16_t abi_major, abi_minor;
	void *context; /* private to the host */

	/* Sets the host's error message (the first one stays) and returns code. May be
	 * called from any thread. */
	int (*fail)(const struct cnn_host *, int code, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
	/* Prints a message for the user, from -v (level 2) on. May be called from any
	 * thread. */
	void (*log)(const struct cnn_host *, int level, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
	/* 64-byte aligned memory of the CPU. On failure it sets the message and returns
	 * NULL. */
	void *(*alloc)(const struct cnn_host *, size_t bytes);
	void (*free)(const struct cnn_host *, void *); /* NULL is fine */
	/* Uniforms in [0, 1), elements first .. first + n - 1 of the sequence
	 * (seed, stream, step): Philox4x32-10, the same on every device. */
	void (*uniform)(uint64_t seed, uint32_t stream, uint32_t step, uint64_t first,
	    size_t n, float *out);
	/* An object that the kernels of one executor share on its device (an engine, a
	 * handle). The first request makes it with create(); it is destroyed after all
	 * instances, before the device closes. Not allowed during forward or
	 * backward. */
	int (*service)(const struct cnn_host *, const char *key,
	    int (*create)(const struct cnn_host *, void **object),
	    void (*destroy)(void *object), void **object);
	/* The highest instruction set that a CPU plugin may use: "sse41", "avx2",
	 * "avx512", "avx512_bf16", "amx_bf16"; NULL: no limit. */
	const char *isa;
	uint32_t policy; /* enum cnn_policy */
	/* Choices between equal kernels that were made by timing, stored with the
	 * model. `key` names the choice. recall: *value = the stored choice, CNN_END if
	 * there is none. remember: stores a new one. Not during forward or backward. */
	int (*recall)(const struct cnn_host *, const char *key, uint64_t *value);
	int (*remember)(const struct cnn_host *, const char *key, uint64_t value);
};

enum cnn_policy {
	CNN_POLICY_FAST = 1,  /* results may differ from run to run */
	CNN_POLICY_TF32 = 2,  /* float products may be rounded to tf32 */
	CNN_POLICY_TUNE = 4,  /* time the candidates, remember the fastest */
	CNN_POLICY_CHECK = 8, /* wait for each piece of work and check it */
};

/* --- arguments of layers and optimizers ------------------------------------------- */

enum cnn_arg_type {
	CNN_ARG_INT,	/* kernel=3            -> i */
	CNN_ARG_PAIR,	/* kernel=3, kernel=3x5 -> i (H), j (W) */
	CNN_ARG_FLOAT,	/* p=0.5               -> f */
	CNN_ARG_BOOL,	/* bias=false          -> i */
	CNN_ARG_CHOICE, /* mode=bilinear       -> i, its number */
	CNN_ARG_LIST,	/* pad=1,1,2,2         -> list, count */
};

struct cnn_arg {
	const char *name; /* PyTorch's name for it */
	uint32_t type;	  /* enum cnn_arg_type */
	uint32_t required;
	double initial;	     /* value if it is not given */
	double min, max;     /* both inclusive */
	const char *choices; /* CHOICE: "nearest|bilinear" */
	/* The argument whose value is the default; NULL: initial is */
	const char *like;
};

struct cnn_arg_value {
	int64_t i, j;
	double f;
	uint32_t given;
	uint32_t count; /* LIST: 0 if it is not given */
	int64_t list[CNN_MAX_LIST];
};

/* --- layer types: shapes, parameters ---------------------------------------------- */

enum cnn_layer_flags {
	CNN_LAYER_ACROSS_SAMPLES = 1, /* training needs the whole batch */
	CNN_LAYER_TRAINING_ONLY = 2,  /* identity outside training */
	/* Takes a prediction and a target. Its output has two numbers a sample: the
	 * loss, and the hits: the share of the sample that is right, NaN if that has no
	 * meaning */
	CNN_LAYER_LOSS = 4,
	CNN_LAYER_HALF = 8, /* runs in half under --amp */
	/* Runs in float under --amp; layers with neither flag keep the type of their
	 * input */
	CNN_LAYER_FLOAT = 16,
};

enum cnn_param_kind { CNN_PARAM_TRAINABLE, CNN_PARAM_BUFFER };
enum cnn_init { CNN_INIT_CONSTANT, CNN_INIT_UNIFORM };

struct cnn_param {
	char name[32];		/* "weight": the part after "NODE." */
	struct cnn_shape shape; /* in PyTorch's layout, float */
	uint32_t kind;		/* enum cnn_param_kind */
	uint32_t init;		/* enum cnn_init */
	double value;		/* the constant, or b of U(-b, b) */
};

/* One node. Its arguments follow the order of its definition's table. */
struct cnn_node {
	uint32_t size;
	const char *name, *type;
	const struct cnn_arg_value *args;
	uint32_t input_count;
	struct cnn_shape inputs[CNN_MAX_INPUTS];
	struct cnn_shape output; /* set before params() is called */
	uint32_t random_stream;	 /* this node's, for host->uniform */
};

struct cnn_layer_def {
	uint32_t size;
	const char *type;    /* [a-z][a-z0-9_]* */
	const char *summary; /* one line, for users */
	const struct cnn_arg *args;
	uint32_t arg_count;
	uint32_t min_inputs, max_inputs;
	uint32_t flags; /* enum cnn_layer_flags */
	/* Bit i: input i takes indices: CNN_I32, of a field of the data, without a
	 * gradient. The other inputs take real numbers. */
	uint32_t index_inputs;
	/* *out = the output's shape. An error message states what does not fit and
	 * gives the shapes. */
	int (*infer)(const struct cnn_host *, const struct cnn_node *,
	    struct cnn_shape *out);
	/* Describes the parameters, at most CNN_MAX_PARAMS. NULL: the type has none. */
	int (*params)(const struct cnn_host *, const struct cnn_node *,
	    struct cnn_param *params, uint32_t *count);
	/* Floating-point operations of one sample's forward pass; a multiply-add counts
	 * as two. NULL: one per output element. */
	double (*flops)(const struct cnn_node *);
	/* The indices that input i takes are 0 .. limit - 1: the host checks the data.
	 * Needed if there are index_inputs. */
	size_t (*index_limit)(const struct cnn_node *, uint32_t input);
	/* (optional) The least number of samples in a batch of training; NULL: 1. */
	uint32_t (*min_batch)(const struct cnn_node *);
};

/* --- kernels: how a device computes a run ----------------------------------------- */

struct cnn_edge {
	struct cnn_shape shape;
	struct cnn_format format; /* as its producer gives it */
	uint32_t wants_gradient;  /* backward must fill grad_in */
};

/* The run that a kernel is asked to compute. */
struct cnn_run {
	uint32_t size;
	uint32_t node_count;
	const struct cnn_node *nodes; /* in order: each feeds the next one */
	/* What comes from outside: the inputs of the first node, then those of later
	 * nodes that are not the node before. */
	uint32_t input_count;
	const struct cnn_edge *inputs;
	struct cnn_shape output; /* of the last node */
	uint32_t param_count;	 /* of all nodes, in order */
	const struct cnn_param *params;
	/* Type to compute in: inputs and output must have it (indices are CNN_I32, a
	 * loss's output is always float). CNN_F64 only in tests; then every buffer of
	 * real numbers is double, parameters included */
	uint32_t dtype;
	uint32_t batch;	   /* most samples in one call */
	uint32_t workers;  /* threads that may call concurrently */
	uint32_t training; /* backward will be called */
};

enum cnn_plan_flags {
	CNN_KEEP_INPUT = 1,	  /* backward reads in[]: keep it */
	CNN_KEEP_OUTPUT = 2,	  /* backward reads out: keep it */
	CNN_INPLACE_FORWARD = 4,  /* out may be in[0] */
	CNN_INPLACE_BACKWARD = 8, /* grad_in[0] may be grad_out */
};

/* The kernel's answer. The host zeroes it except `size`, the formats (initially the
 * offered ones, with the output's layout as of inputs[0]) and param_counts (the
 * elements of the plain shapes). */
struct cnn_plan {
	uint32_t size;
	uint32_t flags; /* enum cnn_plan_flags */
	/* That this run needs: the host reorders inputs that differ */
	struct cnn_format inputs[CNN_MAX_INPUTS];
	struct cnn_format output;		/* that this run gives */
	size_t saved_bytes;			/* kept from forward to its backward */
	size_t scratch_bytes;			/* used during one call */
	size_t packed_bytes;			/* made by pack() once per step */
	size_t param_counts[CNN_MAX_PARAMS];	/* elements in this run's own layout */
	size_t reduce_forward, reduce_backward; /* doubles, across_samples only */
};

/* One call. A gradient has the format of its tensor. Parameters, their gradients and
 * moments have the run's own layout with zero padding, and are float whatever type the
 * run computes in. */
struct cnn_call {
	uint32_t size;
	uint32_t worker;  /* 0 .. workers - 1 */
	uint32_t samples; /* in this call, 1 .. batch */
	uint32_t training;
	const void *const *in; /* [input_count] */
	void *out;
	const void *grad_out;
	void *const *grad_in;	  /* NULL if no gradient is wanted */
	void *const *params;	  /* [param_count] */
	void *const *grad_params; /* [param_count]; NULL for buffers */
	const void *packed;
	void *saved;
	void *scratch;
	/* A loss's gradient is that of the mean of its losses over `total`, times
	 * state->loss_scale. */
	uint64_t total; /* samples in the whole batch */
	/* For across_samples. partial and reduced may be the same buffer if there is
	 * only one microbatch. */
	double *partial;       /* filled by reduce_* for the microbatch */
	const double *reduced; /* partial of all microbatches: added or combined */
	/* Random numbers use state->seed and state->step, element = (first_sample +
	 * sample) * (elements of one sample) + NCHW index in it. */
	const struct cnn_state *state;
	/* Index of the microbatch's first sample in the batch */
	uint64_t first_sample;
	void *queue;
};

/* A kernel: how a provider computes one run. Functions marked (optional) may be NULL.
 * Threads: forward, backward and reduce_* run on any thread, concurrently for different
 * workers. pack runs on any thread, concurrently for different instances, while none of
 * those runs. All others run on one thread, while none of these runs. */
struct cnn_kernel {
	uint32_t size;
	/* Types of the layers: "conv2d", "conv2d+relu+maxpool2d" */
	const char *run;
	/* The provider's own, or NULL: what kernels with the same functions differ
	 * in */
	const void *data;
	/* Predicts the time that one worker needs for this run: microseconds for
	 * run->batch samples, backward included if run->training. It comes from
	 * constants, and depends on the run, host->isa and what the CPU has, not on
	 * measurements or on the number of workers. 0 or less: cannot compute it. Sets
	 * the formats of the plan, which are initialised as for create(), to those that
	 * create() is likely to set. Must be cheap, and open or build nothing. */
	double (*cost)(const struct cnn_host *, const struct cnn_kernel *,
	    const struct cnn_run *, struct cnn_plan *);
	/* CNN_END: it cannot be computed here after all, as without a library that is
	 * missing. The host then chooses again without this kernel. */
	int (*create)(const struct cnn_host *, const struct cnn_kernel *,
	    const struct cnn_run *, struct cnn_plan *, void **instance);
	void (*destroy)(void *instance); /* NULL is fine */
	/* (optional) Called before the first call with this many samples, so that
	 * forward and backward need not build anything. */
	int (*prepare)(void *instance, uint32_t samples);
	/* (optional, both or neither) Converts a parameter to and from the run's
	 * layout: plain lies in the host's memory, native in the device's. */
	int (*param_import)(void *instance, void *queue, uint32_t index,
	    const float *plain, float *native);
	int (*param_export)(void *instance, void *queue, uint32_t index,
	    const float *native, float *plain);
	/* (optional) packed = f(params), called after each change of the parameters. */
	int (*pack)(void *instance, void *queue, void *const *params, void *packed);
	/* out = f(in), saved = data for backward. */
	int (*forward)(void *instance, const struct cnn_call *);
	/* grad_in = , grad_params = (of this microbatch only). NULL in a kernel that
	 * only evaluates. */
	int (*backward)(void *instance, const struct cnn_call *);
	/* (across_samples, training) partial = the microbatch's terms of what forward
	 * (backward) then reads in `reduced`: sums, or see combine. */
	int (*reduce_forward)(void *instance, const struct cnn_call *);
	int (*reduce_backward)(void *instance, const struct cnn_call *);
	/* (across_samples, training) Called once at the end of a step: buffers in
	 * params += an update from the forward pass's `reduced` over `total` samples;
	 * does nothing if state->bad is set. */
	int (*update_buffers)(void *instance, void *queue,
	    const struct cnn_state *state, const double *reduced, uint64_t total,
	    void *const *params);
	/* (optional) Joins what reduce_forward gave for two groups of samples, the one
	 * in `into` before the other: into = that of both. NULL: they are added. Both
	 * lie in the host's memory. The host calls it along a tree that depends only on
	 * the number of microbatches. */
	void (*combine)(void *instance, double *into, uint64_t into_samples,
	    const double *from, uint64_t from_samples);
};

/* --- optimizers ------------------------------------------------------------------- */

/* What an optimizer is, on any device. */
struct cnn_optimizer_def {
	uint32_t size;
	/* "adam": [a-z][a-z0-9_]*, at most 31 bytes, like the names of arguments */
	const char *name;
	const char *summary; /* one line, for users */
	const struct cnn_arg *args;
	uint32_t arg_count;		      /* 0 .. CNN_MAX_OPTIMIZER_ARGS */
	uint32_t moment_count;		      /* 0 .. CNN_MAX_MOMENTS */
	const char *moments[CNN_MAX_MOMENTS]; /* "m": stored as PARAM@adam.m */
};

struct cnn_update {
	uint32_t size;
	size_t count;  /* elements of each array below */
	float *params; /* += the update */
	const float *grads;
	float *moments[CNN_MAX_MOMENTS]; /* moment_count of them, += */
	/* In the order of the definition's table; in the host's memory */
	const struct cnn_arg_value *args;
	/* Holds lr and the update's number, from 1: updates + 1. Gradients are
	 * multiplied by its grad_scale. If `bad` is set, nothing is changed. */
	const struct cnn_state *state;
	void *queue;
};

/* The code of an optimizer for a device. */
struct cnn_optimizer {
	uint32_t size;
	const char *name; /* "adam" */
	/* Of a new optimizer; NULL: the built-in one of this name */
	const struct cnn_optimizer_def *definition;
	/* Elementwise: any thread may update any slice. */
	int (*update)(const struct cnn_host *, const struct cnn_update *);
};

/* --- devices ---------------------------------------------------------------------- */

struct cnn_device_info {
	uint32_t size;
	char name[128];	  /* "NVIDIA H100 80GB HBM3" */
	char detail[128]; /* capability, driver, ISA */
	uint64_t memory;  /* bytes, 0: unknown */
};

enum cnn_device_flags {
	CNN_DEVICE_OWN_MEMORY = 1, /* host code cannot access it */
	/* One call gets the whole batch, from one thread: the device is parallel
	 * within */
	CNN_DEVICE_WHOLE_BATCH = 2,
};

#define CNN_NORM_BLOCK 4096 /* floats per sum of norm() */

/* One field of a data set, and where its samples go. */
struct cnn_gather_column {
	uint32_t dtype; /* of data, any but bf16 */
	/* CNN_F32, CNN_F16, CNN_BF16, CNN_F64: out = data * scale + offset, rounded
	 * once. CNN_I32: out = data, whole numbers. */
	uint32_t out_dtype;
	const void *data; /* [rows][elements] */
	size_t elements;  /* of one sample */
	double scale, offset;
	void *out; /* [samples][elements], in the same order */
};

/* Rows order[state->cursor + first + i] of a data set, i < samples. */
struct cnn_gather {
	uint32_t size;
	uint32_t first, samples;
	uint32_t column_count;
	const struct cnn_gather_column *columns;
	const uint32_t *order; /* NULL: row number i is i */
};

/* The end of a step: its record, and the state of the next step. */
struct cnn_advance {
	uint32_t size;
	uint32_t samples, microbatches; /* in the step */
	/* Adjust the loss scale like PyTorch's GradScaler: times 2 after 2000 good
	 * steps, times 0.5 after a bad one */
	uint32_t scaling;
	const struct cnn_result *results; /* [microbatches], added in this order */
	const double *rates;		  /* of the epoch's steps, and one more */
	struct cnn_step_record *records;  /* at [step % record_count]: = */
	uint32_t record_count;
	uint32_t unused;
};

struct cnn_device {
	uint32_t size;
	uint32_t flags;	  /* enum cnn_device_flags */
	const char *name; /* "cpu" */
	/* Describes device number `ordinal`; CNN_EPLUGIN with the reason if there is
	 * none. */
	int (*probe)(const struct cnn_host *, uint32_t ordinal,
	    struct cnn_device_info *);
	int (*open)(const struct cnn_host *, uint32_t ordinal, void **device);
	void (*close)(void *device);
	/* (optional) Checks that it can compute in this element type; CNN_EPLUGIN with
	 * the reason if not. */
	int (*supports)(void *device, uint32_t dtype);
	/* (optional) The one queue of all functions below and of the kernels. */
	void *(*queue)(void *device);
	void *(*alloc)(void *device, size_t bytes); /* zeroed; NULL: error set */
	void (*free)(void *device, void *);
	/* Both are ordered after all work in the queue. When they return, src may be
	 * changed and dst be read. download also reports failures of earlier work in
	 * the queue. */
	int (*upload)(void *device, void *queue, void *dst, const void *src, size_t);
	int (*download)(void *device, void *queue, void *dst, const void *src, size_t);
	/* dst += src, for count elements of a floating-point type. */
	int (*add)(void *device, void *queue, uint32_t dtype, size_t count, void *dst,
	    const void *src);
	/* Microseconds that one worker needs to reorder so many samples; as cost(). */
	double (*reorder_cost)(const struct cnn_shape *, size_t samples,
	    struct cnn_format from, struct cnn_format to);
	/* dst = src in another type and layout; the padding of dst becomes zero. */
	int (*reorder)(void *device, void *queue, const struct cnn_shape *,
	    size_t samples, struct cnn_format from, const void *src,
	    struct cnn_format to, void *dst);
	int (*gather)(void *device, void *queue, const struct cnn_state *,
	    const struct cnn_gather *);
	/* *result = the sums over the samples of what losses gave: losses[i] is
	 * [samples][2], loss and hits. Only the hits of losses[0] are summed. The array
	 * of pointers lies in the host's memory. */
	int (*total)(void *device, void *queue, const float *const *losses,
	    uint32_t loss_count, uint32_t samples, struct cnn_result *result);
	/* sums[i] = the sum of the squares of x[i * CNN_NORM_BLOCK ...], in double, in
	 * an order that depends on `count` alone: one sum per block; the last block may
	 * be shorter. If bad is not NULL, sets bad->bad = 1 if a sum is inf or nan, as
	 * it is if an element of x is; otherwise leaves it. May run on any thread,
	 * concurrently for different x. */
	int (*norm)(void *device, void *queue, size_t count, const float *x,
	    double *sums, struct cnn_state *bad);
	/* state->grad_scale *= most / (n + 1e-6) if that factor is below 1. n, the norm
	 * of the gradients, is sqrt(sum of sums[count]) * grad_scale (PyTorch's
	 * clip_grad_norm_). Adds the sums in pairs, then pairs of pairs, and overwrites
	 * them. */
	int (*clip)(void *device, void *queue, size_t count, double *sums, double most,
	    struct cnn_state *);
	int (*advance)(void *device, void *queue, struct cnn_state *,
	    const struct cnn_advance *);
	/* (optional, all or none) Between capture and captured, the work put into the
	 * queue is recorded and not done. replay puts all of it into the queue. */
	int (*capture)(void *device, void *queue);
	int (*captured)(void *device, void *queue, void **graph);
	int (*replay)(void *device, void *queue, void *graph);
	void (*release)(void *device, void *graph); /* NULL is fine */
	/* (optional, both or neither) mark records the time at which the queue reaches
	 * mark `number`, 0 .. 65535. elapsed waits, and gives the seconds between two
	 * marks. */
	int (*mark)(void *device, void *queue, uint32_t number);
	int (*elapsed)(void *device, uint32_t from, uint32_t to, double *seconds);
};

/* --- communicators ---------------------------------------------------------------- */

/* Memory that a communicator reads and writes. */
#define CNN_MEMORY_HOST 1u
#define CNN_MEMORY_DEVICE 2u /* of the plugin's device */

#define CNN_RANK_LAUNCHER UINT32_MAX /* the launcher says which, as that of MPI does */

/* Joins the processes of one training, its ranks, on one machine or many. It only moves
 * bytes: the host sums gradients and statistics itself, along one fixed tree over all
 * ranks, before the update, between the phases of runs that are across_samples, and at
 * the end of a step. No program uses communicators yet. Until one does, this part of
 * the interface may change.
 *
 * Messages from one rank to another arrive in the order in which they were sent. A
 * message is received whole: both sides name the same number of bytes. If a rank is
 * lost, functions fail with CNN_EIO on all others that wait for it. */
struct cnn_communicator {
	uint32_t size;
	uint32_t memory;  /* CNN_MEMORY_... */
	const char *name; /* "tcp": [a-z][a-z0-9_]* */
	/* Returns when all ranks have joined. address: where they meet, in the
	 * communicator's own words, the same for all. rank: 0 .. ranks - 1. Either both
	 * numbers are given, or both are CNN_RANK_LAUNCHER. */
	int (*open)(const struct cnn_host *, const char *address, uint32_t rank,
	    uint32_t ranks, void **communicator);
	void (*close)(void *communicator);
	uint32_t (*rank)(void *communicator);
	uint32_t (*ranks)(void *communicator);
	/* Begin to move bytes between `data` and the rank `to` or `from`, after the
	 * work that is in the queue. Until wait() the buffer stays as it is, and what
	 * is received must not be read. */
	int (*send)(void *communicator, void *queue, uint32_t to, const void *data,
	    size_t bytes);
	int (*receive)(void *communicator, void *queue, uint32_t from, void *data,
	    size_t bytes);
	/* Work that is put into the queue afterwards begins when all that was sent and
	 * received in it is done. With queue NULL: returns when it is done. */
	int (*wait)(void *communicator, void *queue);
};

/* --- the entry -------------------------------------------------------------------- */

/* What a plugin is, and what it offers. A table without elements is NULL. The elements
 * of a table have one size. */
struct cnn_plugin_entry {
	uint32_t magic; /* CNN_PLUGIN_MAGIC */
	uint16_t abi_major, abi_minor;
	uint32_t size; /* of this struct */
	uint32_t kernel_count, optimizer_count, definition_count, communicator_count;
	const char *name; /* like the file: "pool" */
	const char *version;
	const char *device, *provider; /* like its folders: "cpu", "ref" */
	const struct cnn_kernel *kernels;
	const struct cnn_optimizer *optimizers;
	const struct cnn_layer_def *definitions; /* of new layer types */
	const struct cnn_communicator *communicators;
	const struct cnn_device *device_functions; /* if name is "device" */
};

/* Members of the entry, from an array. */
#define CNN_KERNELS(array) \
	.kernels = (array), .kernel_count = sizeof(array) / sizeof((array)[0])
#define CNN_OPTIMIZERS(array) \
	.optimizers = (array), .optimizer_count = sizeof(array) / sizeof((array)[0])
#define CNN_DEFINITIONS(array) \
	.definitions = (array), .definition_count = sizeof(array) / sizeof((array)[0])
#define CNN_COMMUNICATORS(array) \
	.communicators = (array), \
	.communicator_count = sizeof(array) / sizeof((array)[0])

/* Whether a kernel has combine(), which kernels built for an older version lack. */
static inline int cnn_kernel_combines(const struct cnn_kernel *k)
{
	return k->size >= offsetof(struct cnn_kernel, combine) + sizeof k->combine &&
	    k->combine;
}

#define CNN_EXPORT __attribute__((visibility("default")))
extern const struct cnn_plugin_entry cnn_plugin_entry;

/* Defines a plugin's export, given the members from `name` on. */
#define CNN_PLUGIN_ENTRY(...) \
	CNN_EXPORT const struct cnn_plugin_entry cnn_plugin_entry = { \
		.magic = CNN_PLUGIN_MAGIC, \
		.abi_major = CNN_ABI_MAJOR, \
		.abi_minor = CNN_ABI_MINOR, \
		.size = sizeof(struct cnn_plugin_entry), \
		__VA_ARGS__ \
	}

/* Elements of `samples` samples in a layout, padding included. */
static inline size_t cnn_layout_count(const struct cnn_shape *s, uint32_t layout,
    size_t samples)
{
	size_t block = layout == CNN_NCHW16C ? 16 : layout == CNN_NCHW8C ? 8 : 1;
	size_t n = samples;

	for (uint32_t i = 0; i < s->rank; i++)
		n *= i == 0 && s->rank == 3 ? (s->dims[0] + block - 1) / block * block :
					      s->dims[i];
	return n;
}

#endif
