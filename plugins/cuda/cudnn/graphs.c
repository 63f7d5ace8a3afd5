/* graphs.c - see graphs.h: a graph as plain data, and cuDNN's descriptors of it. */
#include "graphs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const graph_kind_names[GRAPH_KIND_COUNT] = {
	[GRAPH_CONV] = "conv",
	[GRAPH_CONV_BIAS] = "conv+bias",
	[GRAPH_CONV_BIAS_RELU] = "conv+bias+relu",
	[GRAPH_DGRAD] = "dgrad",
	[GRAPH_DGRAD_RELU] = "dgrad+relu",
	[GRAPH_WGRAD] = "wgrad",
	[GRAPH_MAXPOOL] = "maxpool",
	[GRAPH_MAXPOOL_INDEX] = "maxpool+index",
	[GRAPH_MAXPOOL_BACKWARD] = "maxpool-backward",
	[GRAPH_AVGPOOL] = "avgpool",
	[GRAPH_AVGPOOL_BACKWARD] = "avgpool-backward",
};

/* --- errors ----------------------------------------------------------------------- */

int graph_fail(struct graph_error *e, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, args);
	va_end(args);
	return code;
}

int graph_fail_status(struct graph_error *e, cudnnStatus_t status, const char *what)
{
	char said[160] = "";

	/* Often empty; then only the status is known. */
	cudnn.GetLastErrorString(said, sizeof said);
	said[strcspn(said, "\n")] = '\0';
	return graph_fail(e,
	    status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ? CNN_ENOMEM :
									   CNN_EPLUGIN,
	    "%s: %s%s%s", what, cudnn.GetErrorString(status), *said ? ": " : "", said);
}

int graph_create(cudnnBackendDescriptor_t *d, cudnnBackendDescriptorType_t type,
    struct graph_error *e)
{
	cudnnStatus_t status = cudnn.BackendCreateDescriptor(type, d);

	if (status == CUDNN_STATUS_SUCCESS)
		return CNN_OK;
	*d = NULL;
	return graph_fail_status(e, status, "descriptor");
}

int graph_set(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
    cudnnBackendAttributeType_t type, int64_t count, const void *value,
    struct graph_error *e)
{
	cudnnStatus_t status = cudnn.BackendSetAttribute(d, name, type, count, value);
	char what[32];

	if (status == CUDNN_STATUS_SUCCESS)
		return CNN_OK;
	snprintf(what, sizeof what, "attribute %d", (int)name);
	return graph_fail_status(e, status, what);
}

int graph_finalize(cudnnBackendDescriptor_t d, const char *what, struct graph_error *e)
{
	cudnnStatus_t status = cudnn.BackendFinalize(d);

	return status == CUDNN_STATUS_SUCCESS ? CNN_OK :
						graph_fail_status(e, status, what);
}

/* --- plain data ------------------------------------------------------------------- */

cudnnDataType_t graph_type(uint32_t dtype)
{
	return dtype == CNN_F16 ? CUDNN_DATA_HALF :
	    dtype == CNN_BF16	? CUDNN_DATA_BFLOAT16 :
				  CUDNN_DATA_FLOAT;
}

const struct graph_tensor *graph_find(const struct graph *g, int64_t id)
{
	for (uint32_t i = 0; i < g->tensor_count; i++)
		if (g->tensors[i].id == id)
			return &g->tensors[i];
	return NULL;
}

static void add_tensor(struct graph *g, int64_t id, cudnnDataType_t type, int64_t n,
    int64_t c, int64_t h, int64_t w)
{
	g->tensors[g->tensor_count++] = (struct graph_tensor){
		.id = id,
		.type = type,
		.alignment = GRAPH_ALIGNMENT,
		.dims = { n, c, h, w },
		.strides = { h * w * c, 1, w * c, c },
		.is_virtual = id >= GRAPH_VIRTUAL,
	};
}

static void add_role(struct graph *g, int64_t id)
{
	const struct graph_spec *s = &g->spec;
	cudnnDataType_t type = graph_type(s->dtype);

	switch (id) {
	case GRAPH_X:
	case GRAPH_MASK: add_tensor(g, id, type, s->n, s->c, s->h, s->w); break;
	case GRAPH_W:
		add_tensor(g, id, type, s->o, s->c / s->groups, s->kernel[0],
		    s->kernel[1]);
		break;
	case GRAPH_BIAS: add_tensor(g, id, type, 1, s->o, 1, 1); break;
	case GRAPH_INDEX:
		add_tensor(g, id, CUDNN_DATA_INT8, s->n, s->o, s->oh, s->ow);
		break;
	default: add_tensor(g, id, type, s->n, s->o, s->oh, s->ow);
	}
}

/* The result of one operation that the next one reads. A fused kernel keeps it in
 * float. (cuDNN has no precompiled fused engine for intermediates in half.) */
static void add_virtual(struct graph *g, int64_t id, bool of_x)
{
	const struct graph_spec *s = &g->spec;

	if (of_x)
		add_tensor(g, id, CUDNN_DATA_FLOAT, s->n, s->c, s->h, s->w);
	else
		add_tensor(g, id, CUDNN_DATA_FLOAT, s->n, s->o, s->oh, s->ow);
}

static void add_op(struct graph *g, enum graph_op_kind kind, int64_t a, int64_t b,
    int64_t out)
{
	g->ops[g->op_count++] = (struct graph_op){ kind, a, b, out };
}

static const struct {
	enum graph_op_kind kind;
	int64_t a, b, out;
} single[] = {
	[GRAPH_CONV] = { OP_CONV, GRAPH_X, GRAPH_W, GRAPH_Y },
	[GRAPH_DGRAD] = { OP_DGRAD, GRAPH_Y, GRAPH_W, GRAPH_X },
	[GRAPH_WGRAD] = { OP_WGRAD, GRAPH_X, GRAPH_Y, GRAPH_W },
	[GRAPH_MAXPOOL] = { OP_MAXPOOL, GRAPH_X, GRAPH_NONE, GRAPH_Y },
	[GRAPH_MAXPOOL_INDEX] = { OP_MAXPOOL, GRAPH_X, GRAPH_INDEX, GRAPH_Y },
	[GRAPH_MAXPOOL_BACKWARD] = { OP_MAXPOOL_BACKWARD, GRAPH_Y, GRAPH_INDEX,
	    GRAPH_X },
	[GRAPH_AVGPOOL] = { OP_AVGPOOL, GRAPH_X, GRAPH_NONE, GRAPH_Y },
	[GRAPH_AVGPOOL_BACKWARD] = { OP_AVGPOOL_BACKWARD, GRAPH_Y, GRAPH_NONE,
	    GRAPH_X },
};

static void describe_single(struct graph *g)
{
	enum graph_kind kind = g->spec.kind;

	add_role(g, single[kind].a);
	if (single[kind].b != GRAPH_NONE)
		add_role(g, single[kind].b);
	add_role(g, single[kind].out);
	add_op(g, single[kind].kind, single[kind].a, single[kind].b, single[kind].out);
}

static void describe_forward(struct graph *g, bool relu)
{
	enum { PRODUCT = GRAPH_VIRTUAL, SUM };

	add_role(g, GRAPH_X);
	add_role(g, GRAPH_W);
	add_role(g, GRAPH_BIAS);
	add_virtual(g, PRODUCT, false);
	add_op(g, OP_CONV, GRAPH_X, GRAPH_W, PRODUCT);
	if (relu)
		add_virtual(g, SUM, false);
	add_op(g, OP_ADD, PRODUCT, GRAPH_BIAS, relu ? (int64_t)SUM : GRAPH_Y);
	if (relu)
		add_op(g, OP_RELU, SUM, GRAPH_NONE, GRAPH_Y);
	add_role(g, GRAPH_Y);
}

static void describe_dgrad_relu(struct graph *g)
{
	add_role(g, GRAPH_Y);
	add_role(g, GRAPH_W);
	add_role(g, GRAPH_MASK);
	add_virtual(g, GRAPH_VIRTUAL, true);
	add_role(g, GRAPH_X);
	add_op(g, OP_DGRAD, GRAPH_Y, GRAPH_W, GRAPH_VIRTUAL);
	add_op(g, OP_RELU_BACKWARD, GRAPH_VIRTUAL, GRAPH_MASK, GRAPH_X);
}

int graph_describe(struct graph *g, const struct graph_spec *spec,
    struct graph_error *e)
{
	memset(g, 0, sizeof *g);
	g->spec = *spec;
	if ((unsigned)spec->kind >= GRAPH_KIND_COUNT || spec->groups < 1)
		return graph_fail(e, CNN_EUSAGE, "no such graph, or groups < 1");
	switch (spec->kind) {
	case GRAPH_CONV_BIAS: describe_forward(g, false); break;
	case GRAPH_CONV_BIAS_RELU: describe_forward(g, true); break;
	case GRAPH_DGRAD_RELU: describe_dgrad_relu(g); break;
	default: describe_single(g);
	}
	return graph_check(g, e);
}

/* --- cuDNN's descriptors ---------------------------------------------------------- */

#define SET(d, name, type, count, value) \
	if ((r = graph_set((d), CUDNN_ATTR_##name, CUDNN_TYPE_##type, (count), \
		 (value), e)) != CNN_OK) \
	return r

static int build_tensor(struct graph *g, uint32_t i, struct graph_error *e)
{
	const struct graph_tensor *t = &g->tensors[i];
	cudnnBackendDescriptor_t *d = &g->tensor_desc[i];
	int r = graph_create(d, CUDNN_BACKEND_TENSOR_DESCRIPTOR, e);

	if (r != CNN_OK)
		return r;
	SET(*d, TENSOR_DATA_TYPE, DATA_TYPE, 1, &t->type);
	SET(*d, TENSOR_DIMENSIONS, INT64, 4, t->dims);
	SET(*d, TENSOR_STRIDES, INT64, 4, t->strides);
	SET(*d, TENSOR_UNIQUE_ID, INT64, 1, &t->id);
	SET(*d, TENSOR_BYTE_ALIGNMENT, INT64, 1, &t->alignment);
	SET(*d, TENSOR_IS_VIRTUAL, BOOLEAN, 1, &t->is_virtual);
	return graph_finalize(*d, "tensor", e);
}

static int build_convolution(struct graph *g, struct graph_error *e)
{
	const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
	const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
	const int64_t dims = 2;
	int r = graph_create(&g->window_desc, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, e);
	cudnnBackendDescriptor_t d = g->window_desc;

	if (r != CNN_OK)
		return r;
	SET(d, CONVOLUTION_COMP_TYPE, DATA_TYPE, 1, &compute);
	SET(d, CONVOLUTION_CONV_MODE, CONVOLUTION_MODE, 1, &mode);
	SET(d, CONVOLUTION_SPATIAL_DIMS, INT64, 1, &dims);
	SET(d, CONVOLUTION_PRE_PADDINGS, INT64, 2, g->spec.padding);
	SET(d, CONVOLUTION_POST_PADDINGS, INT64, 2, g->spec.padding);
	SET(d, CONVOLUTION_FILTER_STRIDES, INT64, 2, g->spec.stride);
	SET(d, CONVOLUTION_DILATIONS, INT64, 2, g->spec.dilation);
	return graph_finalize(d, "convolution", e);
}

static int build_resample(struct graph *g, bool max, struct graph_error *e)
{
	const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
	const cudnnResampleMode_t mode = max ? CUDNN_RESAMPLE_MAXPOOL :
					       CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING;
	const cudnnPaddingMode_t padding = max ? CUDNN_NEG_INF_PAD : CUDNN_ZERO_PAD;
	const cudnnNanPropagation_t nan = CUDNN_PROPAGATE_NAN;
	const int64_t dims = 2;
	int r = graph_create(&g->window_desc, CUDNN_BACKEND_RESAMPLE_DESCRIPTOR, e);
	cudnnBackendDescriptor_t d = g->window_desc;

	if (r != CNN_OK)
		return r;
	SET(d, RESAMPLE_MODE, RESAMPLE_MODE, 1, &mode);
	SET(d, RESAMPLE_COMP_TYPE, DATA_TYPE, 1, &compute);
	SET(d, RESAMPLE_SPATIAL_DIMS, INT64, 1, &dims);
	SET(d, RESAMPLE_PADDING_MODE, PADDING_MODE, 1, &padding);
	SET(d, RESAMPLE_NAN_PROPAGATION, NAN_PROPOGATION, 1, &nan);
	SET(d, RESAMPLE_WINDOW_DIMS, INT64, 2, g->spec.kernel);
	SET(d, RESAMPLE_STRIDES, INT64, 2, g->spec.stride);
	SET(d, RESAMPLE_PRE_PADDINGS, INT64, 2, g->spec.padding);
	SET(d, RESAMPLE_POST_PADDINGS, INT64, 2, g->spec.padding);
	return graph_finalize(d, "resample", e);
}

static int build_pointwise(struct graph *g, uint32_t i, struct graph_error *e)
{
	const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
	const cudnnPointwiseMode_t mode = g->ops[i].kind == OP_ADD ?
	    CUDNN_POINTWISE_ADD :
	    g->ops[i].kind == OP_RELU ? CUDNN_POINTWISE_RELU_FWD :
					CUDNN_POINTWISE_RELU_BWD;
	const cudnnNanPropagation_t nan = CUDNN_PROPAGATE_NAN;
	int r = graph_create(&g->point_desc[i], CUDNN_BACKEND_POINTWISE_DESCRIPTOR, e);
	cudnnBackendDescriptor_t d = g->point_desc[i];

	if (r != CNN_OK)
		return r;
	SET(d, POINTWISE_MODE, POINTWISE_MODE, 1, &mode);
	SET(d, POINTWISE_MATH_PREC, DATA_TYPE, 1, &compute);
	if (mode == CUDNN_POINTWISE_RELU_FWD)
		SET(d, POINTWISE_NAN_PROPAGATION, NAN_PROPOGATION, 1, &nan);
	return graph_finalize(d, "pointwise", e);
}

/* cuDNN's names of an operation and its tensors. */
static const struct {
	cudnnBackendDescriptorType_t type;
	cudnnBackendAttributeName_t how, a, b, out;
} calls[] = {
#define OPERATION(kind, type, prefix, how, a, b, out) \
	[kind] = { CUDNN_BACKEND_OPERATION_##type##_DESCRIPTOR, \
		CUDNN_ATTR_OPERATION_##prefix##_##how, \
		CUDNN_ATTR_OPERATION_##prefix##_##a, \
		CUDNN_ATTR_OPERATION_##prefix##_##b, \
		CUDNN_ATTR_OPERATION_##prefix##_##out }
	OPERATION(OP_CONV, CONVOLUTION_FORWARD, CONVOLUTION_FORWARD, CONV_DESC, X, W,
	    Y),
	OPERATION(OP_DGRAD, CONVOLUTION_BACKWARD_DATA, CONVOLUTION_BWD_DATA, CONV_DESC,
	    DY, W, DX),
	OPERATION(OP_WGRAD, CONVOLUTION_BACKWARD_FILTER, CONVOLUTION_BWD_FILTER,
	    CONV_DESC, X, DY, DW),
	OPERATION(OP_ADD, POINTWISE, POINTWISE, PW_DESCRIPTOR, XDESC, BDESC, YDESC),
	OPERATION(OP_RELU, POINTWISE, POINTWISE, PW_DESCRIPTOR, XDESC, BDESC, YDESC),
	OPERATION(OP_RELU_BACKWARD, POINTWISE, POINTWISE, PW_DESCRIPTOR, DYDESC, XDESC,
	    DXDESC),
	OPERATION(OP_MAXPOOL, RESAMPLE_FWD, RESAMPLE_FWD, DESC, XDESC, IDXDESC, YDESC),
	OPERATION(OP_AVGPOOL, RESAMPLE_FWD, RESAMPLE_FWD, DESC, XDESC, IDXDESC, YDESC),
	OPERATION(OP_MAXPOOL_BACKWARD, RESAMPLE_BWD, RESAMPLE_BWD, DESC, DYDESC,
	    IDXDESC, DXDESC),
	OPERATION(OP_AVGPOOL_BACKWARD, RESAMPLE_BWD, RESAMPLE_BWD, DESC, DYDESC,
	    IDXDESC, DXDESC),
#undef OPERATION
};

static cudnnBackendDescriptor_t *tensor_of(struct graph *g, int64_t id)
{
	return &g->tensor_desc[graph_find(g, id) - g->tensors];
}

static int build_op(struct graph *g, uint32_t i, struct graph_error *e)
{
	const struct graph_op *op = &g->ops[i];
	cudnnBackendDescriptor_t *d = &g->op_desc[i], *how = &g->window_desc;
	int r;

	switch (op->kind) {
	case OP_CONV:
	case OP_DGRAD:
	case OP_WGRAD: r = build_convolution(g, e); break;
	case OP_ADD:
	case OP_RELU:
	case OP_RELU_BACKWARD:
		r = build_pointwise(g, i, e);
		how = &g->point_desc[i];
		break;
	default:
		r = build_resample(g,
		    op->kind == OP_MAXPOOL || op->kind == OP_MAXPOOL_BACKWARD, e);
	}
	if (r != CNN_OK || (r = graph_create(d, calls[op->kind].type, e)) != CNN_OK)
		return r;
#define LINK(name, desc) \
	if ((r = graph_set(*d, calls[op->kind].name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, \
		 (desc), e)) != CNN_OK) \
	return r
	LINK(how, how);
	LINK(a, tensor_of(g, op->a));
	if (op->b != GRAPH_NONE)
		LINK(b, tensor_of(g, op->b));
	LINK(out, tensor_of(g, op->out));
#undef LINK
	return graph_finalize(*d, "operation", e);
}

int graph_build(struct graph *g, cudnnHandle_t handle, struct graph_error *e)
{
	int r = graph_check(g, e);

	for (uint32_t i = 0; i < g->tensor_count && r == CNN_OK; i++)
		r = build_tensor(g, i, e);
	for (uint32_t i = 0; i < g->op_count && r == CNN_OK; i++)
		r = build_op(g, i, e);
	if (r == CNN_OK)
		r = graph_create(&g->desc, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, e);
	if (r != CNN_OK)
		return r;
	SET(g->desc, OPERATIONGRAPH_OPS, BACKEND_DESCRIPTOR, g->op_count, g->op_desc);
	if (handle)
		SET(g->desc, OPERATIONGRAPH_HANDLE, HANDLE, 1, &handle);
	return graph_finalize(g->desc, "operation graph", e);
}

static void destroy(cudnnBackendDescriptor_t *d)
{
	if (*d)
		cudnn.BackendDestroyDescriptor(*d);
	*d = NULL;
}

void graph_close(struct graph *g)
{
	destroy(&g->desc);
	for (uint32_t i = 0; i < GRAPH_MAX_OPS; i++) {
		destroy(&g->op_desc[i]);
		destroy(&g->point_desc[i]);
	}
	destroy(&g->window_desc);
	for (uint32_t i = 0; i < GRAPH_MAX_TENSORS; i++)
		destroy(&g->tensor_desc[i]);
}
