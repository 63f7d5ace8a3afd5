/* chain.c - conv2d+relu+conv2d: middle = max(conv(in), 0), out = conv(middle).
 *
 * In backward, the dgrad of the second convolution computes the gradient of middle. If
 * cuDNN has an engine for it, which is compiled when the plan is built, the same kernel
 * applies ReLU's gradient. `saved` is middle.
 */
#include "chain.h"

#include <string.h>

struct chain {
	struct conv first, second;
	/* Index of its weights in the run's parameters */
	uint32_t second_param;
	size_t second_packed; /* offset in packed */
	/* Bytes of middle. Scratch holds its gradient, or middle itself if it is not
	 * saved. */
	size_t middle;
};

/* The tensor between the convolutions needs no kernel of its own. */
double chain_cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	(void)host, (void)kernel;
	if (!conv_supports(run, &run->nodes[0]) || !conv_supports(run, &run->nodes[2]))
		return 0;
	return provider_estimate(run, 2,
	    conv_flops(run, &run->nodes[0]) + conv_flops(run, &run->nodes[2]), plan);
}

void chain_destroy(void *instance)
{
	struct chain *c = instance;
	const struct cnn_host *host;

	if (!c)
		return;
	host = c->first.p.host;
	conv_close(&c->first);
	conv_close(&c->second);
	host->free(host, c);
}

static int open_both(struct chain *c, const struct cnn_host *host,
    const struct cnn_run *run)
{
	struct conv_def def = {
		.type = "conv2d relu conv2d",
		.node = &run->nodes[0],
		.dtype = run->dtype,
		.batch = run->batch,
		.relu = true,
		.masked = true,
		.training = run->training,
		.wants_gradient = run->inputs[0].wants_gradient,
	};
	int r;

	c->first.p.host = host;
	r = conv_open(&c->first, host, &def);
	if (r != CNN_OK)
		return r;
	def.node = &run->nodes[2];
	def.relu = def.masked = false;
	def.gates = true;
	def.wants_gradient = true;
	return conv_open(&c->second, host, &def);
}

int chain_create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct chain *c = host->alloc(host, sizeof *c);
	size_t scratch;
	int r;

	(void)kernel;
	if (!c)
		return CNN_ENOMEM;
	memset(c, 0, sizeof *c);
	r = open_both(c, host, run);
	if (r != CNN_OK) {
		chain_destroy(c);
		return r;
	}
	c->second_param = c->first.bias ? 2 : 1;
	c->second_packed = provider_round(c->first.packed_bytes);
	c->middle = provider_round(
	    run->batch * c->first.out * provider_size(run->dtype));
	scratch = c->first.scratch_bytes > c->second.scratch_bytes ?
	    c->first.scratch_bytes :
	    c->second.scratch_bytes;
	plan->flags = CNN_KEEP_INPUT;
	plan->inputs[0] = (struct cnn_format){ run->dtype, CNN_NHWC };
	plan->output = plan->inputs[0];
	plan->saved_bytes = run->training ? c->middle : 0;
	plan->scratch_bytes = c->middle + scratch;
	plan->packed_bytes = c->second_packed + c->second.packed_bytes;
	*instance = c;
	return CNN_OK;
}

int chain_prepare(void *instance, uint32_t samples)
{
	struct chain *c = instance;
	int r = conv_prepare(&c->first, samples);

	return r == CNN_OK ? conv_prepare(&c->second, samples) : r;
}

static const struct conv *owner(const struct chain *c, uint32_t *index)
{
	if (*index < c->second_param)
		return &c->first;
	*index -= c->second_param;
	return &c->second;
}

int chain_param_import(void *instance, void *queue, uint32_t index, const float *plain,
    float *native)
{
	const struct conv *v = owner(instance, &index);

	return conv_import(v, queue, index, plain, native);
}

int chain_param_export(void *instance, void *queue, uint32_t index, const float *native,
    float *plain)
{
	const struct conv *v = owner(instance, &index);

	return conv_export(v, queue, index, native, plain);
}

int chain_pack(void *instance, void *queue, void *const *params, void *packed)
{
	const struct chain *c = instance;
	int r = conv_pack(&c->first, queue, params, packed);

	return r == CNN_OK ? conv_pack(&c->second, queue, params + c->second_param,
				 (char *)packed + c->second_packed) :
			     r;
}

/* The call of the first convolution, except out and grad_out. */
static struct conv_call first_call(const struct chain *c, const struct cnn_call *call)
{
	return (struct conv_call){
		.samples = call->samples,
		.queue = call->queue,
		.in = call->in[0],
		.grad_in = call->grad_in ? call->grad_in[0] : NULL,
		.params = call->params,
		.grad_params = call->grad_params,
		.packed = call->packed,
		.scratch = (char *)call->scratch + c->middle,
	};
}

static struct conv_call second_call(const struct chain *c, const struct cnn_call *call,
    const void *middle)
{
	return (struct conv_call){
		.samples = call->samples,
		.queue = call->queue,
		.in = middle,
		.grad_out = call->grad_out,
		.grad_in = call->scratch,
		.params = call->params + c->second_param,
		.grad_params = call->grad_params ? call->grad_params + c->second_param :
						   NULL,
		.packed = (const char *)call->packed + c->second_packed,
		.scratch = (char *)call->scratch + c->middle,
	};
}

int chain_forward(void *instance, const struct cnn_call *call)
{
	const struct chain *c = instance;
	void *middle = call->saved ? call->saved : call->scratch;
	const struct conv_call first = first_call(c, call);
	const struct conv_call second = second_call(c, call, middle);
	int r = conv_forward(&c->first, &first, middle);

	return r == CNN_OK ? conv_forward(&c->second, &second, call->out) : r;
}

int chain_backward(void *instance, const struct cnn_call *call)
{
	const struct chain *c = instance;
	struct conv_call first = first_call(c, call);
	const struct conv_call second = second_call(c, call, call->saved);
	int r = conv_backward(&c->second, &second);

	first.grad_out = call->scratch;
	return r == CNN_OK ? conv_backward(&c->first, &first) : r;
}
