/* fake.h - a cuDNN that computes in plain loops, on the CUDA of tests/hostcuda.
 *
 * It has the part of the graph API that plugins/cuda/cudnn calls, so that the provider
 * can be compared with cpu/ref without a GPU: its tensors, its offsets in scratch and
 * packed memory, layouts, parameters and choice of engines. It does not show what cuDNN
 * computes. It is stricter than cuDNN: tensors in an operation graph must have distinct
 * ids, a workspace is overwritten before anything is computed, and an engine that the
 * provider should not have chosen fails.
 *
 * Engines, for every graph:
 *   5  mode A's first: NONDETERMINISTIC; fails when it runs
 *   4  mode A's second: TENSOR_CORE; fails when it runs a convolution in f32
 *   3  mode A's third: builds no plan
 *   2  mode A's fourth, the only one for f32; takes 5 ms with $FAKE_CUDNN_SLOW
 *   1  of the fallback mode
 *   0  supports no graph
 * The engine with the number in $FAKE_CUDNN_LESS does not exist. The one in
 * $FAKE_CUDNN_BIG needs 512 MiB for fewer than 8 samples. DGRAD followed by
 * RELU_BACKWARD is supported only in half.
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
#define FAKE_MAX_BYTES 64 /* per attribute */

struct fake_attribute {
	int name, type;
	int64_t count;
	unsigned char data[FAKE_MAX_BYTES];
};

/* A descriptor: the attributes that were set. */
struct fake {
	int type;
	bool finalized;
	int count;
	struct fake_attribute attributes[FAKE_MAX_ATTRIBUTES];
	int64_t engine;		  /* for an engine, a config, a plan */
	const struct fake *graph; /* for these as well */
};

/* The value of an attribute, or NULL. */
const void *fake_get(const struct fake *, int name);
int64_t fake_int(const struct fake *, int name);
const struct fake *fake_link(const struct fake *, int name);
const struct fake_attribute *fake_attribute_of(const struct fake *, int name);

/* A graph's operations; a tensor's CUDNN_DATA_*; true if a tensor outside the graph of
 * a convolution is float; the bytes that a plan needs. */
int fake_op_count(const struct fake *graph);
const struct fake *fake_op(const struct fake *graph, int i);
int fake_type(const struct fake *tensor);
bool fake_is_float(const struct fake *graph);
int64_t fake_workspace(const struct fake *plan);

struct cudnnContext {
	cudaStream_t stream;
};

/* A tensor of a job. type: CUDNN_DATA_*; p NULL: absent. */
struct fake_view {
	void *p;
	int type;
	int64_t d[4], s[4];
};

/* The arguments of the kernels. */
struct fake_job {
	struct fake_view x, w, y, bias, mask, index;
	int64_t kernel[2], stride[2], padding[2], dilation[2], groups;
	bool relu, max;
};

/* fake-kernels.cu: puts a job into the queue; returns CUDA's error. kind: the first
 * operation's CUDNN_BACKEND_OPERATION_*_DESCRIPTOR. */
int fake_launch(int kind, const struct fake_job *, void *workspace, size_t bytes,
    void *queue, bool slow);

#endif
