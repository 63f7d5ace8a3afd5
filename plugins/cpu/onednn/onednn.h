/* onednn.h - what the oneDNN plugins share: the engine, primitives that are
 * ready to run on any worker, and the layouts of both sides.
 *
 * One thread. oneDNN must see one thread when a primitive is made and when it
 * runs, on every thread: a new one starts with OpenMP's maximum, and a kernel
 * made for two threads that runs on one waits in a barrier for ever. So every
 * function of a kernel begins with od_one_thread(), the executor having one
 * worker a core already; that also makes the result the same on each of them.
 *
 * Statuses. Functions that build return oneDNN's status; od_fail() turns one
 * into a code with a text, or into CNN_END where oneDNN has no kernel.
 *
 * Costs are constants, measured on one core of a Zen 5. Those for the levels
 * below AVX-512 were measured there too, with --isa.
 */
#ifndef ONEDNN_H
#define ONEDNN_H

#include "compat.h"

#include <cnn/plugin.h>
#include <stdbool.h>

/* What belongs to one instance: its streams, and how messages call it. */
struct od {
	const struct cnn_host *host;
	dnnl_engine_t engine;	    /* the provider's, kept by the host */
	dnnl_primitive_attr_t attr; /* scratch memory comes from the caller */
	dnnl_stream_t *streams;	    /* [workers] */
	uint32_t workers;
	size_t scratch_bytes; /* what calls bring; od_op_create adds */
	char name[80];	      /* "conv1 (conv2d)" */
};

/* A primitive, and for each worker a list of arguments of which only the
 * addresses change from call to call. */
struct od_op {
	const char *what; /* "forward" */
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t primitive; /* NULL: there is none */
	dnnl_exec_arg_t *args;	    /* [workers][arg_count + 1]: scratch last */
	uint32_t arg_count;
	size_t scratch_bytes; /* a worker */
	char *scratch;	      /* [workers], where calls bring none */
};

/* Where a primitive's scratch memory comes from. */
enum od_scratch {
	OD_SCRATCH_PLANNED, /* the call: od->scratch_bytes grows to what it needs */
	OD_SCRATCH_CALL,    /* the call, if od->scratch_bytes do; else its own */
	OD_SCRATCH_OWN,	    /* there is no call */
};

void od_one_thread(void);

/* What the CPU has and the host allows. */
enum od_level {
	OD_SSE41,
	OD_AVX2,   /* AVX2 and FMA */
	OD_AVX512, /* F, BW, DQ, VL */
	OD_BF16,   /* and BF16 */
};
enum od_level od_level(const struct cnn_host *);

/* CNN_F32 or CNN_BF16, the latter where the CPU has instructions for it. */
bool od_supports(const struct cnn_host *, uint32_t dtype);
dnnl_data_type_t od_type(uint32_t dtype);
/* "cpu/onednn: NAME: WHAT: STATUS"; returns the code for it. */
int od_fail(const struct od *, const char *what, dnnl_status_t);

/* The streams are made when workers > 0. */
dnnl_status_t od_open(struct od *, const struct cnn_host *, const char *name,
    const char *type, uint32_t workers);
void od_close(struct od *);
void *od_alloc(const struct od *, size_t bytes); /* zeroed */

/* Makes a primitive of pd, which becomes the op's even if this fails. `args`
 * are its DNNL_ARG_*, in the order in which od_op_run takes the addresses. */
dnnl_status_t od_op_create(struct od *, struct od_op *, const char *what,
    dnnl_primitive_desc_t pd, const int *args, uint32_t arg_count, enum od_scratch);
void od_op_destroy(const struct od *, struct od_op *);
int od_op_run(const struct od *, const struct od_op *, uint32_t worker, void *scratch,
    const void *const *addresses);

/* `to` = `from` in another layout or type. */
dnnl_status_t od_reorder_create(struct od *, struct od_op *, const char *what,
    od_desc from, od_desc to);

/* The descriptor of `samples` samples of a shape: 4-D for images, else 2-D. */
dnnl_status_t od_tensor(od_desc *, const struct cnn_shape *, uint32_t samples,
    uint32_t dtype, dnnl_format_tag_t image_tag);
dnnl_format_tag_t od_tag(uint32_t layout);
/* Which enum cnn_layout an image's descriptor is; false: none of them. */
bool od_layout(od_desc, const struct cnn_shape *, uint32_t samples, uint32_t dtype,
    uint32_t *layout);
/* The blocked layout that the level's kernels like best. */
uint32_t od_blocked_layout(const struct cnn_host *);

/* Whether it is one of the implementations without a kernel of their own. */
bool od_is_slow(const_dnnl_primitive_desc_t);

/* Defines a plugin's entry. Its tables follow. */
#define OD_PLUGIN(NAME, ...) \
	CNN_PLUGIN_ENTRY(.name = (NAME), .version = CNN_VERSION, .device = "cpu", \
	    .provider = "onednn", __VA_ARGS__)

#endif
