/* layer.c - helpers shared by the built-in layer definitions. */
#include "layer.h"
#include <math.h>
#include <stdio.h>

struct cnn_shape_string cnn_layer_text(const struct cnn_shape *s)
{
	struct cnn_shape_string string;

	cnn_shape_text((int)s->rank, s->dims, string.text, sizeof(string.text));
	return string;
}

size_t cnn_layer_count(const struct cnn_shape *s)
{
	size_t n = 1;

	for (uint32_t i = 0; i < s->rank; i++)
		n *= s->dims[i];
	return n;
}

int cnn_layer_check(const struct cnn_host *host, const char *what,
    const struct cnn_shape *s)
{
	size_t n = 1;

	if (s->rank > CNN_MAX_RANK)
		return host->fail(host, CNN_EDATA, "%s has %u axes (at most %d)", what,
		    s->rank, CNN_MAX_RANK);
	for (uint32_t i = 0; i < s->rank; i++) {
		if (s->dims[i] == 0)
			return host->fail(host, CNN_EDATA, "%s %s is empty", what,
			    cnn_layer_text(s).text);
		if (!cnn_mul(n, s->dims[i], &n) || n > LAYER_MAX_ELEMENTS)
			return host->fail(host, CNN_EDATA,
			    "%s %s is too large: at most %zu elements", what,
			    cnn_layer_text(s).text, LAYER_MAX_ELEMENTS);
	}
	return CNN_OK;
}

int cnn_layer_want_image(const struct cnn_host *host, const char *type,
    const struct cnn_shape *in)
{
	if (in->rank != 3)
		return host->fail(host, CNN_EDATA,
		    "%s needs channels x height x width, not input %s", type,
		    cnn_layer_text(in).text);
	return cnn_layer_check(host, "input", in);
}

int cnn_layer_want_vector(const struct cnn_host *host, const char *type,
    const struct cnn_shape *in)
{
	if (in->rank != 1)
		return host->fail(host, CNN_EDATA, "%s needs a vector, not input %s%s",
		    type, cnn_layer_text(in).text,
		    in->rank > 1 ? ": put flatten before it" : "");
	return cnn_layer_check(host, "input", in);
}

int cnn_layer_same_shape(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_shape *out)
{
	*out = node->inputs[0];
	return cnn_layer_check(host, "input", out);
}

struct cnn_window cnn_layer_pool_window(const struct cnn_node *node)
{
	const struct cnn_arg_value *kernel = &node->args[0], *padding = &node->args[2];
	const struct cnn_arg_value *stride = &node->args[1];

	return (struct cnn_window){
		.kernel = { kernel->i, kernel->j },
		.stride = { stride->i, stride->j },
		.padding = { padding->i, padding->j },
		.dilation = { 1, 1 },
	};
}

static int does_not_fit(const struct cnn_host *host, const struct cnn_shape *in,
    const struct cnn_window *w)
{
	char spread[64] = "", padded[64] = "";

	if (w->dilation[0] > 1 || w->dilation[1] > 1)
		snprintf(spread, sizeof(spread), " of dilation %lldx%lld",
		    (long long)w->dilation[0], (long long)w->dilation[1]);
	if (w->padding[0] || w->padding[1])
		snprintf(padded, sizeof(padded), " padded by %lldx%lld",
		    (long long)w->padding[0], (long long)w->padding[1]);
	return host->fail(host, CNN_EDATA, "kernel %lldx%lld%s does not fit input %s%s",
	    (long long)w->kernel[0], (long long)w->kernel[1], spread,
	    cnn_layer_text(in).text, padded);
}

int cnn_layer_slide(const struct cnn_host *host, const struct cnn_shape *in,
    const struct cnn_window *w, size_t channels, struct cnn_shape *out)
{
	*out = (struct cnn_shape){ .rank = 3, .dims = { channels } };
	for (int i = 0; i < 2; i++) {
		/* No overflow: dimensions are below 2^31, window sizes below 2^16. */
		int64_t room = (int64_t)in->dims[i + 1] + 2 * w->padding[i];
		int64_t reach = w->dilation[i] * (w->kernel[i] - 1) + 1;

		if (reach > room)
			return does_not_fit(host, in, w);
		out->dims[i + 1] = (size_t)((room - reach) / w->stride[i] + 1);
	}
	return cnn_layer_check(host, "output", out);
}

void cnn_layer_uniform_param(struct cnn_param *param, const char *name,
    struct cnn_shape shape, double fan_in)
{
	*param = (struct cnn_param){
		.shape = shape,
		.kind = CNN_PARAM_TRAINABLE,
		.init = CNN_INIT_UNIFORM,
		.value = 1 / sqrt(fan_in),
	};
	snprintf(param->name, sizeof(param->name), "%s", name);
}

int cnn_layer_pool_infer(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_shape *out)
{
	const struct cnn_shape *in = &node->inputs[0];
	const struct cnn_window w = cnn_layer_pool_window(node);
	int r = cnn_layer_want_image(host, node->type, in);

	if (r != CNN_OK)
		return r;
	/* Otherwise a window could lie entirely in the padding. */
	if (w.padding[0] > w.kernel[0] / 2 || w.padding[1] > w.kernel[1] / 2)
		return host->fail(host, CNN_EDATA,
		    "padding %lldx%lld is more than half of kernel %lldx%lld",
		    (long long)w.padding[0], (long long)w.padding[1],
		    (long long)w.kernel[0], (long long)w.kernel[1]);
	return cnn_layer_slide(host, in, &w, in->dims[0], out);
}

double cnn_layer_pool_flops(const struct cnn_node *node)
{
	const struct cnn_window w = cnn_layer_pool_window(node);

	return (double)cnn_layer_count(&node->output) *
	    (double)(w.kernel[0] * w.kernel[1]);
}
