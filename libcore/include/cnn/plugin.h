/* cnn/plugin.h - the contract between the host and its plugins, cnn-plugin(7).
 *
 * A plugin is one shared object whose only export is the constant
 * cnn_plugin_entry. It includes this header and C headers, imports no symbol
 * from the host, keeps no globals, and neither prints, exits nor aborts: what
 * it needs it gets through struct cnn_host, and its functions return CNN_OK or
 * a negative code whose text they left with host->fail().
 *
 * Every struct that crosses the border begins with its size, set by the side
 * that made it. Minor versions only append members, and a reader looks at
 * `size` before it reads a member that its own version did not begin with.
 *
 * Words used below.
 *   sample    one element of axis 0. Shapes here never have the sample axis.
 *   shard     the samples of one call: all of a batch on a GPU, at most
 *             --shard-size of them on the CPU.
 *   run       one layer, or a chain of layers one provider computes as one.
 *   =         the function overwrites the buffer.
 *   +=        the function adds to it.
 *   queue     what a device does its work in, in order and perhaps later: a CUDA
 *             stream; NULL on the CPU, where a function has done its work when
 *             it returns.
 * Buffers are 64-byte aligned, lie in the device's memory and belong to the host.
 * Where a device can capture(), all that the functions called for a step put into
 * the queue is recorded once and replayed as often as there are steps: addresses
 * and sizes stay, and whatever changes is read from struct cnn_state by the work
 * itself, on the device.
 */
#ifndef CNN_PLUGIN_H
#define CNN_PLUGIN_H

#include <cnn/types.h>
#include <stddef.h>
#include <stdint.h>

#define CNN_PLUGIN_MAGIC 0x314e4e43u     /* "CNN1" */
#define CNN_ABI_MAJOR 2
#define CNN_ABI_MINOR 0

#define CNN_MAX_INPUTS 8                 /* inputs of one node */
#define CNN_MAX_PARAMS 8                 /* parameters of one run */
#define CNN_MAX_RUN 8                    /* nodes of one run */

struct cnn_shape {
	uint32_t rank;                       /* 0: one number a sample */
	size_t dims[CNN_MAX_RANK];
};

/* How a tensor of shape C x H x W lies in memory, batch outermost. Shapes of
 * other ranks are always CNN_NCHW, that is C order. In the blocked layouts the
 * channels are padded with zeros to a multiple of the block. */
enum cnn_layout { CNN_NCHW, CNN_NHWC, CNN_NCHW8C, CNN_NCHW16C };

struct cnn_format {
	uint32_t dtype;                      /* enum cnn_dtype */
	uint32_t layout;                     /* enum cnn_layout */
};

/* --- what changes from one step to the next ------------------------------ */

/* In the device's memory. Its layout is that of this ABI's major version. */
struct cnn_state {
	uint64_t seed;                       /* of shuffle and dropout */
	uint64_t updates;                    /* of the parameters, before this step */
	float loss_scale;                    /* 1 but for --amp fp16 */
	uint32_t good_steps;                 /* since the scale last changed */
	uint32_t step;                       /* number of this step from 0, skipped
	                                      * ones counted */
	uint32_t bad;                        /* a gradient is inf or nan: this step
	                                      * updates nothing */
	float grad_scale;                    /* optimizers multiply gradients by it: 1 /
	                                      * loss_scale, less where they are clipped */
	uint32_t unused;
	double lr;                           /* of this step: rates[rate] */
	uint32_t rate;                       /* place in the epoch's rates */
	uint32_t cursor;                     /* and in its order, of the first sample */
};

/* What a shard's samples came to. */
struct cnn_score {
	double loss;                         /* sum over the samples, unscaled */
	uint32_t correct;                    /* largest logit (the first of equals)
	                                      * is the label's */
	uint32_t unused;
};

/* And a step. */
struct cnn_step_record {
	double loss;                         /* sums over the batch */
	uint32_t correct;
	uint32_t skipped;                    /* `bad` was set */
	uint32_t step;
	float loss_scale;                    /* that the step was made with */
};

/* --- what the host offers ---------------------------------------------- */

struct cnn_host {
	uint32_t size;
	uint16_t abi_major, abi_minor;
	void *context;                       /* the host's own */

	/* Leaves a message in the host's error (the first one stays) and returns
	 * code. From any thread. */
	int (*fail)(const struct cnn_host *, int code, const char *fmt, ...)
		__attribute__((format(printf, 3, 4)));
	/* A message for people, shown from -v (level 2) on. From any thread. */
	void (*log)(const struct cnn_host *, int level, const char *fmt, ...)
		__attribute__((format(printf, 3, 4)));
	/* 64-byte aligned memory of the CPU; NULL leaves the message too. */
	void *(*alloc)(const struct cnn_host *, size_t bytes);
	void (*free)(const struct cnn_host *, void *);    /* NULL is fine */
	/* Uniforms in [0, 1), elements first .. first + n - 1 of the sequence
	 * (seed, stream, step): Philox4x32-10, the same on every device. */
	void (*uniform)(uint64_t seed, uint32_t stream, uint32_t step,
		uint64_t first, size_t n, float *out);
	/* An object that a provider's plugins share on the open device (a queue,
	 * an engine, a handle), made by create() when it is first asked for and
	 * kept until the device closes. Not during forward or backward. */
	int (*service)(const struct cnn_host *, const char *key,
		int (*create)(const struct cnn_host *, void **object),
		void (*destroy)(void *object), void **object);
	/* The most that a CPU plugin may use of the instruction set: "sse41",
	 * "avx2", "avx512", "avx512_bf16"; NULL: whatever there is. */
	const char *isa;
	uint32_t policy;                     /* enum cnn_policy */
	/* A choice between equals that was made by timing them, under a name that
	 * says what for: *value as the model has it, CNN_END if it has none; and a
	 * new one for it to keep. Not during forward or backward. */
	int (*recall)(const struct cnn_host *, const char *key, uint64_t *value);
	int (*remember)(const struct cnn_host *, const char *key, uint64_t value);
};

enum cnn_policy {
	CNN_POLICY_FAST = 1,       /* results may differ from run to run */
	CNN_POLICY_TF32 = 2,       /* float products may be rounded to tf32 */
	CNN_POLICY_TUNE = 4,       /* time what there is, remember the fastest */
	CNN_POLICY_CHECK = 8,      /* wait for, and check, each piece of work */
};

/* --- layer types: arguments, shapes, parameters ------------------------- */

enum cnn_arg_type {
	CNN_ARG_INT,                         /* kernel=3            -> i */
	CNN_ARG_PAIR,                        /* kernel=3, kernel=3x5 -> i (H), j (W) */
	CNN_ARG_FLOAT,                       /* p=0.5               -> f */
	CNN_ARG_BOOL,                        /* bias=false          -> i */
};

struct cnn_arg {
	const char *name;                    /* PyTorch's name for it */
	uint32_t type;                       /* enum cnn_arg_type */
	uint32_t required;
	double initial;                      /* value when it is not given */
	double min, max;                     /* both included */
};

struct cnn_arg_value { int64_t i, j; double f; uint32_t given; };

enum cnn_layer_flags {
	CNN_LAYER_ACROSS_SAMPLES = 1,  /* training looks at the whole batch */
	CNN_LAYER_TRAINING_ONLY = 2,   /* the identity outside training */
	CNN_LAYER_LOSS = 4,            /* takes labels, gives a loss a sample */
	CNN_LAYER_HALF = 8,            /* runs in half under --amp */
	CNN_LAYER_FLOAT = 16,          /* runs in float under --amp; layers with
	                                * neither flag take the type that comes */
};

enum cnn_param_kind { CNN_PARAM_TRAINABLE, CNN_PARAM_BUFFER };
enum cnn_init { CNN_INIT_CONSTANT, CNN_INIT_UNIFORM };

struct cnn_param {
	char name[32];                       /* "weight": follows "NODE." */
	struct cnn_shape shape;              /* as PyTorch lays it out, float */
	uint32_t kind;                       /* enum cnn_param_kind */
	uint32_t init;                       /* enum cnn_init */
	double value;                        /* the constant, or b of U(-b, b) */
};

/* One node, its arguments in the order of its definition's table. */
struct cnn_node {
	uint32_t size;
	const char *name, *type;
	const struct cnn_arg_value *args;
	uint32_t input_count;
	struct cnn_shape inputs[CNN_MAX_INPUTS];
	struct cnn_shape output;             /* set before params() is called */
	uint32_t random_stream;              /* this node's, for host->uniform */
};

struct cnn_layer_def {
	uint32_t size;
	const char *type;                    /* [a-z][a-z0-9_]* */
	const char *summary;                 /* one line, for people */
	const struct cnn_arg *args;
	uint32_t arg_count;
	uint32_t min_inputs, max_inputs;
	uint32_t flags;                      /* enum cnn_layer_flags */
	/* *out = the output's shape; says what does not fit, with the shapes. */
	int (*infer)(const struct cnn_host *, const struct cnn_node *,
		struct cnn_shape *out);
	/* The parameters, at most CNN_MAX_PARAMS; NULL: the type has none. */
	int (*params)(const struct cnn_host *, const struct cnn_node *,
		struct cnn_param *params, uint32_t *count);
	/* Floating-point operations of one sample's forward pass, a multiply-add
	 * counted as two; NULL: one an output element. */
	double (*flops)(const struct cnn_node *);
};

/* --- providers: the mathematics of a run on a device --------------------- */

struct cnn_edge {
	struct cnn_shape shape;
	struct cnn_format format;            /* as the producer gives it */
	uint32_t wants_gradient;             /* backward must fill grad_in */
};

/* What a provider is asked to do. */
struct cnn_run {
	uint32_t size;
	uint32_t node_count;
	const struct cnn_node *nodes;        /* in order: each feeds the next */
	uint32_t input_count;                /* of the first node */
	const struct cnn_edge *inputs;
	struct cnn_shape output;             /* of the last node */
	uint32_t param_count;                /* of all nodes, in order */
	const struct cnn_param *params;
	uint32_t dtype;                      /* to compute in: inputs and output
	                                      * must be of this type (a loss's
	                                      * output is always float; CNN_F64 in
	                                      * tests, where every buffer, the
	                                      * parameters' too, is double) */
	uint32_t batch;                      /* most samples of one call */
	uint32_t workers;                    /* threads that call at once */
	uint32_t training;                   /* backward will be called */
};

enum cnn_plan_flags {
	CNN_KEEP_INPUT = 1,        /* backward reads in[]: keep it */
	CNN_KEEP_OUTPUT = 2,       /* backward reads out: keep it */
	CNN_INPLACE_FORWARD = 4,   /* out may be in[0] */
	CNN_INPLACE_BACKWARD = 8,  /* grad_in[0] may be grad_out */
};

/* What it answers. Zeroed by the host but for `size`, the formats (which begin
 * as offered, layout of the output as of inputs[0]) and param_counts (the
 * elements of the plain shapes). */
struct cnn_plan {
	uint32_t size;
	uint32_t flags;                      /* enum cnn_plan_flags */
	struct cnn_format inputs[CNN_MAX_INPUTS];   /* as this run wants them: the
	                                      * host reorders what differs */
	struct cnn_format output;            /* as it gives it */
	size_t saved_bytes;                  /* from forward to its backward */
	size_t scratch_bytes;                /* during one call */
	size_t packed_bytes;                 /* made by pack() once a step */
	size_t param_counts[CNN_MAX_PARAMS]; /* elements as this run keeps them */
	size_t reduce_forward, reduce_backward;  /* doubles, across_samples only */
};

/* One call. Gradients have the format of the tensor they are the gradient of.
 * Parameters, their gradients and moments are in the run's own layout, padding
 * zero, in float whatever the run computes in. */
struct cnn_call {
	uint32_t size;
	uint32_t worker;                     /* 0 .. workers - 1 */
	uint32_t samples;                    /* of this call, 1 .. batch */
	uint32_t training;
	const void *const *in;               /* [input_count] */
	void *out;
	const void *grad_out;
	void *const *grad_in;                /* NULL where none is wanted */
	void *const *params;                 /* [param_count] */
	void *const *grad_params;            /* [param_count]; NULL for buffers */
	const void *packed;
	void *saved;
	void *scratch;
	/* A loss. */
	const int32_t *labels;               /* [samples], each in range; gradients
	                                      * are those of the mean over `total`
	                                      * times state->loss_scale */
	/* across_samples; partial and reduced may be one where the shard is all. */
	uint64_t total;                      /* samples of the whole batch */
	double *partial;                     /* what reduce_* fills for the shard */
	const double *reduced;               /* its sum over all shards */
	/* Random numbers: of state->seed and state->step, element = (first_sample +
	 * sample) * (elements of one sample) + NCHW index in it. */
	const struct cnn_state *state;
	uint64_t first_sample;               /* of the shard, in the batch */
	void *queue;
};

/* The functions of a provider. Those marked (optional) may be NULL. Threads:
 * forward, backward and reduce_* run on any thread, at once on different
 * workers; all others on one thread, while none of those runs. */
struct cnn_provider {
	uint32_t size;
	const char *run;                     /* "conv2d", "conv2d relu maxpool2d" */
	/* How well it would do: 0 not at all; plain C scores 1 a node, a tuned
	 * library 10, a kernel that beats it 20. Cheap: nothing is built. */
	int (*score)(const struct cnn_host *, const struct cnn_run *);
	int (*create)(const struct cnn_host *, const struct cnn_run *,
		struct cnn_plan *, void **instance);
	void (*destroy)(void *instance);     /* NULL is fine */
	/* (optional) Called before the first call with this many samples, so that
	 * forward and backward need not build anything. */
	int (*prepare)(void *instance, uint32_t samples);
	/* (optional, both or neither) A parameter to and from the run's layout:
	 * plain is the host's memory, native the device's. */
	int (*param_import)(void *instance, void *queue, uint32_t index,
		const float *plain, float *native);
	int (*param_export)(void *instance, void *queue, uint32_t index,
		const float *native, float *plain);
	/* (optional) packed = f(params), after each change of the parameters. */
	int (*pack)(void *instance, void *queue, void *const *params, void *packed);
	/* out = f(in), saved = what backward will want. A loss: out[samples]. */
	int (*forward)(void *instance, const struct cnn_call *);
	/* grad_in = , grad_params = (this shard's alone). NULL in a provider that
	 * only evaluates. */
	int (*backward)(void *instance, const struct cnn_call *);
	/* (across_samples, training) partial = the shard's terms of the sums that
	 * forward, and backward, find in `reduced`. */
	int (*reduce_forward)(void *instance, const struct cnn_call *);
	int (*reduce_backward)(void *instance, const struct cnn_call *);
	/* (across_samples, training) Once a step, at its end: buffers in params += from
	 * the forward pass's `reduced` over `total` samples; nothing if state->bad. */
	int (*update_buffers)(void *instance, void *queue, const struct cnn_state *state,
		const double *reduced, uint64_t total, void *const *params);
};

/* --- optimisers ----------------------------------------------------------- */

struct cnn_update {
	uint32_t size;
	size_t count;                        /* elements of each array below */
	float *params;                       /* += the update */
	const float *grads;
	float *moments[4];                   /* moment_count of them, += */
	double momentum, weight_decay;
	/* lr; the update's number, from 1: updates + 1; gradients are multiplied by
	 * grad_scale; and where `bad` is set nothing is to be done. */
	const struct cnn_state *state;
	void *queue;
};

struct cnn_optimizer {
	uint32_t size;
	const char *name;                    /* "adam" */
	uint32_t moment_count;               /* 0 .. 4 */
	const char *moments[4];              /* "m": stored as PARAM@adam.m */
	/* Elementwise: any slice may be updated by any thread. */
	int (*update)(const struct cnn_host *, const struct cnn_update *);
};

/* --- devices -------------------------------------------------------------- */

struct cnn_device_info {
	uint32_t size;
	char name[128];                      /* "NVIDIA H100 80GB HBM3" */
	char detail[128];                    /* capability, driver, ISA */
	uint64_t memory;                     /* bytes, 0: unknown */
};

enum cnn_device_flags {
	CNN_DEVICE_OWN_MEMORY = 1,   /* which host code can't touch */
	CNN_DEVICE_WHOLE_BATCH = 2,  /* a call gets the batch whole, from one thread:
	                              * it is parallel within */
};

#define CNN_NORM_BLOCK 4096              /* floats of one sum of norm() */

/* Rows order[state->cursor + first + i] of a data set, i < samples. */
struct cnn_gather {
	uint32_t size;
	uint32_t dtype;                      /* of data, any but bf16 */
	const void *data;                    /* [rows][elements] */
	const int32_t *labels;               /* [rows], or NULL */
	const uint32_t *order;               /* NULL: row number i is i */
	size_t elements;                     /* of one sample */
	uint32_t first, samples;
	double scale, offset;
	/* out = data * scale + offset, rounded once; NCHW. */
	uint32_t out_dtype;                  /* CNN_F32, CNN_F16, CNN_BF16, CNN_F64 */
	uint32_t unused;
	void *out;                           /* [samples][elements] */
	int32_t *out_labels;                 /* [samples], or NULL */
};

/* The end of a step: its record, and the state that the next begins with. */
struct cnn_advance {
	uint32_t size;
	uint32_t samples, shards;            /* of the step */
	uint32_t scaling;                    /* the loss scale is to move, as PyTorch's
	                                      * GradScaler moves it: times 2 after 2000
	                                      * good steps, times 0.5 after a bad one */
	const struct cnn_score *scores;      /* [shards], added in this order */
	const double *rates;                 /* of the epoch's steps and one more */
	struct cnn_step_record *records;     /* at [step % record_count]: = */
	uint32_t record_count;
	uint32_t unused;
};

struct cnn_device {
	uint32_t size;
	uint32_t flags;                      /* enum cnn_device_flags */
	const char *name;                    /* "cpu" */
	/* Device number `ordinal`; CNN_EPLUGIN with the reason if there is none. */
	int (*probe)(const struct cnn_host *, uint32_t ordinal,
		struct cnn_device_info *);
	int (*open)(const struct cnn_host *, uint32_t ordinal, void **device);
	void (*close)(void *device);
	/* (optional) Can it compute in this element type? CNN_EPLUGIN with the
	 * reason if not. */
	int (*supports)(void *device, uint32_t dtype);
	/* (optional) The one queue, for all functions below and the providers'. */
	void *(*queue)(void *device);
	void *(*alloc)(void *device, size_t bytes);   /* zeroed; NULL: error left */
	void (*free)(void *device, void *);
	/* Behind all that is in the queue. src may be changed, dst be read, when
	 * they return; a download tells of what went wrong in the queue before. */
	int (*upload)(void *device, void *queue, void *dst, const void *src, size_t);
	int (*download)(void *device, void *queue, void *dst, const void *src, size_t);
	/* dst += src, count elements of a floating-point type. */
	int (*add)(void *device, void *queue, uint32_t dtype, size_t count,
		void *dst, const void *src);
	/* dst = src in another type and layout; dst's padding becomes zero. */
	int (*reorder)(void *device, void *queue, const struct cnn_shape *,
		size_t samples, struct cnn_format from, const void *src,
		struct cnn_format to, void *dst);
	int (*gather)(void *device, void *queue, const struct cnn_state *,
		const struct cnn_gather *);
	/* *score = , of logits[samples][classes], labels and losses[samples]. */
	int (*score)(void *device, void *queue, const float *logits, size_t classes,
		const int32_t *labels, const float *losses, uint32_t samples,
		struct cnn_score *score);
	/* sums[i] = the sum of the squares of x[i * CNN_NORM_BLOCK ...], in double and
	 * in an order that only `count` decides: one a block, the last of which may be
	 * shorter. bad, if it is not NULL: ->bad = 1 if one of the sums is inf or nan,
	 * as it is if one of x is; else it stays. On any thread, at once for several x. */
	int (*norm)(void *device, void *queue, size_t count, const float *x,
		double *sums, struct cnn_state *bad);
	/* state->grad_scale *= most / (n + 1e-6) if that is below 1, where n, the norm of
	 * the gradients, is sqrt(sum of sums[count]) * grad_scale (PyTorch's
	 * clip_grad_norm_). Sums are added in pairs, then pairs of pairs; they are used up. */
	int (*clip)(void *device, void *queue, size_t count, double *sums, double most,
		struct cnn_state *);
	int (*advance)(void *device, void *queue, struct cnn_state *,
		const struct cnn_advance *);
	/* (optional, all or none) Between capture and captured, what goes into the
	 * queue is recorded and not done; replay puts all of it there. */
	int (*capture)(void *device, void *queue);
	int (*captured)(void *device, void *queue, void **graph);
	int (*replay)(void *device, void *queue, void *graph);
	void (*release)(void *device, void *graph);   /* NULL is fine */
	/* (optional, both or neither) The time at which the queue came to mark
	 * number 0 .. 65535, and the seconds between two; the latter waits. */
	int (*mark)(void *device, void *queue, uint32_t number);
	int (*elapsed)(void *device, uint32_t from, uint32_t to, double *seconds);
};

/* --- the entry ------------------------------------------------------------- */

enum cnn_plugin_kind {
	CNN_PLUGIN_LAYER = 1,      /* functions: struct cnn_provider */
	CNN_PLUGIN_OPTIMIZER,      /* struct cnn_optimizer */
	CNN_PLUGIN_DEVICE,         /* struct cnn_device */
	CNN_PLUGIN_DEFINITION,     /* none: brings a layer type alone (any/) */
	CNN_PLUGIN_COMMUNICATOR,   /* reserved */
};

struct cnn_plugin_entry {
	uint32_t magic;                      /* CNN_PLUGIN_MAGIC */
	uint16_t abi_major, abi_minor;
	uint32_t size;                       /* of this struct */
	uint32_t kind;                       /* enum cnn_plugin_kind */
	const char *name;                    /* as the file: "conv2d+relu" */
	const char *version;
	const char *device, *provider;       /* as its folders: "cpu", "ref" */
	const void *functions;
	const struct cnn_layer_def *definition;   /* of a new type, or NULL */
};

#define CNN_EXPORT __attribute__((visibility("default")))
extern const struct cnn_plugin_entry cnn_plugin_entry;

/* A plugin's export, given the members from `kind` on. */
#define CNN_PLUGIN_ENTRY(...) \
	CNN_EXPORT const struct cnn_plugin_entry cnn_plugin_entry = { \
		.magic = CNN_PLUGIN_MAGIC, \
		.abi_major = CNN_ABI_MAJOR, .abi_minor = CNN_ABI_MINOR, \
		.size = sizeof(struct cnn_plugin_entry), __VA_ARGS__ \
	}

/* Elements of `samples` samples in a layout, padding included. */
static inline size_t cnn_layout_count(const struct cnn_shape *s, uint32_t layout,
	size_t samples)
{
	size_t block = layout == CNN_NCHW16C ? 16 : layout == CNN_NCHW8C ? 8 : 1;
	size_t n = samples;

	for (uint32_t i = 0; i < s->rank; i++)
		n *= i == 0 && s->rank == 3 ? (s->dims[0] + block - 1) / block * block
			: s->dims[i];
	return n;
}

#endif
