/* convolution.h - a convolution, alone or in a run with its neighbours.
 *
 *   out = conv(in, weight) + bias, then ReLU if it has one
 *   grad_in = conv'(grad, weight); grad_weight = conv'(in, grad);
 *   grad_bias = the sum of grad over samples and places,
 * where grad is grad_out; with ReLU it is 0 where out <= 0. `masked`: grad_out already
 * has these zeros. `gates`: the input is a ReLU's output, and grad_in must be 0 where
 * in <= 0. cuDNN does that in the same kernel if it has an engine for it.
 *
 * In half, `packed` holds weight and bias in half. For a ReLU without a bias, in any
 * type, it holds the zero bias that cuDNN's fused engines need.
 */
#ifndef CUDNN_CONVOLUTION_H
#define CUDNN_CONVOLUTION_H

#include "provider.h"

/* The convolution to compute, derived from the run. */
struct conv_def {
	const char *type; /* of the run, for messages */
	const struct cnn_node *node;
	uint32_t dtype, batch;
	bool relu, masked, gates, training, wants_gradient;
};

struct conv_size;

struct conv {
	struct provider p;
	struct graph_spec spec; /* except kind and n */
	bool relu, masks, gates, bias, training, wants_gradient;
	size_t weights, in, out; /* elements; in and out per sample */
	/* Size of packed, offset of the bias in it */
	size_t packed_bytes, packed_bias;
	size_t scratch_bytes;			/* for a call with `batch` samples */
	size_t grad_weight, partial, workspace; /* offsets in scratch, after grad */
	size_t workspace_bytes;
	struct conv_size *sizes;
};

/* One call; absent buffers are NULL. scratch has scratch_bytes. */
struct conv_call {
	uint32_t samples;
	void *queue;
	const void *in, *out, *grad_out;
	void *grad_in;
	void *const *params, *const *grad_params;
	const void *packed;
	char *scratch;
};

/* True if conv_open() is expected to succeed. Sets no message. */
bool conv_supports(const struct cnn_run *, const struct cnn_node *);
/* Floating-point operations of the node's forward pass over run->batch samples. */
double conv_flops(const struct cnn_run *, const struct cnn_node *);
/* Builds what forward and, in training, backward of `batch` samples need. The caller
 * zeroes the conv before, and calls conv_close() afterwards in any case. */
int conv_open(struct conv *, const struct cnn_host *, const struct conv_def *);
void conv_close(struct conv *);
int conv_prepare(struct conv *, uint32_t samples);
int conv_pack(const struct conv *, void *queue, void *const *params, void *packed);
int conv_forward(const struct conv *, const struct conv_call *, void *out);
int conv_backward(const struct conv *, const struct conv_call *);
/* Only index 0, the weights. */
int conv_import(const struct conv *, void *queue, uint32_t index, const float *plain,
    float *native);
int conv_export(const struct conv *, void *queue, uint32_t index, const float *native,
    float *plain);

#endif
