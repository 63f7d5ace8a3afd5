/* pool.c - maxpool2d, avgpool2d: out[c][y][x] = the maximum, or the mean, over a
 * window.
 *
 * cuDNN's engines for it are compiled when the plan is built. Backward of the maximum
 * uses the indices that forward stores in `saved`, one byte each.
 */
#include "provider.h"

#include <string.h>

/* How the kernels differ. */
struct pool_kind {
	bool max;
};

/* The ops for one number of samples. */
struct pool_size {
	struct pool_size *next;
	uint32_t samples;
	struct provider_op forward, backward;
};

struct pool {
	struct provider p;
	struct graph_spec spec; /* except kind and n */
	bool max, training, wants_gradient;
	size_t workspace_bytes;
	struct pool_size *sizes;
};

/* --- ops -------------------------------------------------------------------------- */

static bool saves(const struct pool *p)
{
	return p->max && p->training && p->wants_gradient;
}

static int size_open(struct pool *p, struct pool_size *s, uint32_t samples, bool fixed)
{
	struct graph_spec spec = p->spec;
	int r;

	s->samples = samples;
	spec.n = samples;
	spec.kind = !p->max ? GRAPH_AVGPOOL :
	    saves(p)	    ? GRAPH_MAXPOOL_INDEX :
			      GRAPH_MAXPOOL;
	r = provider_op_open(&p->p, &s->forward, &spec, &p->workspace_bytes, fixed);
	if (r != CNN_OK || !p->training || !p->wants_gradient)
		return r;
	spec.kind = p->max ? GRAPH_MAXPOOL_BACKWARD : GRAPH_AVGPOOL_BACKWARD;
	return provider_op_open(&p->p, &s->backward, &spec, &p->workspace_bytes, fixed);
}

static void size_close(const struct pool *p, struct pool_size *s)
{
	provider_op_close(&s->forward);
	provider_op_close(&s->backward);
	p->p.host->free(p->p.host, s);
}

static int add_size(struct pool *p, uint32_t samples, bool fixed)
{
	struct pool_size *s = p->p.host->alloc(p->p.host, sizeof *s);
	int r;

	if (!s)
		return CNN_ENOMEM;
	memset(s, 0, sizeof *s);
	r = size_open(p, s, samples, fixed);
	if (r != CNN_OK) {
		size_close(p, s);
		return r;
	}
	s->next = p->sizes;
	p->sizes = s;
	return CNN_OK;
}

static const struct pool_size *find_size(const struct pool *p, uint32_t samples)
{
	const struct pool_size *s = p->sizes;

	while (s && s->samples != samples)
		s = s->next;
	return s;
}

static int not_prepared(const struct pool *p)
{
	return provider_fail(&p->p, CNN_EUSAGE, "call",
	    "not prepared for this number of samples");
}

/* --- the provider's functions ----------------------------------------------------- */

enum { KERNEL, STRIDE, PADDING };

/* Higher than that of native pooling, by a second launch: cuDNN must compile its engine
 * first, and it was never timed. */
static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	const struct cnn_arg_value *a = run->nodes[0].args;
	const struct pool_kind *kind = kernel->data;

	(void)host;
	if (run->nodes[0].inputs[0].rank != 3 ||
	    !provider_supports(run, &run->nodes[0]) ||
	    (kind->max && a[KERNEL].i * a[KERNEL].j > GRAPH_MAX_INDEX))
		return 0;
	return provider_estimate(run, 2, 0, plan);
}

static void read_node(struct pool *p, const struct cnn_run *run)
{
	const struct cnn_node *node = &run->nodes[0];
	const struct cnn_arg_value *a = node->args;
	const struct cnn_arg_value *stride = &a[STRIDE];
	const size_t *in = node->inputs[0].dims, *out = node->output.dims;

	p->spec = (struct graph_spec){
		.dtype = run->dtype,
		.c = (int64_t)in[0],
		.h = (int64_t)in[1],
		.w = (int64_t)in[2],
		.o = (int64_t)out[0],
		.oh = (int64_t)out[1],
		.ow = (int64_t)out[2],
		.kernel = { a[KERNEL].i, a[KERNEL].j },
		.stride = { stride->i, stride->j },
		.padding = { a[PADDING].i, a[PADDING].j },
		.dilation = { 1, 1 },
		.groups = 1,
	};
	p->training = run->training;
	p->wants_gradient = run->inputs[0].wants_gradient;
}

static void destroy(void *instance)
{
	struct pool *p = instance;
	struct pool_size *s;

	if (!p)
		return;
	while ((s = p->sizes)) {
		p->sizes = s->next;
		size_close(p, s);
	}
	p->p.host->free(p->p.host, p);
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	const struct pool_kind *kind = kernel->data;
	struct pool *p = host->alloc(host, sizeof *p);
	int r;

	if (!p)
		return CNN_ENOMEM;
	memset(p, 0, sizeof *p);
	r = provider_open(&p->p, host, run->nodes[0].name, kernel->run);
	if (r == CNN_OK) {
		read_node(p, run);
		p->max = kind->max;
		r = add_size(p, run->batch, false);
	}
	if (r != CNN_OK) {
		destroy(p);
		return r;
	}
	plan->inputs[0] = (struct cnn_format){ run->dtype, CNN_NHWC };
	plan->output = plan->inputs[0];
	plan->scratch_bytes = p->workspace_bytes + PROVIDER_SLACK;
	if (saves(p))
		plan->saved_bytes = run->batch *
		    (size_t)(p->spec.o * p->spec.oh * p->spec.ow);
	*instance = p;
	return CNN_OK;
}

static int prepare(void *instance, uint32_t samples)
{
	struct pool *p = instance;

	return find_size(p, samples) ? CNN_OK : add_size(p, samples, true);
}

static int forward(void *instance, const struct cnn_call *c)
{
	const struct pool *p = instance;
	const struct pool_size *s = find_size(p, c->samples);

	if (!s)
		return not_prepared(p);
	if (saves(p))
		return PROVIDER_RUN(&p->p, &s->forward, c->queue, c->scratch,
		    { GRAPH_X, c->in[0] }, { GRAPH_Y, c->out },
		    { GRAPH_INDEX, c->saved });
	return PROVIDER_RUN(&p->p, &s->forward, c->queue, c->scratch,
	    { GRAPH_X, c->in[0] }, { GRAPH_Y, c->out });
}

static int backward(void *instance, const struct cnn_call *c)
{
	const struct pool *p = instance;
	const struct pool_size *s = find_size(p, c->samples);

	if (!s)
		return not_prepared(p);
	if (!p->wants_gradient || !c->grad_in || !c->grad_in[0])
		return CNN_OK;
	if (p->max)
		return PROVIDER_RUN(&p->p, &s->backward, c->queue, c->scratch,
		    { GRAPH_Y, c->grad_out }, { GRAPH_INDEX, c->saved },
		    { GRAPH_X, c->grad_in[0] });
	return PROVIDER_RUN(&p->p, &s->backward, c->queue, c->scratch,
	    { GRAPH_Y, c->grad_out }, { GRAPH_X, c->grad_in[0] });
}

static const struct pool_kind max = { true }, avg = { false };

#define POOL_KERNEL(RUN, DATA) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .data = &(DATA), \
		.cost = cost, .create = create, .destroy = destroy, \
		.prepare = prepare, .forward = forward, .backward = backward, \
	}

static const struct cnn_kernel kernels[] = {
	POOL_KERNEL("maxpool2d", max),
	POOL_KERNEL("avgpool2d", avg),
};

PROVIDER_PLUGIN("pool", CNN_KERNELS(kernels));
