/* fake-run.cu - see fake.h: makes a job from an operation graph and its tensors'
 * addresses. */
#include "fake.h"

#include <string.h>

/* An operation's tensor with the given name, and its address. */
static struct fake_view view_of(const struct fake *op, int name,
    const struct fake *pack)
{
	const struct fake *t = fake_link(op, name);
	const struct fake_attribute *ids =
	    fake_attribute_of(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
	struct fake_view v = {};
	int64_t id;

	if (!t)
		return v;
	id = fake_int(t, CUDNN_ATTR_TENSOR_UNIQUE_ID);
	v.type = fake_type(t);
	memcpy(v.d, fake_get(t, CUDNN_ATTR_TENSOR_DIMENSIONS), sizeof v.d);
	memcpy(v.s, fake_get(t, CUDNN_ATTR_TENSOR_STRIDES), sizeof v.s);
	for (int64_t i = 0; i < ids->count; i++)
		if (((const int64_t *)(const void *)ids->data)[i] == id)
			memcpy(&v.p,
			    (const char *)fake_get(pack,
				CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS) +
				i * 8,
			    8);
	return v;
}

static void read_pairs(struct fake_job *j, const struct fake *how, const int names[4])
{
	int64_t *const to[4] = { j->kernel, j->stride, j->padding, j->dilation };

	for (int i = 0; i < 4; i++)
		if (names[i])
			memcpy(to[i], fake_get(how, names[i]), sizeof j->kernel);
}

static void read_convolution(struct fake_job *j, const struct fake *op, int name)
{
	static const int names[4] = { 0, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES,
		CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_DILATIONS };

	read_pairs(j, fake_link(op, name), names);
	j->kernel[0] = j->w.d[2];
	j->kernel[1] = j->w.d[3];
	j->groups = j->x.d[1] / j->w.d[1];
}

static void read_resample(struct fake_job *j, const struct fake *op, int name)
{
	static const int names[4] = { CUDNN_ATTR_RESAMPLE_WINDOW_DIMS,
		CUDNN_ATTR_RESAMPLE_STRIDES, CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, 0 };
	const struct fake *how = fake_link(op, name);
	int mode;

	read_pairs(j, how, names);
	j->dilation[0] = j->dilation[1] = 1;
	memcpy(&mode, fake_get(how, CUDNN_ATTR_RESAMPLE_MODE), sizeof mode);
	j->max = mode == CUDNN_RESAMPLE_MAXPOOL;
}

/* Adds the pointwise operations after a convolution to the same job. */
static void read_rest(struct fake_job *j, const struct fake *graph,
    const struct fake *pack)
{
	for (int i = 1; i < fake_op_count(graph); i++) {
		const struct fake *op = fake_op(graph, i);
		int mode;

		memcpy(&mode,
		    fake_get(fake_link(op,
				 CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR),
			CUDNN_ATTR_POINTWISE_MODE),
		    sizeof mode);
		if (mode == CUDNN_POINTWISE_RELU_BWD) {
			j->mask =
			    view_of(op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, pack);
			j->x = view_of(op, CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, pack);
			continue;
		}
		if (mode == CUDNN_POINTWISE_ADD)
			j->bias =
			    view_of(op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, pack);
		j->relu = j->relu || mode == CUDNN_POINTWISE_RELU_FWD;
		j->y = view_of(op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, pack);
	}
}

static struct fake_job job_of(const struct fake *graph, const struct fake *pack)
{
	const struct fake *op = fake_op(graph, 0);
	struct fake_job j = {};

#define VIEW(to, name) j.to = view_of(op, CUDNN_ATTR_OPERATION_##name, pack)
	switch (op->type) {
	case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
		VIEW(x, CONVOLUTION_FORWARD_X);
		VIEW(w, CONVOLUTION_FORWARD_W);
		VIEW(y, CONVOLUTION_FORWARD_Y);
		read_convolution(&j, op,
		    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC);
		break;
	case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
		VIEW(x, CONVOLUTION_BWD_DATA_DX);
		VIEW(w, CONVOLUTION_BWD_DATA_W);
		VIEW(y, CONVOLUTION_BWD_DATA_DY);
		read_convolution(&j, op,
		    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC);
		break;
	case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
		VIEW(x, CONVOLUTION_BWD_FILTER_X);
		VIEW(w, CONVOLUTION_BWD_FILTER_DW);
		VIEW(y, CONVOLUTION_BWD_FILTER_DY);
		read_convolution(&j, op,
		    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC);
		break;
	case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR:
		VIEW(x, RESAMPLE_FWD_XDESC);
		VIEW(y, RESAMPLE_FWD_YDESC);
		VIEW(index, RESAMPLE_FWD_IDXDESC);
		read_resample(&j, op, CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC);
		break;
	default:
		VIEW(x, RESAMPLE_BWD_DXDESC);
		VIEW(y, RESAMPLE_BWD_DYDESC);
		VIEW(index, RESAMPLE_BWD_IDXDESC);
		read_resample(&j, op, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC);
	}
#undef VIEW
	if (fake_op_count(graph) > 1)
		read_rest(&j, graph, pack);
	return j;
}

EXPORT cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle,
    cudnnBackendDescriptor_t plan_desc, cudnnBackendDescriptor_t pack_desc)
{
	const struct fake *plan = (const struct fake *)plan_desc;
	const struct fake *pack = (const struct fake *)pack_desc;
	const struct fake_job job = job_of(plan->graph, pack);
	const struct fake *workspace =
	    fake_link(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE);

	if (plan->engine == 5 || (plan->engine == 4 && fake_is_float(plan->graph)))
		return CUDNN_STATUS_EXECUTION_FAILED;
	return fake_launch(fake_op(plan->graph, 0)->type, &job, (void *)workspace,
		   (size_t)fake_workspace(plan), handle->stream,
		   plan->engine == 2 && getenv("FAKE_CUDNN_SLOW")) ?
	    CUDNN_STATUS_EXECUTION_FAILED_CUDART :
	    CUDNN_STATUS_SUCCESS;
}
