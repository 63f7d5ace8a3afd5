/* elementwise.c - the activations, add, flatten, dropout. */
#include "activations.h"
#include "kernels.h"
#include "native.h"

/* An activation: see activations.h. The data of its kernel is its row. */
struct row {
	uint32_t number, flags, arg_count;
	const char *forward, *backward; /* their names in messages */
};

#define DATA(NAME, FLAGS, ARG_COUNT, ...) \
	{ NATIVE_##NAME, (FLAGS), (ARG_COUNT), #NAME " forward", #NAME " backward" },

static const struct row rows[] = { ACTIVATIONS(DATA) };

struct activation {
	struct native native;
	const struct row *row;
	float a, b;
};

static int activation_create(const struct cnn_host *host,
    const struct cnn_kernel *kernel, const struct cnn_run *run, struct cnn_plan *plan,
    void **instance)
{
	const struct cnn_arg_value *args = run->nodes[0].args;
	int r = native_create(host, run, plan, sizeof(struct activation), instance);
	struct activation *s = *instance;

	if (r != CNN_OK)
		return r;
	s->row = kernel->data;
	s->a = s->row->arg_count > 0 ? (float)args[0].f : 0;
	s->b = s->row->arg_count > 1 ? (float)args[1].f : 0;
	plan->flags = s->row->flags;
	return CNN_OK;
}

static int activation_forward(void *instance, const struct cnn_call *call)
{
	const struct activation *s = instance;
	const struct native *n = &s->native;

	return native_done(n->host, s->row->forward,
	    native_activation_forward(call->queue, s->row->number, n->dtype, call->out,
		call->in[0], s->a, s->b, n->in * call->samples),
	    call->queue);
}

static int activation_backward(void *instance, const struct cnn_call *call)
{
	const struct activation *s = instance;
	const struct native *n = &s->native;
	const void *x = s->row->flags & CNN_KEEP_INPUT ? call->in[0] :
	    s->row->flags & CNN_KEEP_OUTPUT	       ? call->out :
							 call->grad_out;

	if (!call->grad_in[0])
		return CNN_OK;
	return native_done(n->host, s->row->backward,
	    native_activation_backward(call->queue, s->row->number, n->dtype,
		call->grad_in[0], x, call->grad_out, s->a, s->b, n->in * call->samples),
	    call->queue);
}

/* add: out = in[0] + in[1] + ..., in this order; each grad_in = grad_out. */
static int add_create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	(void)kernel;
	plan->flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD;
	return native_create(host, run, plan, sizeof(struct native), instance);
}

static int add_forward(void *instance, const struct cnn_call *call)
{
	const struct native *n = instance;

	return native_done(n->host, "add forward",
	    native_add_inputs(call->queue, n->dtype, call->out, call->in, n->in_count,
		n->in * call->samples),
	    call->queue);
}

static int add_backward(void *instance, const struct cnn_call *call)
{
	const struct native *n = instance;
	const size_t bytes = n->in * call->samples * native_size(n->dtype);
	int r = CNN_OK;

	for (uint32_t k = 0; r == CNN_OK && k < n->in_count; k++)
		if (call->grad_in[k])
			r = native_copy(n->host, call->grad_in[k], call->grad_out,
			    bytes, call->queue);
	return r;
}

/* flatten: out = in, both in C order. From NHWC it moves the channels before the
 * pixels. */
struct flatten {
	struct native native;
	struct cnn_shape shape; /* of in */
};

static int flatten_create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	int r = native_create(host, run, plan, sizeof(struct flatten), instance);
	struct flatten *f = *instance;

	(void)kernel;
	if (r != CNN_OK)
		return r;
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
	return native_done(n->host, what,
	    native_reorder(call->queue, &f->shape, call->samples, to, dst, from, src),
	    call->queue);
}

static int flatten_forward(void *instance, const struct cnn_call *call)
{
	const struct flatten *f = instance;

	return move(f, "flatten forward", call->out, CNN_NCHW, call->in[0],
	    f->native.layout, call);
}

static int flatten_backward(void *instance, const struct cnn_call *call)
{
	const struct flatten *f = instance;

	if (!call->grad_in[0])
		return CNN_OK;
	return move(f, "flatten backward", call->grad_in[0], f->native.layout,
	    call->grad_out, CNN_NCHW, call);
}

/* dropout: in training out[i] = in[i] mask[i] / (1 - p), and grad_in[i] = grad_out[i]
 * mask[i] / (1 - p). mask[i] is 1 if the uniform of element i is at least p, else 0; i
 * is the NCHW index in the whole batch. Otherwise out = in.
 * saved: mask, one byte per element, in the order of the elements in memory.
 */
struct dropout {
	struct native native;
	struct native_dropout how;
};

static int dropout_create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	const struct cnn_node *node = &run->nodes[0];
	const double p = node->args[0].f;
	const size_t *dims = run->inputs[0].shape.dims;
	int r = native_create(host, run, plan, sizeof(struct dropout), instance);
	struct dropout *d = *instance;

	(void)kernel;
	if (r != CNN_OK)
		return r;
	plan->flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD;
	d->how = (struct native_dropout){
		.p = (float)p,
		.scale = p < 1 ? (float)(1 / (1 - p)) : 0,
		.random_stream = node->random_stream,
		.is_nhwc = d->native.layout == CNN_NHWC,
		.channels = 1,
	};
	if (d->how.is_nhwc)
		d->how.channels = (uint32_t)dims[0];
	d->how.area = (uint32_t)(d->native.in / d->how.channels);
	if (run->training)
		r = native_bytes(host, d->native.in, run->batch, 1, &plan->saved_bytes);
	if (r != CNN_OK)
		native_destroy(d);
	return r;
}

static int dropout_forward(void *instance, const struct cnn_call *call)
{
	const struct dropout *d = instance;
	const struct native *n = &d->native;

	if (!call->training)
		return native_copy(n->host, call->out, call->in[0],
		    n->in * call->samples * native_size(n->dtype), call->queue);
	return native_done(n->host, "dropout forward",
	    native_dropout_forward(call->queue, n->dtype, call->out, call->saved,
		call->in[0], call->state, &d->how, call->first_sample, call->samples),
	    call->queue);
}

static int dropout_backward(void *instance, const struct cnn_call *call)
{
	const struct dropout *d = instance;
	const struct native *n = &d->native;

	if (!call->grad_in[0])
		return CNN_OK;
	return native_done(n->host, "dropout backward",
	    native_dropout_backward(call->queue, n->dtype, call->grad_in[0],
		call->saved, call->grad_out, d->how.scale, n->in * call->samples),
	    call->queue);
}

#define KERNEL(NAME, ...) \
	NATIVE_KERNEL(#NAME, activation, native_cost, .data = &rows[NATIVE_##NAME]),

static const struct cnn_kernel kernels[] = {
	ACTIVATIONS(KERNEL) NATIVE_KERNEL("add", add, native_cost),
	NATIVE_KERNEL("flatten", flatten, native_cost),
	NATIVE_KERNEL("dropout", dropout, native_cost),
};

NATIVE_PLUGIN("elementwise", CNN_KERNELS(kernels));
