/* tanh_affine: out = tanh(weight[c] * in + bias[c]), c the first axis. A correct
 * plugin, unless macros break it. */
#include <cnn/plugin.h>
#include <math.h>
#include <stdlib.h>

#ifndef FLAGS
#define FLAGS (CNN_KEEP_INPUT | CNN_KEEP_OUTPUT)
#endif
#ifndef WEIGHT_FACTOR
#define WEIGHT_FACTOR 1 /* of its gradient */
#endif
#ifndef ADD
#define ADD 0 /* to the gradient of weight */
#endif
#ifndef SCRATCH
#define SCRATCH 0 /* is read, but not written */
#endif

static const struct cnn_arg args[] = {
	{ "bias", CNN_ARG_BOOL, .initial = 1, .max = 1 },
};

static int infer(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_shape *out)
{
	if (node->inputs[0].rank != 3)
		return host->fail(host, CNN_EDATA, "tanh_affine wants an image");
	*out = node->inputs[0];
	return CNN_OK;
}

static int params(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_param *p, uint32_t *count)
{
	(void)host;
	*count = node->args[0].i ? 2 : 1;
	for (uint32_t i = 0; i < *count; i++)
		p[i] = (struct cnn_param){ .name = "weight",
			.shape = { 1, { node->inputs[0].dims[0] } },
			.init = CNN_INIT_UNIFORM,
			.value = 1 };
	if (*count == 2)
		p[1] = (struct cnn_param){ .name = "bias", .shape = p[0].shape };
	return CNN_OK;
}

static const struct cnn_layer_def definitions[] = { {
    .size = sizeof(struct cnn_layer_def),
    .type = "tanh_affine",
    .summary = "a test",
    .args = args,
    .arg_count = 1,
    .min_inputs = 1,
    .max_inputs = 1,
    .flags = CNN_LAYER_FLOAT,
    .infer = infer,
    .params = params,
} };

struct instance {
	size_t channels, plane;
	int bias;
};

static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	return (void)host, (void)kernel, (void)plan, run->dtype == CNN_F32;
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct instance *x = *instance = malloc(sizeof(*x));

	(void)kernel;
	if (!x)
		return host->fail(host, CNN_ENOMEM, "out of memory");
	plan->inputs[0].layout = plan->output.layout = CNN_NCHW;
	x->channels = run->output.dims[0];
	x->plane = run->output.dims[1] * run->output.dims[2];
	x->bias = (int)run->nodes[0].args[0].i;
	plan->flags = FLAGS;
	plan->scratch_bytes = sizeof(float);
	return CNN_OK;
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct instance *x = instance;
	const float *in = call->in[0], *w = call->params[0];
	float *out = call->out;

	for (size_t c = 0; c < x->channels * call->samples; c++)
		for (size_t i = 0; i < x->plane; i++) {
			size_t k = c % x->channels;

			*out++ = tanhf(*in++ * w[k] +
			    (x->bias ? ((float *)call->params[1])[k] : 0) +
			    (SCRATCH ? *(float *)call->scratch : 0));
		}
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct instance *x = instance;
	const float *in = call->in[0], *w = call->params[0], *out = call->out;
	const float *g = call->grad_out;
	float *gi = call->grad_in[0], *gw = call->grad_params[0];
	float *gb = x->bias ? call->grad_params[1] : NULL;

	for (size_t c = 0; c < x->channels; c++) {
		gw[c] = ADD ? gw[c] : 0;
		if (gb)
			gb[c] = 0;
	}
	for (size_t c = 0; c < x->channels * call->samples; c++)
		for (size_t i = 0; i < x->plane; i++, in++, out++, g++) {
			size_t k = c % x->channels;
			float d = *g * (1 - *out * *out);

			gw[k] += WEIGHT_FACTOR * d * *in;
			if (gb)
				gb[k] += d;
			if (gi)
				*gi++ = d * w[k];
		}
	return CNN_OK;
}

static const struct cnn_kernel kernels[] = { {
    .size = sizeof(struct cnn_kernel),
    .run = "tanh_affine",
    .cost = cost,
    .create = create,
    .destroy = free,
    .forward = forward,
    .backward = backward,
} };

CNN_PLUGIN_ENTRY(.name = "tanh_affine", .version = "1", .device = "cpu",
    .provider = "test", CNN_KERNELS(kernels), CNN_DEFINITIONS(definitions));
