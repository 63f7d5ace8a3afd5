/* graphs.h - cuDNN's operation graphs: the computation, independent of the engine.
 *
 * A graph is first plain data, which graph_describe() makes from a layer's arguments.
 * graph_check() then checks it against the layer's formulas, since cuDNN accepts
 * tensors with the same id, channel counts that silently imply other groups, and sizes
 * that no window gives. graph_build() makes cuDNN's descriptors, after
 * cudnn_library_open(). None of this needs a GPU, a driver or the CUDA runtime.
 *
 * Tensors are N x C x H x W, stored as NHWC. Weights are O x C/groups x KH x KW, stored
 * as O, KH, KW, C/groups. A tensor's id states its role. The gradient of a tensor has
 * that tensor's id: GRAPH_DGRAD computes GRAPH_X.
 *
 * Functions return CNN_OK or a code, with the reason in struct graph_error.
 */
#ifndef CUDNN_GRAPHS_H
#define CUDNN_GRAPHS_H

#include "library.h"

#include <cnn/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRAPH_MAX_TENSORS 6
#define GRAPH_MAX_OPS 3
/* bytes; a lower value excludes most engines */
#define GRAPH_ALIGNMENT 16
/* elements of a window: an index is stored in a signed byte */
#define GRAPH_MAX_INDEX 127

struct graph_error {
	char text[240];
};

/* Sets the text and returns code. */
int graph_fail(struct graph_error *, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with cuDNN's text for the status. */
int graph_fail_status(struct graph_error *, cudnnStatus_t, const char *what);

enum graph_kind {
	GRAPH_CONV,		/* y = conv(x, w) */
	GRAPH_CONV_BIAS,	/* y = conv(x, w) + bias */
	GRAPH_CONV_BIAS_RELU,	/* y = max(conv(x, w) + bias, 0) */
	GRAPH_DGRAD,		/* dx = conv'(dy, w) */
	GRAPH_DGRAD_RELU,	/* dx = conv'(dy, w) where mask > 0, else 0 */
	GRAPH_WGRAD,		/* dw = conv'(x, dy) */
	GRAPH_MAXPOOL,		/* y = pool(x) */
	GRAPH_MAXPOOL_INDEX,	/* y, index = pool(x) */
	GRAPH_MAXPOOL_BACKWARD, /* dx = pool'(dy, index) */
	GRAPH_AVGPOOL,		/* padding counts as zeros */
	GRAPH_AVGPOOL_BACKWARD,
	GRAPH_KIND_COUNT
};
extern const char *const graph_kind_names[GRAPH_KIND_COUNT];

/* The layer: out[n][o][oh][ow] of in[n][c][h][w]. Pooling: o = c, no groups. */
struct graph_spec {
	enum graph_kind kind;
	uint32_t dtype; /* CNN_F32, CNN_F16 or CNN_BF16 */
	int64_t n, c, h, w, o, oh, ow;
	int64_t kernel[2], stride[2], padding[2], dilation[2], groups;
};

enum graph_id {
	GRAPH_NONE,
	GRAPH_X,
	GRAPH_W,
	GRAPH_BIAS,
	GRAPH_Y,
	GRAPH_MASK,
	GRAPH_INDEX,
	GRAPH_VIRTUAL, /* this and higher ids: inside the graph */
};

struct graph_tensor {
	int64_t id, dims[4], strides[4], alignment;
	cudnnDataType_t type;
	bool is_virtual;
};

enum graph_op_kind {
	OP_CONV,  /* b: weights */
	OP_DGRAD, /* a: dy, b: weights */
	OP_WGRAD, /* a: x, b: dy */
	OP_ADD,
	OP_RELU,
	OP_RELU_BACKWARD, /* a: dy, b: ReLU's output */
	OP_MAXPOOL,
	OP_AVGPOOL, /* b: the index, or GRAPH_NONE */
	OP_MAXPOOL_BACKWARD,
	OP_AVGPOOL_BACKWARD,
};

/* out = op(a, b), by id. */
struct graph_op {
	enum graph_op_kind kind;
	int64_t a, b, out;
};

struct graph {
	struct graph_spec spec;
	uint32_t tensor_count, op_count;
	struct graph_tensor tensors[GRAPH_MAX_TENSORS];
	struct graph_op ops[GRAPH_MAX_OPS];
	/* cuDNN's descriptors, once built. */
	cudnnBackendDescriptor_t tensor_desc[GRAPH_MAX_TENSORS];
	cudnnBackendDescriptor_t op_desc[GRAPH_MAX_OPS];
	cudnnBackendDescriptor_t window_desc, point_desc[GRAPH_MAX_OPS];
	cudnnBackendDescriptor_t desc;
};

int graph_describe(struct graph *, const struct graph_spec *, struct graph_error *);
int graph_check(const struct graph *, struct graph_error *);
/* handle: the live device's, or NULL for a described device. Call graph_close()
 * afterwards in any case. */
int graph_build(struct graph *, cudnnHandle_t handle, struct graph_error *);
void graph_close(struct graph *);

const struct graph_tensor *graph_find(const struct graph *, int64_t id);
cudnnDataType_t graph_type(uint32_t dtype);

/* cudnnBackendSetAttribute with the error's text; also used by engines.c. */
int graph_set(cudnnBackendDescriptor_t, cudnnBackendAttributeName_t,
    cudnnBackendAttributeType_t, int64_t count, const void *, struct graph_error *);
int graph_create(cudnnBackendDescriptor_t *, cudnnBackendDescriptorType_t,
    struct graph_error *);
int graph_finalize(cudnnBackendDescriptor_t, const char *what, struct graph_error *);

#endif
