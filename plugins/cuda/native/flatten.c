/* flatten: out = in, both in C order. From NHWC it moves the channels before the
 * pixels. */
#include "kernels.h"
#include "native.h"

struct flatten {
	struct native native;
	struct cnn_shape shape;              /* of in */
};

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	int code = native_create(host, run, plan, sizeof(struct flatten), instance);
	struct flatten *f = *instance;

	if (code != CNN_OK)
		return code;
	f->shape = run->inputs[0].shape;
	plan->output.layout = CNN_NCHW;
	if (f->native.layout == CNN_NCHW)
		plan->flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD;
	return CNN_OK;
}

static int move(const struct flatten *f, const char *what, void *dst,
	uint32_t dst_layout, const void *src, uint32_t src_layout,
	const struct cnn_call *call)
{
	const struct native *n = &f->native;
	const struct cnn_format to = { n->dtype, dst_layout };
	const struct cnn_format from = { n->dtype, src_layout };

	if (dst_layout == src_layout)
		return native_copy(n->host, dst, src,
			n->in * call->samples * native_size(n->dtype), call->queue);
	return native_done(n->host, what, native_reorder(call->queue, &f->shape,
		call->samples, to, dst, from, src), call->queue);
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct flatten *f = instance;

	return move(f, "flatten forward", call->out, CNN_NCHW, call->in[0],
		f->native.layout, call);
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct flatten *f = instance;

	if (!call->grad_in[0])
		return CNN_OK;
	return move(f, "flatten backward", call->grad_in[0], f->native.layout,
		call->grad_out, CNN_NCHW, call);
}

NATIVE_PLUGIN("flatten", true);
