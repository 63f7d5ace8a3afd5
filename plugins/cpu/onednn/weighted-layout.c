/* weighted-layout.c - chooses the layouts of a layer with weights, as described in
 * weighted.h, by asking oneDNN. */
#include "weighted-private.h"

/* --- descriptors ------------------------------------------------------------------ */

static dnnl_prop_kind_t prop_kind(const struct weighted *w)
{
	return w->training ? dnnl_forward_training : dnnl_forward_inference;
}

/* Creates the descriptors for `samples` samples. If `weights` is NULL, creates one for
 * them from weights_tag. The caller frees src, dst and, if it was NULL, the weights,
 * with operands_close(). */
static dnnl_status_t operands_open(const struct weighted *w, uint32_t samples,
    dnnl_format_tag_t in, dnnl_format_tag_t out, od_desc weights,
    dnnl_data_type_t weight_type, struct od_operands *x)
{
	dnnl_status_t status;

	*x = (struct od_operands){
		.weights = weights,
		.bias = w->bias,
		.window = w->def.convolution ? &w->def.window : NULL,
	};
	status = od_tensor(&x->src, &w->in, samples, w->dtype, in);
	if (status == dnnl_success)
		status = od_tensor(&x->dst, &w->out, samples, w->dtype, out);
	if (status == dnnl_success && !weights)
		status = od_desc_create(&x->weights, w->def.weight_ndims,
		    w->def.weight_dims, weight_type, w->weights_tag);
	return status;
}

static void operands_close(struct od_operands *x, od_desc weights)
{
	od_desc_destroy(x->src);
	od_desc_destroy(x->dst);
	if (!weights)
		od_desc_destroy(x->weights);
}

static dnnl_status_t make_forward(const struct weighted *w, const struct od_operands *x,
    dnnl_primitive_desc_t *pd)
{
	return od_forward(pd, w->od.engine, prop_kind(w), x, w->od.attr);
}

dnnl_status_t weighted_describe(const struct weighted *w, enum pass pass,
    uint32_t samples, od_desc weights, const_dnnl_primitive_desc_t forward,
    dnnl_primitive_desc_t *pd)
{
	struct od_operands x;
	dnnl_status_t status = operands_open(w, samples, od_tag(w->in_layout),
	    od_tag(w->out_layout), weights,
	    pass == BACKWARD_WEIGHTS ? dnnl_f32 : od_type(w->dtype), &x);

	if (status != dnnl_success)
		;
	else if (pass == FORWARD)
		status = make_forward(w, &x, pd);
	else if (pass == BACKWARD_DATA)
		status = od_backward_data(pd, w->od.engine, &x, forward, w->od.attr);
	else
		status = od_backward_weights(pd, w->od.engine, &x, forward, w->od.attr);
	operands_close(&x, weights);
	return status;
}

static od_desc weights_of(const_dnnl_primitive_desc_t pd, enum pass pass)
{
	return od_dnnl.primitive_desc_query_md(pd,
	    pass == BACKWARD_WEIGHTS ? dnnl_query_diff_weights_md :
				       dnnl_query_weights_md,
	    0);
}

/* --- choosing the layouts --------------------------------------------------------- */

/* Sets the layouts of a convolution to blocks of channels, as neighbours of other
 * providers have them. False if oneDNN has no fast forward kernel for these. Left to
 * itself, it prefers NHWC in inference, which is no faster. */
static bool takes_blocks(struct weighted *w, uint32_t samples)
{
	const uint32_t blocked = od_blocked_layout(w->od.host);
	dnnl_primitive_desc_t pd = NULL;
	struct od_operands x;
	dnnl_status_t status;
	bool fast;

	w->in_layout = w->in.dims[0] > 3 ? blocked : CNN_NCHW;
	w->out_layout = blocked;
	status = operands_open(w, samples, od_tag(w->in_layout), od_tag(w->out_layout),
	    NULL, od_type(w->dtype), &x);
	if (status == dnnl_success)
		status = make_forward(w, &x, &pd);
	operands_close(&x, NULL);
	fast = status == dnnl_success && !od_is_slow(pd);
	if (pd)
		od_dnnl.primitive_desc_destroy(pd);
	return fast;
}

/* Sets in_layout and out_layout to what suits the forward kernel best. An inner product
 * has no preference: it reads a blocked input as it is, unless no fast kernel takes
 * it. */
static dnnl_status_t choose_activations(struct weighted *w, uint32_t samples,
    uint32_t offered)
{
	dnnl_format_tag_t any = dnnl_format_tag_any;
	dnnl_primitive_desc_t pd = NULL;
	struct od_operands x;
	dnnl_status_t status;

	w->weights_tag = any;
	if (w->def.convolution && takes_blocks(w, samples))
		return dnnl_success;
	w->in_layout = w->def.convolution || w->in.rank != 3 ? CNN_NCHW : offered;
	w->out_layout = CNN_NCHW;
	if (!w->def.convolution && w->in_layout == CNN_NCHW)
		return dnnl_success;
	status = operands_open(w, samples,
	    w->def.convolution && w->in.dims[0] > 1 ? any : od_tag(w->in_layout), any,
	    NULL, od_type(w->dtype), &x);
	if (status == dnnl_success)
		status = make_forward(w, &x, &pd);
	operands_close(&x, NULL);
	if (w->def.convolution) {
		if (status != dnnl_success)
			return status;
		if (!od_layout(od_dnnl.primitive_desc_query_md(pd, dnnl_query_src_md,
				   0),
			&w->in, samples, w->dtype, &w->in_layout) ||
		    !od_layout(od_dnnl.primitive_desc_query_md(pd, dnnl_query_dst_md,
				   0),
			&w->out, samples, w->dtype, &w->out_layout))
			w->in_layout = w->out_layout = CNN_NCHW;
	} else if (status != dnnl_success || od_is_slow(pd)) {
		w->in_layout = CNN_NCHW;
	}
	if (pd)
		od_dnnl.primitive_desc_destroy(pd);
	return dnnl_success;
}

/* The tag from which the kernels choose the weights' layout. For the inner product of
 * images in bfloat16, the input's layout is as fast as the transposed one that the
 * kernels prefer, and packing is then a plain conversion that forward and backward
 * share. */
static dnnl_format_tag_t choose_weights(const struct weighted *w)
{
	return !w->def.convolution && w->in.rank == 3 && w->dtype == CNN_BF16 ?
	    od_tag(w->in_layout) :
	    dnnl_format_tag_any;
}

/* Chooses the arena's layout: that of the weights' gradient in training, else
 * forward's. */
static dnnl_status_t choose_arena(struct weighted *w, uint32_t samples,
    const_dnnl_primitive_desc_t forward)
{
	dnnl_primitive_desc_t pd;
	dnnl_status_t status;

	if (!w->training)
		return od_desc_clone(&w->arena,
		    w->dtype == CNN_F32 ? weights_of(forward, FORWARD) : w->plain);
	status = weighted_describe(w, BACKWARD_WEIGHTS, samples, NULL, forward, &pd);
	if (status != dnnl_success)
		return status;
	status = od_desc_clone(&w->arena, weights_of(pd, BACKWARD_WEIGHTS));
	od_dnnl.primitive_desc_destroy(pd);
	return status;
}

/* Chooses how the primitive that pd describes reads the weights: from the arena if that
 * has the best layout, else from a packed copy. Packing once a step costs less than a
 * slower kernel in each microbatch. */
static dnnl_status_t choose_view(const struct weighted *w, enum pass pass,
    const_dnnl_primitive_desc_t pd, struct view *view)
{
	od_desc best = weights_of(pd, pass);

	view->packed = !od_dnnl.memory_desc_equal(best, w->arena);
	return od_desc_clone(&view->desc, best);
}

dnnl_status_t weighted_choose(struct weighted *w, uint32_t samples, uint32_t offered)
{
	dnnl_primitive_desc_t forward = NULL, data = NULL;
	dnnl_dims_t bias = { (dnnl_dim_t)w->out.dims[0] };
	dnnl_status_t status = od_desc_create(&w->plain, w->def.weight_ndims,
	    w->def.weight_dims, dnnl_f32,
	    w->def.weight_ndims == 5	 ? dnnl_abcde :
		w->def.weight_ndims == 4 ? dnnl_abcd :
					   dnnl_ab);

	if (status == dnnl_success && w->has_bias)
		status = od_desc_create(&w->bias, 1, bias, dnnl_f32, dnnl_a);
	if (status == dnnl_success)
		status = choose_activations(w, samples, offered);
	w->weights_tag = choose_weights(w);
	if (status == dnnl_success)
		status = weighted_describe(w, FORWARD, samples, NULL, NULL, &forward);
	if (status == dnnl_success)
		status = choose_arena(w, samples, forward);
	if (status == dnnl_success)
		status = choose_view(w, FORWARD, forward, &w->forward);
	if (status == dnnl_success && w->training && w->wants_gradient) {
		status =
		    weighted_describe(w, BACKWARD_DATA, samples, NULL, forward, &data);
		if (status == dnnl_success)
			status = choose_view(w, BACKWARD_DATA, data, &w->backward);
	}
	if (data)
		od_dnnl.primitive_desc_destroy(data);
	if (forward)
		od_dnnl.primitive_desc_destroy(forward);
	return status;
}
