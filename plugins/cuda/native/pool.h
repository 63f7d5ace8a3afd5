/* pool.h - reads the arguments of maxpool2d and avgpool2d. */
#ifndef NATIVE_POOL_H
#define NATIVE_POOL_H

#include "kernels.h"
#include "native.h"

/* in (C,H,W), out (C,OH,OW). */
struct pool {
	struct native native;
	struct native_pool shape;
};

static inline int pool_create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	enum { KERNEL, STRIDE, PADDING };
	const struct cnn_arg_value *a = run->nodes[0].args;
	const struct cnn_arg_value *kernel = &a[KERNEL], *padding = &a[PADDING];
	const struct cnn_arg_value *stride = &a[STRIDE];
	const size_t *in = run->inputs[0].shape.dims, *out = run->output.dims;
	int code = native_create(host, run, plan, sizeof(struct pool), instance);
	struct pool *p = *instance;

	if (code != CNN_OK)
		return code;
	p->shape = (struct native_pool){
		.c = (uint32_t)in[0], .h = (uint32_t)in[1], .w = (uint32_t)in[2],
		.oh = (uint32_t)out[1], .ow = (uint32_t)out[2],
		.kernel = { (uint32_t)kernel->i, (uint32_t)kernel->j },
		.stride = { (uint32_t)stride->i, (uint32_t)stride->j },
		.padding = { (uint32_t)padding->i, (uint32_t)padding->j },
		.is_nhwc = p->native.layout == CNN_NHWC,
	};
	return CNN_OK;
}

#endif
