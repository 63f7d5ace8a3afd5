/* conv.c - conv2d, conv2d+relu, conv2d+relu+conv2d, by the cuDNN engines that
 * provider.h chooses: out[o][y][x] = bias[o] + sum over the window of weight times
 * input.
 *
 * ReLU is applied while the convolution's result is still in registers. Backward masks
 * the gradient in the pass that sums the bias's gradient. */
#include "chain.h"

#include <string.h>

static bool ends_with_relu(const struct cnn_run *run)
{
	return run->node_count == 2;
}

static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	(void)host, (void)kernel;
	if (!conv_supports(run, &run->nodes[0]))
		return 0;
	return provider_estimate(run, 1, conv_flops(run, &run->nodes[0]), plan);
}

static void destroy(void *instance)
{
	struct conv *v = instance;
	const struct cnn_host *host;

	if (!v)
		return;
	host = v->p.host;
	conv_close(v);
	host->free(host, v);
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	const bool relu = ends_with_relu(run);
	const struct conv_def def = {
		.type = relu ? "conv2d relu" : "conv2d",
		.node = &run->nodes[0],
		.dtype = run->dtype,
		.batch = run->batch,
		.relu = relu,
		.training = run->training,
		.wants_gradient = run->inputs[0].wants_gradient,
	};
	struct conv *v = host->alloc(host, sizeof *v);
	int r;

	(void)kernel;
	if (!v)
		return CNN_ENOMEM;
	memset(v, 0, sizeof *v);
	r = conv_open(v, host, &def);
	if (r != CNN_OK) {
		destroy(v);
		return r;
	}
	plan->flags = CNN_KEEP_INPUT | (relu ? CNN_KEEP_OUTPUT : 0);
	plan->inputs[0] = (struct cnn_format){ run->dtype, CNN_NHWC };
	plan->output = plan->inputs[0];
	plan->scratch_bytes = v->scratch_bytes;
	plan->packed_bytes = v->packed_bytes;
	*instance = v;
	return CNN_OK;
}

static int prepare(void *instance, uint32_t samples)
{
	return conv_prepare(instance, samples);
}

static int param_import(void *instance, void *queue, uint32_t index, const float *plain,
    float *native)
{
	return conv_import(instance, queue, index, plain, native);
}

static int param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain)
{
	return conv_export(instance, queue, index, native, plain);
}

static int pack(void *instance, void *queue, void *const *params, void *packed)
{
	return conv_pack(instance, queue, params, packed);
}

static struct conv_call call_of(const struct cnn_call *c)
{
	return (struct conv_call){
		.samples = c->samples,
		.queue = c->queue,
		.in = c->in[0],
		.out = c->out,
		.grad_out = c->grad_out,
		.grad_in = c->grad_in ? c->grad_in[0] : NULL,
		.params = c->params,
		.grad_params = c->grad_params,
		.packed = c->packed,
		.scratch = c->scratch,
	};
}

static int forward(void *instance, const struct cnn_call *c)
{
	const struct conv_call call = call_of(c);

	return conv_forward(instance, &call, c->out);
}

static int backward(void *instance, const struct cnn_call *c)
{
	const struct conv_call call = call_of(c);

	return conv_backward(instance, &call);
}

#define SINGLE_KERNEL(RUN) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .cost = cost, \
		.create = create, .destroy = destroy, .prepare = prepare, \
		.param_import = param_import, .param_export = param_export, \
		.pack = pack, .forward = forward, .backward = backward, \
	}

static const struct cnn_kernel kernels[] = {
	SINGLE_KERNEL("conv2d"),
	SINGLE_KERNEL("conv2d+relu"),
	{
	    .size = sizeof(struct cnn_kernel),
	    .run = "conv2d+relu+conv2d",
	    .cost = chain_cost,
	    .create = chain_create,
	    .destroy = chain_destroy,
	    .prepare = chain_prepare,
	    .param_import = chain_param_import,
	    .param_export = chain_param_export,
	    .pack = chain_pack,
	    .forward = chain_forward,
	    .backward = chain_backward,
	},
};

PROVIDER_PLUGIN("conv", CNN_KERNELS(kernels));
