/* compat.h - oneDNN 2.x and 3.x behind one set of names.
 *
 * oneDNN 3 made memory descriptors opaque objects, dropped the operation descriptors
 * and changed two signatures. Only compat.c and compat.h depend on the version. The
 * other files call directly what both versions have in common (primitives, memories,
 * streams, queries).
 */
#ifndef ONEDNN_COMPAT_H
#define ONEDNN_COMPAT_H

#include "library.h"

/* A memory descriptor; it never changes. Those that a query returns belong to the
 * primitive descriptor, and live as long as it does. */
#if DNNL_VERSION_MAJOR < 3
typedef const dnnl_memory_desc_t *od_desc;
#else
typedef const_dnnl_memory_desc_t od_desc;
#endif

/* How a window slides over H x W; oneDNN counts a dense kernel as dilation 0. */
struct od_window {
	dnnl_dims_t kernel, stride, dilation, padding;
};

/* The tensors of a convolution, or (if window is NULL) of an inner product. Their
 * gradients have the same formats. bias may be NULL. */
struct od_operands {
	od_desc src, weights, bias, dst;
	const struct od_window *window;
};

dnnl_status_t od_desc_create(od_desc *, int ndims, const dnnl_dims_t dims,
    dnnl_data_type_t, dnnl_format_tag_t);
dnnl_status_t od_desc_clone(od_desc *, od_desc);
void od_desc_destroy(od_desc); /* NULL is fine */

/* out = ReLU of the primitive's result. */

/* Create primitive descriptors. `forward` is the forward pass that a backward pass
 * belongs to. */
dnnl_status_t od_forward(dnnl_primitive_desc_t *, dnnl_engine_t, dnnl_prop_kind_t,
    const struct od_operands *, const_dnnl_primitive_attr_t);
dnnl_status_t od_backward_data(dnnl_primitive_desc_t *, dnnl_engine_t,
    const struct od_operands *, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t);
dnnl_status_t od_backward_weights(dnnl_primitive_desc_t *, dnnl_engine_t,
    const struct od_operands *, const_dnnl_primitive_desc_t forward,
    const_dnnl_primitive_attr_t);
dnnl_status_t od_pool_forward(dnnl_primitive_desc_t *, dnnl_engine_t, dnnl_prop_kind_t,
    dnnl_alg_kind_t, od_desc src, od_desc dst, const struct od_window *,
    const_dnnl_primitive_attr_t);
dnnl_status_t od_pool_backward(dnnl_primitive_desc_t *, dnnl_engine_t, dnnl_alg_kind_t,
    od_desc src, od_desc dst, const struct od_window *,
    const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t);

#endif
