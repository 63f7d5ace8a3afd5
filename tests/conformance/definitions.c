/* definitions.c - the built-in layer types: shapes, parameters, refusals. */
#include "conformance.h"
#include "base/tensor.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *net, *inputs;
	const char *output; /* its shape */
	const char *params; /* "weight 10x7 0.378" ... */
	double flops;
} right[] = {
	{ "conv2d out=32 kernel=3", "1x28x28", "32x26x26",
	    "weight 32x1x3x3 0.3333; bias 32 0.3333; ", 2 * 9 * 32 * 676 },
	{ "conv2d out=6 kernel=3x2 stride=2x3 padding=1 dilation=2x1 groups=2 bias=false",
	    "4x9x8", "6x4x3", "weight 6x2x3x2 0.2887; ", 2 * 12 * 72 },
	{ "linear out=10", "7", "10", "weight 10x7 0.3780; bias 10 0.3780; ", 140 },
	{ "relu", "3x4", "3x4", "", 12 },
	{ "normalize mean=0.5 std=0.25", "3x4", "3x4", "", 12 },
	{ "maxpool2d kernel=2", "64x11x11", "64x5x5", "", 6400 },
	{ "maxpool2d kernel=3 stride=2 padding=1", "2x7x8", "2x4x4", "", 288 },
	{ "avgpool2d kernel=3x2 stride=1", "2x3x3", "2x1x2", "", 24 },
	{ "flatten", "64x5x5", "1600", "", 0 },
	{ "dropout p=0.25", "9", "9", "", 9 },
	{ "add", "3x2 3x2 3x2", "3x2", "", 12 },
	{ "batchnorm2d", "5x2x2", "5x2x2",
	    "weight 5 =1; bias 5 =0; "
	    "running_mean 5 =0 buffer; running_var 5 =1 buffer; ",
	    40 },
	{ "cross_entropy", "10", "2", "", 40 },
};

static const struct {
	const char *net, *inputs, *message;
} wrong[] = {
	{ "conv2d out=8 kernel=5", "1x3x3", "kernel 5x5 does not fit input 1x3x3" },
	{ "conv2d out=8 kernel=3 dilation=2 padding=0x1", "1x4x3",
	    "kernel 3x3 of dilation 2x2 does not fit input 1x4x3 padded by 0x1" },
	{ "conv2d out=8 kernel=3", "9",
	    "conv2d needs channels x height x width, not input 9" },
	{ "conv2d out=8 kernel=1 groups=3", "4x2x2",
	    "groups=3 does not divide the 4 channels of input 4x2x2" },
	{ "conv2d out=4 kernel=1 groups=3", "3x2x2", "groups=3 does not divide out=4" },
	{ "conv2d out=16777216 kernel=3 padding=1", "1x20x20",
	    "output 16777216x20x20 is too large: at most 2147483647 elements" },
	{ "conv2d out=16777216 kernel=1x200", "1x1x200",
	    "weight 16777216x1x1x200 is too large: at most 2147483647 elements" },
	{ "linear out=10", "3x2x2",
	    "linear needs a vector, not input 3x2x2: put flatten before it" },
	{ "linear out=16777216", "1000",
	    "weight 16777216x1000 is too large: at most 2147483647 elements" },
	{ "maxpool2d kernel=2", "3x1x4", "kernel 2x2 does not fit input 3x1x4" },
	{ "avgpool2d kernel=3 padding=2", "3x9x9",
	    "padding 2x2 is more than half of kernel 3x3" },
	{ "add", "3x2 3x2 2x3",
	    "add needs equal shapes: input 1 is 3x2, input 3 is 2x3" },
	{ "batchnorm2d", "7",
	    "batchnorm2d needs channels x height x width, not input 7" },
	{ "cross_entropy", "3x1x1",
	    "cross_entropy needs a vector, not input 3x1x1: put flatten before it" },
	{ "relu", "3x0", "input 3x0 is empty" },
	{ "flatten", "65536x65536x4294967296",
	    "input 65536x65536x4294967296 is too large: at most 2147483647 elements" },
};

static void describe_params(const struct layer_chain *c, char *text, size_t size)
{
	char shape[CNN_SHAPE_TEXT];
	size_t n = 0;

	*text = '\0';
	for (uint32_t i = 0; i < c->param_count && n < size; i++) {
		const struct cnn_param *p = &c->params[i];

		cnn_shape_text((int)p->shape.rank, p->shape.dims, shape, sizeof(shape));
		n += (size_t)snprintf(text + n, size - n,
		    p->init == CNN_INIT_UNIFORM ? "%s %s %.4f%s; " : "%s %s =%.0f%s; ",
		    p->name, shape, p->value,
		    p->kind == CNN_PARAM_BUFFER ? " buffer" : "");
	}
}

void test_definitions(struct suite *s)
{
	char shape[CNN_SHAPE_TEXT], params[300];
	struct layer_chain c;

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		struct cnn_error e = { 0 };
		double flops;

		if (chain_parse(&c, s->trial.oracle, right[i].net, right[i].inputs,
			&e) != CNN_OK) {
			claim(&s->trial, false, "%s: %s", right[i].net, e.text);
			continue;
		}
		cnn_shape_text((int)c.output.rank, c.output.dims, shape, sizeof(shape));
		describe_params(&c, params, sizeof(params));
		flops = c.defs[0]->flops ? c.defs[0]->flops(&c.nodes[0]) :
					   (double)chain_count(&c.output);
		claim(&s->trial,
		    strcmp(shape, right[i].output) == 0 &&
			strcmp(params, right[i].params) == 0 && flops == right[i].flops,
		    "%s of %s gives %s, %.0f flop, params: %s", right[i].net,
		    right[i].inputs, shape, flops, params);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct cnn_error e = { 0 };
		int r =
		    chain_parse(&c, s->trial.oracle, wrong[i].net, wrong[i].inputs, &e);

		claim(&s->trial,
		    r == CNN_EDATA && strcmp(e.text, wrong[i].message) == 0,
		    "%s of %s: %s", wrong[i].net, wrong[i].inputs, e.text);
	}
}
