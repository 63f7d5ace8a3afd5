/* ref.h - shared by the plugins of cpu/ref.
 *
 * `ref` is the reference: every layer in plain C, with its formula above the loop, for
 * NCHW tensors of `real` only. Each file is the plugin of one family. ref-common.c
 * connects them to the host: it fills the plan, and turns a call in bfloat16 or half
 * into the same call on copies in `real`. With -DCNN_REF_DOUBLE real is double; the
 * gradient tests use that build.
 */
#ifndef REF_H
#define REF_H

#include <cnn/plugin.h>
#include <stdbool.h>

#ifdef CNN_REF_DOUBLE
typedef double real;
#define REF_DTYPE CNN_F64
#else
typedef float real;
#define REF_DTYPE CNN_F32
#endif

struct ref;

typedef int ref_function(void *instance, const struct cnn_call *);

/* The functions of one layer type. In the calls that they get, in, out, the gradients
 * and the parameters are `real`, and scratch is theirs alone. */
struct ref_layer {
	/* Of a struct that begins with struct ref */
	size_t instance_size;
	uint32_t flags;	    /* of the plan */
	bool rounds_params; /* in half, also round parameters */
	bool real_only;	    /* never in half */
	/* Nanoseconds that forward and backward take on one core, for each unit of
	 * work: an element of the first input, or what work() counts in a sample. */
	double forward_ns, backward_ns;
	size_t (*work)(const struct cnn_run *); /* (optional) */
	/* (optional) Reads the arguments; sets saved_bytes, scratch_bytes and reduce_*
	 * of the plan. r->in and r->out are already set. */
	int (*plan)(struct ref *r, const struct cnn_run *, struct cnn_plan *);
	ref_function *forward, *backward;
	ref_function *reduce_forward, *reduce_backward; /* (optional) */
};

/* The first member of every instance. */
struct ref {
	const struct cnn_host *host;
	const struct ref_layer *layer;
	uint32_t dtype;
	uint32_t in_count, param_count;
	/* Elements of one sample, in each input and in the output */
	size_t in, out;
	size_t params[CNN_MAX_PARAMS]; /* elements */
	size_t kernel_scratch;	       /* bytes: offset after the half copies */
};

/* The functions of all kernels. The kernel's data is its struct ref_layer. */
double ref_cost(const struct cnn_host *, const struct cnn_kernel *,
    const struct cnn_run *, struct cnn_plan *);
int ref_create(const struct cnn_host *, const struct cnn_kernel *,
    const struct cnn_run *, struct cnn_plan *, void **instance);
void ref_destroy(void *instance);
int ref_forward(void *instance, const struct cnn_call *);
int ref_backward(void *instance, const struct cnn_call *);
int ref_reduce_forward(void *instance, const struct cnn_call *);
int ref_reduce_backward(void *instance, const struct cnn_call *);

/* *bytes = a * b * size, or the error "too large". */
int ref_bytes(const struct ref *, size_t a, size_t b, size_t size, size_t *bytes);

/* c += a b. a is (m,k), b is (k,n), c is (m,n). Element (i,p) of a is a[i * row + p *
 * column], so a may be stored transposed. */
void ref_matmul(real *c, const real *a, size_t row, size_t column, const real *b,
    size_t m, size_t n, size_t k);
/* c += a b'. a is (m,k), b is (n,k), c is (m,n). */
void ref_matmul_t(real *c, const real *a, const real *b, size_t m, size_t n, size_t k);
/* The sum of n elements. */
double ref_sum(const real *x, size_t n);

/* A kernel by its run and its struct ref_layer. Further members of struct cnn_kernel
 * follow. */
#define REF_KERNEL(RUN, LAYER, ...) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .data = &(LAYER), \
		.cost = ref_cost, .create = ref_create, .destroy = ref_destroy, \
		.forward = ref_forward, .backward = ref_backward, __VA_ARGS__ \
	}

/* Defines a plugin's entry. Its lists follow. */
#define REF_PLUGIN(NAME, ...) \
	CNN_PLUGIN_ENTRY(.name = (NAME), .version = CNN_VERSION, .device = "cpu", \
	    .provider = "ref", __VA_ARGS__)

#endif
