/* onednn.h - shared by the oneDNN plugins: the engine, primitives that are ready to run
 * on any worker, and the layouts of the host and of oneDNN.
 *
 * Threads. oneDNN must see one thread when it creates a primitive and when it runs it,
 * on every worker. A new thread starts with OpenMP's maximum, and a kernel made for two
 * threads that runs on one waits in a barrier forever. So every function of a kernel
 * begins with od_one_thread(). The executor already runs one worker per core. With one
 * thread, the result is the same on each of them.
 *
 * Statuses. Functions that build something return oneDNN's status. od_fail() turns it
 * into a return code and a message, or into CNN_END if oneDNN has no kernel.
 *
 * Costs are constants, measured on one core of a Zen 4; those of the levels below
 * AVX-512 too, with --isa.
 */
#ifndef ONEDNN_H
#define ONEDNN_H

#include "compat.h"

#include <cnn/plugin.h>
#include <stdbool.h>

/* The part that all instances have: the streams, and the name in messages. */
struct od {
	const struct cnn_host *host;
	dnnl_engine_t engine;	    /* the provider's, kept by the host */
	dnnl_primitive_attr_t attr; /* scratch memory comes from the caller */
	dnnl_stream_t *streams;	    /* [workers] */
	uint32_t workers;
	size_t scratch_bytes; /* of each call; od_op_create raises it */
	char name[80];	      /* "conv1 (conv2d)" */
};

/* A primitive, with a list of arguments for each worker. Only their addresses change
 * from call to call. */
struct od_op {
	const char *what; /* "forward" */
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t primitive; /* may be NULL */
	dnnl_exec_arg_t *args;	    /* [workers][arg_count + 1]: scratch last */
	uint32_t arg_count;
	size_t scratch_bytes; /* for each worker */
	char *scratch;	      /* [workers]; NULL: the call's is used */
};

/* The source of a primitive's scratch memory. */
enum od_scratch {
	OD_SCRATCH_PLANNED, /* the call's; od->scratch_bytes grows if needed */
	OD_SCRATCH_CALL,    /* the call's if od->scratch_bytes suffice, else its own */
	OD_SCRATCH_OWN,	    /* its own */
};

void od_one_thread(void);

/* The highest level that the CPU has and the host allows. */
enum od_level {
	OD_SSE41,
	OD_AVX2,   /* AVX2 and FMA */
	OD_AVX512, /* F, BW, DQ, VL */
	OD_BF16,   /* and BF16 */
};
enum od_level od_level(const struct cnn_host *);

/* True for CNN_F32, and for CNN_BF16 if the CPU has instructions for it. */
bool od_supports(const struct cnn_host *, uint32_t dtype);
dnnl_data_type_t od_type(uint32_t dtype);
/* Reports "cpu/onednn: NAME: WHAT: STATUS" and returns its code, or only returns
 * CNN_END if the status is dnnl_unimplemented. */
int od_fail(const struct od *, const char *what, dnnl_status_t);

/* Creates streams if workers > 0. */
dnnl_status_t od_open(struct od *, const struct cnn_host *, const char *name,
    const char *type, uint32_t workers);
void od_close(struct od *);
void *od_alloc(const struct od *, size_t bytes); /* zeroed */

/* Creates a primitive from pd. The op owns pd, even if this fails. `args` are its
 * DNNL_ARG_*, in the order in which od_op_run takes the addresses. */
dnnl_status_t od_op_create(struct od *, struct od_op *, const char *what,
    dnnl_primitive_desc_t pd, const int *args, uint32_t arg_count, enum od_scratch);
void od_op_destroy(const struct od *, struct od_op *);
/* Signals wait until it returns. */
int od_op_run(const struct od *, const struct od_op *, uint32_t worker, void *scratch,
    const void *const *addresses);

/* Creates the op that copies `from` to `to` in another layout or type. */
dnnl_status_t od_reorder_create(struct od *, struct od_op *, const char *what,
    od_desc from, od_desc to);

/* Creates the descriptor of `samples` samples of a shape: 4-D for images, else 2-D. */
dnnl_status_t od_tensor(od_desc *, const struct cnn_shape *, uint32_t samples,
    uint32_t dtype, dnnl_format_tag_t image_tag);
dnnl_format_tag_t od_tag(uint32_t layout);
/* Finds the enum cnn_layout of an image's descriptor; false if there is none. */
bool od_layout(od_desc, const struct cnn_shape *, uint32_t samples, uint32_t dtype,
    uint32_t *layout);
/* The blocked layout that suits the level's kernels best. */
uint32_t od_blocked_layout(const struct cnn_host *);

/* True for oneDNN's reference implementations, which are slow. */
bool od_is_slow(const_dnnl_primitive_desc_t);

/* Defines a plugin's entry. Its tables follow. */
#define OD_PLUGIN(NAME, ...) \
	CNN_PLUGIN_ENTRY(.name = (NAME), .version = CNN_VERSION, .device = "cpu", \
	    .provider = "onednn", __VA_ARGS__)

#endif
