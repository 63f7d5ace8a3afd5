/* compat.c - see compat.h; the first half is for oneDNN 2, the second for 3. */
#include "compat.h"

#if DNNL_VERSION_MAJOR < 3

#include <stdlib.h>

dnnl_status_t od_desc_create(od_desc *out, int ndims, const dnnl_dims_t dims,
    dnnl_data_type_t type, dnnl_format_tag_t tag)
{
	dnnl_memory_desc_t desc;
	dnnl_status_t status =
	    od_dnnl.memory_desc_init_by_tag(&desc, ndims, dims, type, tag);

	return status == dnnl_success ? od_desc_clone(out, &desc) : status;
}

dnnl_status_t od_desc_clone(od_desc *out, od_desc from)
{
	dnnl_memory_desc_t *copy = malloc(sizeof *copy);

	if (!copy)
		return dnnl_out_of_memory;
	*copy = *from;
	*out = copy;
	return dnnl_success;
}

void od_desc_destroy(od_desc desc)
{
	free((void *)desc);
}

dnnl_status_t od_forward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
    dnnl_prop_kind_t kind, const struct od_operands *x,
    const_dnnl_primitive_attr_t attr)
{
	const struct od_window *w = x->window;
	dnnl_convolution_desc_t conv;
	dnnl_inner_product_desc_t dot;
	dnnl_status_t status = w ?
	    od_dnnl.dilated_convolution_forward_desc_init(&conv, kind,
		dnnl_convolution_direct, x->src, x->weights, x->bias, x->dst, w->stride,
		w->dilation, w->padding, w->padding) :
	    od_dnnl.inner_product_forward_desc_init(&dot, kind, x->src, x->weights,
		x->bias, x->dst);

	if (status != dnnl_success)
		return status;
	return od_dnnl.primitive_desc_create(pd, w ? (void *)&conv : (void *)&dot, attr,
	    engine, NULL);
}

dnnl_status_t od_backward_data(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
    const struct od_operands *x, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t attr)
{
	const struct od_window *w = x->window;
	dnnl_convolution_desc_t conv;
	dnnl_inner_product_desc_t dot;
	dnnl_status_t status = w ?
	    od_dnnl.dilated_convolution_backward_data_desc_init(&conv,
		dnnl_convolution_direct, x->src, x->weights, x->dst, w->stride,
		w->dilation, w->padding, w->padding) :
	    od_dnnl.inner_product_backward_data_desc_init(&dot, x->src, x->weights,
		x->dst);

	if (status != dnnl_success)
		return status;
	return od_dnnl.primitive_desc_create(pd, w ? (void *)&conv : (void *)&dot, attr,
	    engine, forward);
}

dnnl_status_t od_backward_weights(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
    const struct od_operands *x, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t attr)
{
	const struct od_window *w = x->window;
	dnnl_convolution_desc_t conv;
	dnnl_inner_product_desc_t dot;
	dnnl_status_t status = w ?
	    od_dnnl.dilated_convolution_backward_weights_desc_init(&conv,
		dnnl_convolution_direct, x->src, x->weights, x->bias, x->dst, w->stride,
		w->dilation, w->padding, w->padding) :
	    od_dnnl.inner_product_backward_weights_desc_init(&dot, x->src, x->weights,
		x->bias, x->dst);

	if (status != dnnl_success)
		return status;
	return od_dnnl.primitive_desc_create(pd, w ? (void *)&conv : (void *)&dot, attr,
	    engine, forward);
}

dnnl_status_t od_pool_forward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
    dnnl_prop_kind_t kind, dnnl_alg_kind_t algorithm, od_desc src, od_desc dst,
    const struct od_window *w, const_dnnl_primitive_attr_t attr)
{
	dnnl_pooling_desc_t pool;
	dnnl_status_t status = od_dnnl.pooling_forward_desc_init(&pool, kind, algorithm,
	    src, dst, w->stride, w->kernel, w->padding, w->padding);

	if (status != dnnl_success)
		return status;
	return od_dnnl.primitive_desc_create(pd, &pool, attr, engine, NULL);
}

dnnl_status_t od_pool_backward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
    dnnl_alg_kind_t algorithm, od_desc src, od_desc dst, const struct od_window *w,
    const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attr)
{
	dnnl_pooling_desc_t pool;
	dnnl_status_t status = od_dnnl.pooling_backward_desc_init(&pool, algorithm, src,
	    dst, w->stride, w->kernel, w->padding, w->padding);

	if (status != dnnl_success)
		return status;
	return od_dnnl.primitive_desc_create(pd, &pool, attr, engine, forward);
}

#else

dnnl_status_t od_desc_create(od_desc *out, int ndims, const dnnl_dims_t dims,
    dnnl_data_type_t type, dnnl_format_tag_t tag)
{
	dnnl_memory_desc_t desc;
	dnnl_status_t status =
	    od_dnnl.memory_desc_create_with_tag(&desc, ndims, dims, type, tag);

	if (status == dnnl_success)
		*out = desc;
	return status;
}

dnnl_status_t od_desc_clone(od_desc *out, od_desc from)
{
	dnnl_memory_desc_t desc;
	dnnl_status_t status = od_dnnl.memory_desc_clone(&desc, from);

	if (status == dnnl_success)
		*out = desc;
	return status;
}

void od_desc_destroy(od_desc desc)
{
	if (desc)
		od_dnnl.memory_desc_destroy((dnnl_memory_desc_t)desc);
}

dnnl_status_t od_forward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
    dnnl_prop_kind_t kind, const struct od_operands *x,
    const_dnnl_primitive_attr_t attr)
{
	const struct od_window *w = x->window;

	return w ? od_dnnl.convolution_forward_primitive_desc_create(pd, engine, kind,
		       dnnl_convolution_direct, x->src, x->weights, x->bias, x->dst,
		       w->stride, w->dilation, w->padding, w->padding, attr) :
		   od_dnnl.inner_product_forward_primitive_desc_create(pd, engine, kind,
		       x->src, x->weights, x->bias, x->dst, attr);
}

dnnl_status_t od_backward_data(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
    const struct od_operands *x, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t attr)
{
	const struct od_window *w = x->window;

	return w ? od_dnnl.convolution_backward_data_primitive_desc_create(pd, engine,
		       dnnl_convolution_direct, x->src, x->weights, x->dst, w->stride,
		       w->dilation, w->padding, w->padding, forward, attr) :
		   od_dnnl.inner_product_backward_data_primitive_desc_create(pd, engine,
		       x->src, x->weights, x->dst, forward, attr);
}

dnnl_status_t od_backward_weights(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
    const struct od_operands *x, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t attr)
{
	const struct od_window *w = x->window;

	return w ?
	    od_dnnl.convolution_backward_weights_primitive_desc_create(pd, engine,
		dnnl_convolution_direct, x->src, x->weights, x->bias, x->dst, w->stride,
		w->dilation, w->padding, w->padding, forward, attr) :
	    od_dnnl.inner_product_backward_weights_primitive_desc_create(pd, engine,
		x->src, x->weights, x->bias, x->dst, forward, attr);
}

dnnl_status_t od_pool_forward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
    dnnl_prop_kind_t kind, dnnl_alg_kind_t algorithm, od_desc src, od_desc dst,
    const struct od_window *w, const_dnnl_primitive_attr_t attr)
{
	return od_dnnl.pooling_forward_primitive_desc_create(pd, engine, kind,
	    algorithm, src, dst, w->stride, w->kernel, w->dilation, w->padding,
	    w->padding, attr);
}

dnnl_status_t od_pool_backward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
    dnnl_alg_kind_t algorithm, od_desc src, od_desc dst, const struct od_window *w,
    const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attr)
{
	return od_dnnl.pooling_backward_primitive_desc_create(pd, engine, algorithm,
	    src, dst, w->stride, w->kernel, w->dilation, w->padding, w->padding,
	    forward, attr);
}

#endif
