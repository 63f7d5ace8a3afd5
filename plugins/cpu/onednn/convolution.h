/* convolution.h - the arguments of a conv2d node, as weighted.h wants them. */
#ifndef ONEDNN_CONVOLUTION_H
#define ONEDNN_CONVOLUTION_H

#include "weighted.h"

static inline struct weighted_def convolution_def(const struct cnn_run *run,
	bool relu)
{
	enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS };
	const struct cnn_arg_value *a = run->nodes[0].args;
	const struct cnn_shape *in = &run->nodes[0].inputs[0];
	dnnl_dim_t groups = a[GROUPS].i;
	dnnl_dim_t weights[] = {
		groups, a[OUT].i / groups, (dnnl_dim_t)in->dims[0] / groups,
		a[KERNEL].i, a[KERNEL].j,
	};
	struct weighted_def def = {
		.type = relu ? "conv2d relu" : "conv2d",
		.convolution = true, .relu = relu,
		.window = {
			.kernel = { a[KERNEL].i, a[KERNEL].j },
			.stride = { a[STRIDE].i, a[STRIDE].j },
			.dilation = { a[DILATION].i - 1, a[DILATION].j - 1 },
			.padding = { a[PADDING].i, a[PADDING].j },
		},
		.weight_ndims = groups > 1 ? 5 : 4,
		.in = *in,
	};

	for (int i = 0; i < def.weight_ndims; i++)
		def.weight_dims[i] = weights[i + 5 - def.weight_ndims];
	return def;
}

#endif
