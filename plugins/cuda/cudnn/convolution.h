/* convolution.h - a convolution, alone or in a run with its neighbours.
 *
 *   out = conv(in, weight) + bias, then ReLU if it has one
 *   grad_in = conv'(grad, weight); grad_weight = conv'(in, grad);
 *   grad_bias = the sum of grad over samples and places,
 * where grad is grad_out, with ReLU 0 where out <= 0; `masked`: grad_out is so
 * already. `gates`: the input is a ReLU's output, and grad_in is to be 0 where
 * in <= 0, which cuDNN does in the same kernel where it has an engine for it.
 *
 * In half, `packed` holds weight and bias in half. In float, and for a ReLU without
 * a bias, it holds the zero bias that cuDNN's fused engines want.
 */
#ifndef CUDNN_CONVOLUTION_H
#define CUDNN_CONVOLUTION_H

#include "provider.h"

/* What is computed once the run is known. */
struct conv_def {
	const char *type;                /* of the run, for messages */
	const struct cnn_node *node;
	uint32_t dtype, batch;
	bool relu, masked, gates, training, wants_gradient;
};

struct conv_size;

struct conv {
	struct provider p;
	struct graph_spec spec;          /* but for kind and n */
	bool relu, masks, gates, bias, training, wants_gradient;
	size_t weights, in, out;         /* elements, the last two of a sample */
	size_t packed_bytes, packed_bias;        /* of packed, and where in it */
	size_t scratch_bytes;            /* of a call with `batch` samples */
	size_t grad_weight, partial, workspace;  /* places in scratch, after grad */
	size_t workspace_bytes;
	struct conv_size *sizes;
};

/* One call; what isn't there is NULL. scratch: scratch_bytes. */
struct conv_call {
	uint32_t samples;
	void *queue;
	const void *in, *out, *grad_out;
	void *grad_in;
	void *const *params, *const *grad_params;
	const void *packed;
	char *scratch;
};

/* Whether conv_open() may be expected to work. Leaves no message. */
bool conv_supports(const struct cnn_run *, const struct cnn_node *);
/* Makes what forward and, in training, backward of `batch` samples need. The conv
 * is zeroed before; conv_close() afterwards, whatever it returns. */
int conv_open(struct conv *, const struct cnn_host *, const struct conv_def *);
void conv_close(struct conv *);
int conv_prepare(struct conv *, uint32_t samples);
int conv_pack(const struct conv *, void *queue, void *const *params, void *packed);
int conv_forward(const struct conv *, const struct conv_call *, void *out);
int conv_backward(const struct conv *, const struct conv_call *);
/* index 0: the weights. */
int conv_import(const struct conv *, void *queue, uint32_t index, const float *plain,
	float *native);
int conv_export(const struct conv *, void *queue, uint32_t index, const float *native,
	float *plain);

#endif
