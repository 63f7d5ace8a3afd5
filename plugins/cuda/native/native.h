/* native.h - host functions shared by the plugins of cuda/native.
 *
 * A plugin is one .c file per family: the entry, the plans, and for each call the
 * launch of CUDA kernels that kernels.h (conv.h) declares and the .cu files define.
 * During a call, none of this code reads device memory on the host, allocates or waits.
 * So every call can be captured.
 */
#ifndef NATIVE_H
#define NATIVE_H

#include <cnn/plugin.h>
#include <stdbool.h>

/* Returns CNN_OK if error, a cudaError_t, is cudaSuccess; otherwise sets a message with
 * the operation and, if known, the kernel that failed. With CNN_POLICY_CHECK it first
 * waits for the queue, unless the queue is being captured. */
int native_done(const struct cnn_host *, const char *what, int error, void *queue);
/* Makes each later launch wait for its kernel if the policy says so. Called when an
 * instance is created. */
void native_check_launches(const struct cnn_host *);

/* The first member of most layers' instances. */
struct native {
	const struct cnn_host *host;
	uint32_t dtype, layout; /* of all inputs and the output */
	uint32_t in_count;
	/* Elements of one sample, in each input and in the output */
	size_t in, out;
};

/* cost() of layers of one kernel launch, in f32, f16 and bf16, or in f32 only. */
double native_cost(const struct cnn_host *, const struct cnn_kernel *,
    const struct cnn_run *, struct cnn_plan *);
double native_cost_float(const struct cnn_host *, const struct cnn_kernel *,
    const struct cnn_run *, struct cnn_plan *);
/* Estimated microseconds of a run with this many CUDA kernels and, in forward, this
 * many floating-point operations. */
double native_estimate(const struct cnn_run *, int kernels, double flops);
/* *instance = `bytes` zeroed bytes that begin with a struct native. The plan's formats
 * become the first input's type and layout; a blocked layout becomes NHWC. */
int native_create(const struct cnn_host *, const struct cnn_run *, struct cnn_plan *,
    size_t bytes, void **instance);
void native_destroy(void *instance);
/* *bytes = a * b * size, or the error "too large". */
int native_bytes(const struct cnn_host *, size_t a, size_t b, size_t size,
    size_t *bytes);
/* dst = src, unless they are the same buffer. */
int native_copy(const struct cnn_host *, void *dst, const void *src, size_t bytes,
    void *queue);

static inline bool native_is_half(uint32_t dtype)
{
	return dtype == CNN_F16 || dtype == CNN_BF16;
}

static inline size_t native_size(uint32_t dtype)
{
	return native_is_half(dtype) ? 2 : 4;
}

/* A kernel by its run, the prefix of its functions and its cost. Further members of
 * struct cnn_kernel follow. */
#define NATIVE_KERNEL(RUN, PREFIX, COST, ...) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .cost = (COST), \
		.create = PREFIX##_create, .destroy = native_destroy, \
		.forward = PREFIX##_forward, .backward = PREFIX##_backward, \
		__VA_ARGS__ \
	}

/* Defines a plugin's entry. Its tables follow. */
#define NATIVE_PLUGIN(NAME, ...) \
	CNN_PLUGIN_ENTRY(.name = (NAME), .version = CNN_VERSION, .device = "cuda", \
	    .provider = "native", __VA_ARGS__)

#endif
