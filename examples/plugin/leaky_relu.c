/* leaky_relu: out = in where in > 0, else negative_slope in. So
 * grad_in = grad_out where in > 0, else negative_slope grad_out.
 *
 * A whole layer type: what it is (the definition) and how a CPU computes it
 * (the provider). It works element by element, so that any layout will do. */
#include <cnn/plugin.h>

struct leaky_relu {
	const struct cnn_host *host;
	float slope;
	size_t count;                            /* elements of one sample */
};

static const struct cnn_arg args[] = {
	{ "negative_slope", CNN_ARG_FLOAT, .initial = 0.01, .min = 0, .max = 1 },
};

static int infer(const struct cnn_host *host, const struct cnn_node *node,
	struct cnn_shape *out)
{
	(void)host;
	*out = node->inputs[0];
	return CNN_OK;
}

static const struct cnn_layer_def definition = {
	.size = sizeof(definition), .type = "leaky_relu",
	.summary = "rectified linear unit with a slope below zero",
	.args = args, .arg_count = 1, .min_inputs = 1, .max_inputs = 1,
	.flags = CNN_LAYER_FLOAT, .infer = infer,
};

static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	(void)host;
	return run->dtype == CNN_F32;            /* 1: plain C */
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	struct leaky_relu *l = host->alloc(host, sizeof(*l));

	if (!l)
		return CNN_ENOMEM;
	l->host = host;
	l->slope = (float)run->nodes[0].args[0].f;
	l->count = cnn_layout_count(&run->output, plan->inputs[0].layout, 1);
	plan->flags = CNN_KEEP_INPUT;
	*instance = l;
	return CNN_OK;
}

static void destroy(void *instance)
{
	struct leaky_relu *l = instance;

	if (l)
		l->host->free(l->host, l);
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct leaky_relu *l = instance;
	const float *in = call->in[0];
	float *out = call->out;

	for (size_t i = 0; i < l->count * call->samples; i++)
		out[i] = in[i] > 0 ? in[i] : l->slope * in[i];
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct leaky_relu *l = instance;
	const float *in = call->in[0], *grad_out = call->grad_out;
	float *grad_in = call->grad_in[0];

	for (size_t i = 0; grad_in && i < l->count * call->samples; i++)
		grad_in[i] = in[i] > 0 ? grad_out[i] : l->slope * grad_out[i];
	return CNN_OK;
}

static const struct cnn_provider provider = {
	.size = sizeof(provider), .run = "leaky_relu", .score = score,
	.create = create, .destroy = destroy, .forward = forward, .backward = backward,
};

CNN_EXPORT const struct cnn_plugin_entry cnn_plugin_entry = {
	.magic = CNN_PLUGIN_MAGIC, .abi_major = CNN_ABI_MAJOR, .abi_minor = CNN_ABI_MINOR,
	.size = sizeof(cnn_plugin_entry), .kind = CNN_PLUGIN_LAYER,
	.name = "leaky_relu", .version = "1.0", .device = "cpu", .provider = "example",
	.functions = &provider, .definition = &definition,
};
