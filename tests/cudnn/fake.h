/* fake.h - a cuDNN that computes in plain loops, on the CUDA of tests/hostcuda.
 *
 * As much of the graph API as plugins/cuda/cudnn calls, so that the provider can be
 * held against cpu/ref where there is no GPU: its tensors, places in scratch and
 * packed memory, layouts, parameters and choice of engines. It says nothing of what
 * cuDNN computes. It is strict where cuDNN is not: tensors in an operation graph
 * must have ids of their own, a workspace is overwritten before anything is
 * computed, and an engine that the provider should not have taken fails.
 *
 * Engines, for every graph:
 *   5  mode A's first: NONDETERMINISTIC; fails when it runs
 *   4  mode A's second: TENSOR_CORE; fails when it runs a convolution in f32
 *   3  mode A's third: builds no plan
 *   2  mode A's fourth, the only one for f32; takes 5 ms with $FAKE_CUDNN_SLOW
 *   1  of the fallback mode
 *   0  takes no graph
 * and none has the number in $FAKE_CUDNN_LESS; that in $FAKE_CUDNN_BIG wants 512 MiB
 * for fewer than 8 samples. DGRAD with RELU_BACKWARD behind it is
 * taken in half alone.
 */
#ifndef FAKE_H
#define FAKE_H

#include <cudnn_graph.h>
#include <cuda_runtime.h>
#include <stddef.h>
#include <stdint.h>

#define EXPORT extern "C" __attribute__((visibility("default")))

#define FAKE_ENGINES 6
#define FAKE_MAX_ATTRIBUTES 16
#define FAKE_MAX_BYTES 64                /* of an attribute */

struct fake_attribute {
	int name, type;
	int64_t count;
	unsigned char data[FAKE_MAX_BYTES];
};

/* A descriptor: what was set. */
struct fake {
	int type;
	bool finalized;
	int count;
	struct fake_attribute attributes[FAKE_MAX_ATTRIBUTES];
	int64_t engine;                  /* of an engine, a config, a plan */
	const struct fake *graph;        /* of these */
};

/* What was set, or NULL. */
const void *fake_get(const struct fake *, int name);
int64_t fake_int(const struct fake *, int name);
const struct fake *fake_link(const struct fake *, int name);
const struct fake_attribute *fake_attribute_of(const struct fake *, int name);

/* A graph's operations; a tensor's CUDNN_DATA_*; is a tensor outside the graph of a
 * convolution in float? The bytes that a plan wants. */
int fake_op_count(const struct fake *graph);
const struct fake *fake_op(const struct fake *graph, int i);
int fake_type(const struct fake *tensor);
bool fake_is_float(const struct fake *graph);
int64_t fake_workspace(const struct fake *plan);

struct cudnnContext {
	cudaStream_t stream;
};

/* A tensor in a job. type: CUDNN_DATA_*; p NULL: it isn't there. */
struct fake_view {
	void *p;
	int type;
	int64_t d[4], s[4];
};

/* What kernels are told. */
struct fake_job {
	struct fake_view x, w, y, bias, mask, index;
	int64_t kernel[2], stride[2], padding[2], dilation[2], groups;
	bool relu, max;
};

/* fake-kernels.cu: puts a job into the queue; CUDA's error. kind: the first
 * operation's CUDNN_BACKEND_OPERATION_*_DESCRIPTOR. */
int fake_launch(int kind, const struct fake_job *, void *workspace, size_t bytes,
	void *queue, bool slow);

#endif
