/* convolution.c - see convolution.h. */
#include "convolution.h"
#include "kernels.h"

#include <string.h>

enum { WEIGHT, BIAS };

/* The ops for one number of samples. */
struct conv_size {
	struct conv_size *next;
	uint32_t samples;
	/* dgrad also applies the gradient of the input's ReLU */
	bool gated;
	struct provider_op forward, dgrad, wgrad;
};

/* --- ops -------------------------------------------------------------------------- */

static struct graph_spec spec_of(const struct conv *v, enum graph_kind kind,
    uint32_t samples)
{
	struct graph_spec spec = v->spec;

	spec.kind = kind;
	spec.n = samples;
	return spec;
}

static int open_dgrad(struct conv *v, struct conv_size *s, bool fixed)
{
	struct graph_spec spec = spec_of(v, GRAPH_DGRAD_RELU, s->samples);
	int r = CNN_END;

	if (v->gates)
		r = provider_op_try(&v->p, &s->dgrad, &spec, &v->workspace_bytes,
		    fixed);
	s->gated = r == CNN_OK;
	if (r != CNN_END)
		return r;
	spec.kind = GRAPH_DGRAD;
	return provider_op_open(&v->p, &s->dgrad, &spec, &v->workspace_bytes, fixed);
}

static int size_open(struct conv *v, struct conv_size *s, uint32_t samples, bool fixed)
{
	struct graph_spec spec = spec_of(v,
	    v->relu	? GRAPH_CONV_BIAS_RELU :
		v->bias ? GRAPH_CONV_BIAS :
			  GRAPH_CONV,
	    samples);
	int r;

	s->samples = samples;
	r = provider_op_open(&v->p, &s->forward, &spec, &v->workspace_bytes, fixed);
	if (r != CNN_OK || !v->training)
		return r;
	spec.kind = GRAPH_WGRAD;
	r = provider_op_open(&v->p, &s->wgrad, &spec, &v->workspace_bytes, fixed);
	if (r != CNN_OK || !v->wants_gradient)
		return r;
	return open_dgrad(v, s, fixed);
}

static void size_close(const struct conv *v, struct conv_size *s)
{
	provider_op_close(&s->forward);
	provider_op_close(&s->dgrad);
	provider_op_close(&s->wgrad);
	v->p.host->free(v->p.host, s);
}

static int add_size(struct conv *v, uint32_t samples, bool fixed)
{
	struct conv_size *s = v->p.host->alloc(v->p.host, sizeof *s);
	int r;

	if (!s)
		return CNN_ENOMEM;
	memset(s, 0, sizeof *s);
	r = size_open(v, s, samples, fixed);
	if (r != CNN_OK) {
		size_close(v, s);
		return r;
	}
	s->next = v->sizes;
	v->sizes = s;
	return CNN_OK;
}

static const struct conv_size *find_size(const struct conv *v, uint32_t samples)
{
	const struct conv_size *s = v->sizes;

	while (s && s->samples != samples)
		s = s->next;
	return s;
}

static int not_prepared(const struct conv *v)
{
	return provider_fail(&v->p, CNN_EUSAGE, "call",
	    "not prepared for this number of samples");
}

/* --- opening ---------------------------------------------------------------------- */

bool conv_supports(const struct cnn_run *run, const struct cnn_node *node)
{
	return node->inputs[0].rank == 3 && provider_supports(run, node);
}

static void read_node(struct conv *v, const struct conv_def *def)
{
	enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS, HAS_BIAS };
	const struct cnn_arg_value *a = def->node->args;
	const size_t *in = def->node->inputs[0].dims, *out = def->node->output.dims;

	v->spec = (struct graph_spec){
		.dtype = def->dtype,
		.c = (int64_t)in[0],
		.h = (int64_t)in[1],
		.w = (int64_t)in[2],
		.o = (int64_t)out[0],
		.oh = (int64_t)out[1],
		.ow = (int64_t)out[2],
		.kernel = { a[KERNEL].i, a[KERNEL].j },
		.stride = { a[STRIDE].i, a[STRIDE].j },
		.padding = { a[PADDING].i, a[PADDING].j },
		.dilation = { a[DILATION].i, a[DILATION].j },
		.groups = a[GROUPS].i,
	};
	v->bias = a[HAS_BIAS].i;
	v->relu = def->relu;
	v->masks = def->relu && !def->masked && def->training;
	v->gates = def->gates;
	v->training = def->training;
	v->wants_gradient = def->wants_gradient;
	v->in = in[0] * in[1] * in[2];
	v->out = out[0] * out[1] * out[2];
	v->weights = out[0] * (in[0] / (size_t)a[GROUPS].i) * (size_t)a[KERNEL].i *
	    (size_t)a[KERNEL].j;
}

/* Sets the offsets in `packed` and in scratch. */
static void place(struct conv *v, uint32_t batch)
{
	const size_t size = provider_size(v->spec.dtype);
	const size_t rows = batch * (size_t)(v->spec.oh * v->spec.ow);
	const bool half = v->spec.dtype != CNN_F32;

	v->packed_bias = half ? provider_round(v->weights * size) : 0;
	v->packed_bytes = v->packed_bias;
	if ((half && v->bias) || (v->relu && !v->bias))
		v->packed_bytes += (size_t)v->spec.o * size;
	v->grad_weight = v->masks ? provider_round(batch * v->out * size) : 0;
	v->partial = v->grad_weight;
	if (v->training && half)
		v->partial += provider_round(v->weights * size);
	v->workspace = v->partial;
	if (v->training && v->bias)
		v->workspace += provider_round(
		    kernel_partials(rows) * (size_t)v->spec.o * sizeof(float));
	v->scratch_bytes = v->workspace + v->workspace_bytes + PROVIDER_SLACK;
}

double conv_flops(const struct cnn_run *run, const struct cnn_node *node)
{
	enum { KERNEL = 1, GROUPS = 5 };
	const struct cnn_arg_value *a = node->args;
	const double patch = (double)node->inputs[0].dims[0] / (double)a[GROUPS].i *
	    (double)a[KERNEL].i * (double)a[KERNEL].j;

	return 2 * patch *
	    (double)cnn_layout_count(&node->output, CNN_NCHW, run->batch);
}

int conv_open(struct conv *v, const struct cnn_host *host, const struct conv_def *def)
{
	int r = provider_open(&v->p, host, def->node->name, def->type);

	if (r != CNN_OK)
		return r;
	read_node(v, def);
	r = add_size(v, def->batch, false);
	place(v, def->batch);
	return r;
}

void conv_close(struct conv *v)
{
	struct conv_size *s;

	while ((s = v->sizes)) {
		v->sizes = s->next;
		size_close(v, s);
	}
}

int conv_prepare(struct conv *v, uint32_t samples)
{
	return find_size(v, samples) ? CNN_OK : add_size(v, samples, true);
}

/* --- calls ------------------------------------------------------------------------ */

int conv_pack(const struct conv *v, void *queue, void *const *params, void *packed)
{
	const float *bias = v->bias ? params[BIAS] : NULL;
	char *to = packed;

	if (!v->packed_bytes)
		return CNN_OK;
	return provider_done(&v->p, "pack",
	    kernel_pack(queue, v->spec.dtype, params[WEIGHT],
		v->spec.dtype == CNN_F32 ? 0 : v->weights, bias,
		v->packed_bytes > v->packed_bias ? (size_t)v->spec.o : 0, to,
		to + v->packed_bias),
	    queue);
}

static const void *weight_of(const struct conv *v, const struct conv_call *c)
{
	return v->spec.dtype == CNN_F32 ? c->params[WEIGHT] : c->packed;
}

static const void *bias_of(const struct conv *v, const struct conv_call *c)
{
	return v->spec.dtype == CNN_F32 && v->bias ?
	    c->params[BIAS] :
	    (const char *)c->packed + v->packed_bias;
}

int conv_forward(const struct conv *v, const struct conv_call *c, void *out)
{
	const struct conv_size *s = find_size(v, c->samples);
	char *workspace = c->scratch + v->workspace;

	if (!s)
		return not_prepared(v);
	if (v->bias || v->relu)
		return PROVIDER_RUN(&v->p, &s->forward, c->queue, workspace,
		    { GRAPH_X, c->in }, { GRAPH_W, weight_of(v, c) },
		    { GRAPH_BIAS, bias_of(v, c) }, { GRAPH_Y, out });
	return PROVIDER_RUN(&v->p, &s->forward, c->queue, workspace, { GRAPH_X, c->in },
	    { GRAPH_W, weight_of(v, c) }, { GRAPH_Y, out });
}

/* Computes the gradient before ReLU, into scratch, and the bias's gradient. */
static int backward_bias(const struct conv *v, const struct conv_call *c,
    const void **grad)
{
	const size_t rows = c->samples * (size_t)(v->spec.oh * v->spec.ow);
	void *partial = c->scratch + v->partial;

	*grad = v->masks ? c->scratch : c->grad_out;
	if (!v->masks && !v->bias)
		return CNN_OK;
	return provider_done(&v->p, "gradient of the bias",
	    kernel_bias_gradient(c->queue, v->spec.dtype, rows, (size_t)v->spec.o,
		c->grad_out, v->masks ? c->out : NULL, c->scratch, partial,
		v->bias ? c->grad_params[BIAS] : NULL),
	    c->queue);
}

static int backward_weight(const struct conv *v, const struct conv_size *s,
    const struct conv_call *c, const void *grad)
{
	const bool half = v->spec.dtype != CNN_F32;
	void *to = half ? (void *)(c->scratch + v->grad_weight) :
			  c->grad_params[WEIGHT];
	int r = PROVIDER_RUN(&v->p, &s->wgrad, c->queue, c->scratch + v->workspace,
	    { GRAPH_X, c->in }, { GRAPH_Y, grad }, { GRAPH_W, to });

	if (r != CNN_OK || !half)
		return r;
	return provider_done(&v->p, "gradient of the weights",
	    kernel_unpack(c->queue, v->spec.dtype, to, v->weights,
		c->grad_params[WEIGHT]),
	    c->queue);
}

static int backward_input(const struct conv *v, const struct conv_size *s,
    const struct conv_call *c, const void *grad)
{
	char *workspace = c->scratch + v->workspace;
	int r;

	if (s->gated)
		return PROVIDER_RUN(&v->p, &s->dgrad, c->queue, workspace,
		    { GRAPH_Y, grad }, { GRAPH_W, weight_of(v, c) },
		    { GRAPH_MASK, c->in }, { GRAPH_X, c->grad_in });
	r = PROVIDER_RUN(&v->p, &s->dgrad, c->queue, workspace, { GRAPH_Y, grad },
	    { GRAPH_W, weight_of(v, c) }, { GRAPH_X, c->grad_in });
	if (r != CNN_OK || !v->gates)
		return r;
	return provider_done(&v->p, "gradient of relu",
	    kernel_bias_gradient(c->queue, v->spec.dtype,
		c->samples * (size_t)(v->spec.h * v->spec.w), (size_t)v->spec.c,
		c->grad_in, c->in, c->grad_in, NULL, NULL),
	    c->queue);
}

int conv_backward(const struct conv *v, const struct conv_call *c)
{
	const struct conv_size *s = find_size(v, c->samples);
	const void *grad;
	int r;

	if (!s)
		return not_prepared(v);
	r = backward_bias(v, c, &grad);
	if (r == CNN_OK)
		r = backward_weight(v, s, c, grad);
	if (r == CNN_OK && v->wants_gradient && c->grad_in)
		r = backward_input(v, s, c, grad);
	return r;
}

/* --- parameters ------------------------------------------------------------------- */

/* to = from with its axes O, C, K in the order O, K, C; K = KH KW. */
static void swap_axes(const float *from, float *to, size_t o, size_t c, size_t k)
{
	for (size_t i = 0; i < o; i++, from += c * k, to += c * k)
		for (size_t x = 0; x < c; x++)
			for (size_t y = 0; y < k; y++)
				to[y * c + x] = from[x * k + y];
}

int conv_import(const struct conv *v, void *queue, uint32_t index, const float *plain,
    float *native)
{
	const size_t o = (size_t)v->spec.o, c = (size_t)(v->spec.c / v->spec.groups);
	float *turned;
	int r;

	if (index != WEIGHT)
		return provider_copy(&v->p, queue, native, plain, o * sizeof(float));
	if (!(turned = v->p.host->alloc(v->p.host, v->weights * sizeof(float))))
		return CNN_ENOMEM;
	swap_axes(plain, turned, o, c, v->weights / o / c);
	r = provider_copy(&v->p, queue, native, turned, v->weights * sizeof(float));
	v->p.host->free(v->p.host, turned);
	return r;
}

int conv_export(const struct conv *v, void *queue, uint32_t index, const float *native,
    float *plain)
{
	const size_t o = (size_t)v->spec.o, c = (size_t)(v->spec.c / v->spec.groups);
	float *turned;
	int r;

	if (index != WEIGHT)
		return provider_copy(&v->p, queue, plain, native, o * sizeof(float));
	if (!(turned = v->p.host->alloc(v->p.host, v->weights * sizeof(float))))
		return CNN_ENOMEM;
	r = provider_copy(&v->p, queue, turned, native, v->weights * sizeof(float));
	if (r == CNN_OK)
		swap_axes(turned, plain, o, v->weights / o / c, c);
	v->p.host->free(v->p.host, turned);
	return r;
}
