/* weighted-private.h - what weighted.c and weighted-layout.c share. */
#ifndef ONEDNN_WEIGHTED_PRIVATE_H
#define ONEDNN_WEIGHTED_PRIVATE_H

#include "weighted.h"

enum { WEIGHT, BIAS };

enum pass { FORWARD, BACKWARD_DATA, BACKWARD_WEIGHTS };

/* The weights in the layout that a primitive reads. */
struct view {
	od_desc desc;
	bool packed;	      /* in call->packed, not in the arena */
	size_t offset;	      /* in call->packed */
	struct od_op reorder; /* arena -> view; none: shares another view's */
};

struct weighted {
	struct od od;
	struct weighted_def def;
	struct cnn_shape in, out; /* as f sees them */
	uint32_t dtype, in_layout, out_layout;
	dnnl_format_tag_t weights_tag; /* from which kernels choose the layout */
	bool has_bias, training, wants_gradient;
	od_desc plain, arena, bias; /* float */
	struct view forward, backward;
	struct od_op import, export; /* plain -> arena -> plain */
	size_t mask_bytes;	     /* of scratch: ReLU's gradient */
	struct sized *sizes;	     /* weighted.c's */
};

/* Creates the primitive descriptor of a pass for `samples` samples, in the instance's
 * layouts. If weights is NULL, the kernel chooses from weights_tag. A backward pass
 * belongs to `forward`. */
dnnl_status_t weighted_describe(const struct weighted *, enum pass, uint32_t samples,
    od_desc weights, const_dnnl_primitive_desc_t forward, dnnl_primitive_desc_t *);

/* Chooses the layouts, and creates the descriptors and views, but no primitives.
 * `offered` is the input's layout so far. */
dnnl_status_t weighted_choose(struct weighted *, uint32_t samples, uint32_t offered);

#endif
