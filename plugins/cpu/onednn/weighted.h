/* weighted.h - layers with weights: convolutions and inner products.
 *
 *   out = f(in, weights) + bias, then ReLU if the run asks for it
 *   grad_in = f's transpose (grad_out, weights)
 *   grad_weights, grad_bias = sums over the microbatch's samples
 *
 * The layouts are chosen once, for a full microbatch, and kept for smaller ones.
 * Activations have the layout that suits the forward kernel best, if it is one of enum
 * cnn_layout. The weights in the parameter arena have the layout in which their
 * gradient is computed, so that no microbatch reorders a gradient. Without training
 * they have forward's. If forward or the input's gradient needs another layout, pack()
 * converts the weights once a step.
 */
#ifndef ONEDNN_WEIGHTED_H
#define ONEDNN_WEIGHTED_H

#include "onednn.h"

/* A layer's description: the plain shape of the weights, whose last dimensions are the
 * input's, and the window of a convolution. */
struct weighted_def {
	const char *type;
	bool convolution, relu;
	struct od_window window;
	int weight_ndims;
	dnnl_dims_t weight_dims;
	struct cnn_shape in; /* as f sees it */
};

int weighted_create(const struct cnn_host *, const struct cnn_run *,
    const struct weighted_def *, struct cnn_plan *, void **instance);

/* The other functions of a kernel, as in cnn/plugin.h. */
void weighted_destroy(void *instance);
int weighted_prepare(void *instance, uint32_t samples);
int weighted_param_import(void *instance, void *queue, uint32_t index,
    const float *plain, float *native);
int weighted_param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain);
int weighted_pack(void *instance, void *queue, void *const *params, void *packed);
int weighted_forward(void *instance, const struct cnn_call *);
int weighted_backward(void *instance, const struct cnn_call *);

/* A kernel by its run and its data. The file has cost() and create(). */
#define WEIGHTED_KERNEL(RUN, DATA) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .data = &(DATA), \
		.cost = cost, .create = create, .destroy = weighted_destroy, \
		.prepare = weighted_prepare, .param_import = weighted_param_import, \
		.param_export = weighted_param_export, .pack = weighted_pack, \
		.forward = weighted_forward, .backward = weighted_backward, \
	}

#endif
