/* conv2d: out[o][y][x] = bias[o] + the sum of weight times input over the kernel and
 * the input channels of o's group (a cross-correlation, as in other frameworks). */
#include "layer.h"

enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS, BIAS };

static const struct cnn_arg args[] = {
	[OUT] = { "out", CNN_ARG_INT, 1, 0, 1, LAYER_MAX_CHANNELS },
	[KERNEL] = { "kernel", CNN_ARG_PAIR, 1, 0, 1, LAYER_MAX_WINDOW },
	[STRIDE] = { "stride", CNN_ARG_PAIR, 0, 1, 1, LAYER_MAX_WINDOW },
	[PADDING] = { "padding", CNN_ARG_PAIR, 0, 0, 0, LAYER_MAX_WINDOW },
	[DILATION] = { "dilation", CNN_ARG_PAIR, 0, 1, 1, LAYER_MAX_WINDOW },
	[GROUPS] = { "groups", CNN_ARG_INT, 0, 1, 1, LAYER_MAX_CHANNELS },
	[BIAS] = { "bias", CNN_ARG_BOOL, 0, 1, 0, 1 },
};

static struct cnn_shape weight_shape(const struct cnn_node *node)
{
	const struct cnn_arg_value *a = node->args;

	return (struct cnn_shape){ 4,
		{
		    (size_t)a[OUT].i,
		    node->inputs[0].dims[0] / (size_t)a[GROUPS].i,
		    (size_t)a[KERNEL].i,
		    (size_t)a[KERNEL].j,
		} };
}

static int infer(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_shape *out)
{
	const struct cnn_arg_value *a = node->args;
	const struct cnn_shape *in = &node->inputs[0];
	const struct cnn_window window = {
		.kernel = { a[KERNEL].i, a[KERNEL].j },
		.stride = { a[STRIDE].i, a[STRIDE].j },
		.padding = { a[PADDING].i, a[PADDING].j },
		.dilation = { a[DILATION].i, a[DILATION].j },
	};
	struct cnn_shape weight;
	int r;

	if ((r = cnn_layer_want_image(host, "conv2d", in)) != CNN_OK)
		return r;
	if (in->dims[0] % (size_t)a[GROUPS].i)
		return host->fail(host, CNN_EDATA,
		    "groups=%lld does not divide the %zu channels of input %s",
		    (long long)a[GROUPS].i, in->dims[0], cnn_layer_text(in).text);
	if (a[OUT].i % a[GROUPS].i)
		return host->fail(host, CNN_EDATA,
		    "groups=%lld does not divide out=%lld", (long long)a[GROUPS].i,
		    (long long)a[OUT].i);
	if ((r = cnn_layer_slide(host, in, &window, (size_t)a[OUT].i, out)) != CNN_OK)
		return r;
	weight = weight_shape(node);
	return cnn_layer_check(host, "weight", &weight);
}

static int params(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_param *p, uint32_t *count)
{
	const struct cnn_shape weight = weight_shape(node);
	const struct cnn_shape bias = { 1, { weight.dims[0] } };
	double fan_in = (double)weight.dims[1] * (double)weight.dims[2] *
	    (double)weight.dims[3];

	(void)host;
	cnn_layer_uniform_param(&p[0], "weight", weight, fan_in);
	cnn_layer_uniform_param(&p[1], "bias", bias, fan_in);
	*count = node->args[BIAS].i ? 2 : 1;
	return CNN_OK;
}

static double flops(const struct cnn_node *node)
{
	const struct cnn_shape w = weight_shape(node);
	double patch = (double)w.dims[1] * (double)w.dims[2] * (double)w.dims[3];

	return (double)cnn_layer_count(&node->output) * (2 * patch);
}

const struct cnn_layer_def cnn_layer_conv2d = {
	.size = sizeof(struct cnn_layer_def),
	.type = "conv2d",
	.summary = "2-D convolution",
	.args = args,
	.arg_count = sizeof(args) / sizeof(args[0]),
	.min_inputs = 1,
	.max_inputs = 1,
	.flags = CNN_LAYER_HALF,
	.infer = infer,
	.params = params,
	.flops = flops,
};
