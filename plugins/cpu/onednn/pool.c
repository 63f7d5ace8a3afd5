/* pool.c - maxpool2d, relu+maxpool2d, avgpool2d: out[c][y][x] = the maximum, or the
 * mean, over a window.
 *
 * Backward of the maximum uses the places that oneDNN's forward keeps in `saved`. A run
 * that begins with relu pools the raw input and applies ReLU to the result, since
 * max(relu(x)) = relu(max(x)). For a window of 2 x 2 this is a quarter of the work,
 * both of ReLU and of its mask in backward.
 */
#include "onednn.h"
#include "bits.h"

#include <string.h>

/* With fewer channels, a block would be mostly padding. */
#define BLOCKED_FROM 5

/* The primitives for one number of samples. */
struct sized {
	struct sized *next;
	uint32_t samples;
	struct od_op forward, backward;
};

/* How the kernels differ. */
struct pool_def {
	const char *type;
	dnnl_alg_kind_t algorithm;
	bool relu;
};

struct pool {
	struct od od;
	struct pool_def def;
	struct od_window window;
	struct cnn_shape in, out;
	uint32_t dtype, layout;
	bool training, saves; /* saves: forward keeps the places */
	size_t mask_bytes;    /* of scratch: ReLU's gradient */
	struct sized *sizes;
};

/* --- primitives ------------------------------------------------------------------- */

/* If backward is NULL, only creates forward's descriptor. */
static dnnl_status_t describe(const struct pool *p, uint32_t samples,
    dnnl_primitive_desc_t *forward, dnnl_primitive_desc_t *backward)
{
	od_desc src = NULL, dst = NULL;
	dnnl_status_t status =
	    od_tensor(&src, &p->in, samples, p->dtype, od_tag(p->layout));

	*forward = NULL;
	if (status == dnnl_success)
		status = od_tensor(&dst, &p->out, samples, p->dtype, od_tag(p->layout));
	if (status == dnnl_success)
		status = od_pool_forward(forward, p->od.engine,
		    p->training ? dnnl_forward_training : dnnl_forward_inference,
		    p->def.algorithm, src, dst, &p->window, p->od.attr);
	if (status == dnnl_success && backward)
		status = od_pool_backward(backward, p->od.engine, p->def.algorithm, src,
		    dst, &p->window, *forward, p->od.attr);
	od_desc_destroy(src);
	od_desc_destroy(dst);
	if (status != dnnl_success && *forward)
		od_dnnl.primitive_desc_destroy(*forward);
	return status;
}

static dnnl_status_t sized_open(struct pool *p, struct sized *s, uint32_t samples,
    enum od_scratch scratch)
{
	static const int forward[] = {
		DNNL_ARG_SRC,
		DNNL_ARG_DST,
		DNNL_ARG_WORKSPACE,
	};
	static const int backward[] = {
		DNNL_ARG_DIFF_DST,
		DNNL_ARG_DIFF_SRC,
		DNNL_ARG_WORKSPACE,
	};
	dnnl_primitive_desc_t forward_pd = NULL, backward_pd = NULL;
	dnnl_status_t status, also;

	s->samples = samples;
	status = describe(p, samples, &forward_pd, p->training ? &backward_pd : NULL);
	if (status != dnnl_success)
		return status;
	status = od_op_create(&p->od, &s->forward, "forward", forward_pd, forward,
	    2 + p->saves, scratch);
	if (!p->training)
		return status;
	also = od_op_create(&p->od, &s->backward, "gradient of the input", backward_pd,
	    backward, 2 + p->saves, scratch);
	return status == dnnl_success ? also : status;
}

static void sized_close(const struct pool *p, struct sized *s)
{
	od_op_destroy(&p->od, &s->forward);
	od_op_destroy(&p->od, &s->backward);
	p->od.host->free(p->od.host, s);
}

static dnnl_status_t add_size(struct pool *p, uint32_t samples, enum od_scratch scratch)
{
	struct sized *s = od_alloc(&p->od, sizeof *s);
	dnnl_status_t status;

	if (!s)
		return dnnl_out_of_memory;
	status = sized_open(p, s, samples, scratch);
	if (status != dnnl_success) {
		sized_close(p, s);
		return status;
	}
	s->next = p->sizes;
	p->sizes = s;
	return dnnl_success;
}

static const struct sized *find_size(const struct pool *p, uint32_t samples)
{
	const struct sized *s = p->sizes;

	while (s && s->samples != samples)
		s = s->next;
	return s;
}

/* --- the provider's functions ----------------------------------------------------- */

static struct od_window window_of(const struct cnn_node *node)
{
	enum { KERNEL, STRIDE, PADDING };
	const struct cnn_arg_value *a = node->args;
	const struct cnn_arg_value *stride = &a[STRIDE];

	return (struct od_window){
		.kernel = { a[KERNEL].i, a[KERNEL].j },
		.stride = { stride->i, stride->j },
		.padding = { a[PADDING].i, a[PADDING].j },
	};
}

/* Blocked pooling is several times faster than plain, so that even a reorder pays. An
 * input that is not plain keeps its layout. */
static uint32_t choose_layout(const struct cnn_host *host, const struct cnn_run *run)
{
	uint32_t layout = run->inputs[0].format.layout;

	return layout == CNN_NCHW && run->output.dims[0] >= BLOCKED_FROM ?
	    od_blocked_layout(host) :
	    layout;
}

static dnnl_status_t pool_open(struct pool *p, const struct cnn_host *host,
    const struct cnn_run *run, const struct pool_def *def, uint32_t workers)
{
	const struct cnn_node *node = &run->nodes[run->node_count - 1];

	memset(p, 0, sizeof *p);
	p->def = *def;
	p->window = window_of(node);
	p->in = node->inputs[0];
	p->out = run->output;
	p->dtype = run->dtype;
	p->layout = choose_layout(host, run);
	p->training = run->training;
	p->saves = run->training && def->algorithm == dnnl_pooling_max;
	return od_open(&p->od, host, node->name, def->type, workers);
}

static void pool_close(struct pool *p)
{
	struct sized *s;

	while ((s = p->sizes)) {
		p->sizes = s->next;
		sized_close(p, s);
	}
	od_close(&p->od);
}

static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	const struct pool_def *def = kernel->data;
	const struct od_window window = window_of(&run->nodes[run->node_count - 1]);
	const bool max = def->algorithm == dnnl_pooling_max;
	/* Nanoseconds for an element of the input. Below AVX2, backward of max is the
	 * reference implementation. */
	static const double forward_ns[] = { 0.5, 0.26, 0.17, 0.17 };
	static const double backward_ns[] = { 28, 0.6, 0.12, 0.12 };
	const double in = (double)cnn_layout_count(&run->inputs[0].shape, CNN_NCHW, 1);
	const double places = (double)cnn_layout_count(&run->output, CNN_NCHW, 1) *
	    (double)(window.kernel[0] * window.kernel[1]);
	double ns = max ? in * forward_ns[od_level(host)] + places * 0.03 :
			  in * 0.03 + places * 0.035;

	if (!od_supports(host, run->dtype))
		return 0;
	/* With 256 places or more, they are kept in 32 bits. The bfloat16 kernel of
	 * oneDNN 2.6 reads them as 8 bits and puts the gradients in the wrong
	 * places. */
	if (run->training && max && run->dtype == CNN_BF16 &&
	    window.kernel[0] * window.kernel[1] > UINT8_MAX)
		return 0;
	plan->inputs[0] = (struct cnn_format){ run->dtype, choose_layout(host, run) };
	plan->output = plan->inputs[0];
	if (plan->output.layout == CNN_NCHW)
		ns *= 4;
	if (run->training)
		ns += max ? in * backward_ns[od_level(host)] + places * 0.02 :
			    in * 0.08 + places * 0.05;
	return 3 + 1e-3 * (ns + (def->relu ? 0.1 * in : 0)) * run->batch;
}

static void destroy(void *instance)
{
	struct pool *p = instance;
	const struct cnn_host *host;

	if (!p)
		return;
	host = p->od.host;
	pool_close(p);
	host->free(host, p);
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	const struct pool_def *def = kernel->data;
	struct pool *p = host->alloc(host, sizeof *p);
	dnnl_status_t status;

	if (!p)
		return CNN_ENOMEM;
	if (!od_library_open(host)) {
		host->free(host, p);
		return CNN_END;
	}
	od_one_thread();
	status = pool_open(p, host, run, def, run->workers);
	if (status == dnnl_success)
		status = add_size(p, run->batch, OD_SCRATCH_PLANNED);
	if (status != dnnl_success) {
		int r = od_fail(&p->od, "create", status);

		destroy(p);
		return r;
	}
	if (def->relu && run->training)
		p->mask_bytes = (cnn_layout_count(&p->out, p->layout, run->batch) *
					od_dtype_size(p->dtype) +
				    63) /
		    64 * 64;
	plan->flags = def->relu ? CNN_KEEP_OUTPUT : 0;
	plan->inputs[0] = (struct cnn_format){ p->dtype, p->layout };
	plan->output = plan->inputs[0];
	plan->scratch_bytes = p->mask_bytes + p->od.scratch_bytes;
	if (p->saves)
		plan->saved_bytes = od_dnnl.memory_desc_get_size(
		    od_dnnl.primitive_desc_query_md(p->sizes->forward.pd,
			dnnl_query_workspace_md, 0));
	*instance = p;
	return CNN_OK;
}

static int prepare(void *instance, uint32_t samples)
{
	struct pool *p = instance;
	dnnl_status_t status;

	od_one_thread();
	if (find_size(p, samples))
		return CNN_OK;
	status = add_size(p, samples, OD_SCRATCH_CALL);
	return status == dnnl_success ? CNN_OK : od_fail(&p->od, "prepare", status);
}

/* oneDNN's part of a call's scratch memory. */
static void *scratch_of(const struct pool *p, const struct cnn_call *c)
{
	return p->mask_bytes ? (char *)c->scratch + p->mask_bytes : c->scratch;
}

static int not_prepared(const struct pool *p, uint32_t samples)
{
	return p->od.host->fail(p->od.host, CNN_EUSAGE,
	    "cpu/onednn: %s: not prepared for %u samples", p->od.name, samples);
}

/* The index of element (n, ch, y, x) of a tensor of this shape and layout. */
static size_t place_of(const struct cnn_shape *s, uint32_t layout, size_t n, size_t ch,
    size_t y, size_t x)
{
	const size_t c = s->dims[0], h = s->dims[1], w = s->dims[2];
	const size_t block = layout == CNN_NCHW16C ? 16 : layout == CNN_NCHW8C ? 8 : 1;

	if (layout == CNN_NHWC)
		return ((n * h + y) * w + x) * c + ch;
	return (((n * ((c + block - 1) / block) + ch / block) * h + y) * w + x) *
	    block +
	    ch % block;
}

/* Finds the windows along an axis that contain place `at`: the first, and one past the
 * last. */
static void windows_with(const struct pool *p, int axis, size_t at, size_t *first,
    size_t *end)
{
	const int64_t kernel = p->window.kernel[axis], stride = p->window.stride[axis];
	const int64_t place = (int64_t)at + p->window.padding[axis];
	const int64_t count = (int64_t)p->out.dims[1 + axis];

	*first = place < kernel ? 0 : (size_t)((place - kernel) / stride + 1);
	*end = (size_t)(place / stride + 1 < count ? place / stride + 1 : count);
}

/* oneDNN's max pooling ignores NaN. Sets the output of each window that contains one to
 * NaN. The gradient still goes to the place that oneDNN chose. */
static void keep_nans(const struct pool *p, const struct cnn_call *c)
{
	const size_t ch = p->in.dims[0], h = p->in.dims[1], w = p->in.dims[2];
	const size_t size = od_dtype_size(p->dtype);

	for (size_t i = 0; i < c->samples * ch * h * w; i++) {
		const size_t x = i % w, y = i / w % h, k = i / w / h % ch,
			     n = i / w / h / ch;
		const char *from = (const char *)c->in[0] +
		    place_of(&p->in, p->layout, n, k, y, x) * size;
		size_t y0, y1, x0, x1;

		if (!od_has_nan(p->dtype, 1, from))
			continue;
		windows_with(p, 0, y, &y0, &y1);
		windows_with(p, 1, x, &x0, &x1);
		for (size_t oy = y0; oy < y1; oy++)
			for (size_t ox = x0; ox < x1; ox++)
				memcpy((char *)c->out +
					place_of(&p->out, p->layout, n, k, oy, ox) *
					    size,
				    from, size);
	}
}

static int forward(void *instance, const struct cnn_call *c)
{
	const struct pool *p = instance;
	const struct sized *s = find_size(p, c->samples);
	int r;

	if (!s)
		return not_prepared(p, c->samples);
	od_one_thread();
	r = od_op_run(&p->od, &s->forward, c->worker, scratch_of(p, c),
	    (const void *[]){ c->in[0], c->out, c->saved });
	if (r == CNN_OK && p->def.algorithm == dnnl_pooling_max &&
	    od_has_nan(p->dtype, cnn_layout_count(&p->in, p->layout, c->samples),
		c->in[0]))
		keep_nans(p, c);
	if (r == CNN_OK && p->def.relu)
		od_relu(p->dtype, cnn_layout_count(&p->out, p->layout, c->samples),
		    c->out, c->out);
	return r;
}

static int backward(void *instance, const struct cnn_call *c)
{
	const struct pool *p = instance;
	const struct sized *s = find_size(p, c->samples);
	const void *grad_out = c->grad_out;

	if (!s)
		return not_prepared(p, c->samples);
	if (!c->grad_in || !c->grad_in[0])
		return CNN_OK;
	od_one_thread();
	if (p->def.relu) {
		od_relu_mask(p->dtype, cnn_layout_count(&p->out, p->layout, c->samples),
		    c->out, c->grad_out, c->scratch);
		grad_out = c->scratch;
	}
	return od_op_run(&p->od, &s->backward, c->worker, scratch_of(p, c),
	    (const void *[]){ grad_out, c->grad_in[0], c->saved });
}

static const struct pool_def max = {
	.type = "maxpool2d",
	.algorithm = dnnl_pooling_max,
};
static const struct pool_def relu_max = {
	.type = "relu maxpool2d",
	.algorithm = dnnl_pooling_max,
	.relu = true,
};
static const struct pool_def avg = {
	.type = "avgpool2d",
	.algorithm = dnnl_pooling_avg_include_padding,
};

#define POOL_KERNEL(RUN, DEF) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .data = &(DEF), \
		.cost = cost, .create = create, .destroy = destroy, \
		.prepare = prepare, .forward = forward, .backward = backward, \
	}

static const struct cnn_kernel kernels[] = {
	POOL_KERNEL("maxpool2d", max),
	POOL_KERNEL("relu+maxpool2d", relu_max),
	POOL_KERNEL("avgpool2d", avg),
};

OD_PLUGIN("pool", CNN_KERNELS(kernels));
