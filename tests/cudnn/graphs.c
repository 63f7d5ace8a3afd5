/* graphs.c - graphs that the cuDNN provider must refuse itself, since cuDNN accepts
 * them: wrong ids, shapes, groups, layouts and orders. TAP on standard output. Needs no
 * device and no driver.
 */
#include "../../plugins/cuda/cudnn/graphs.h"
#include "../unit/tap.h"

#include <string.h>

/* conv2 of the seed network, and its pooling. */
static const struct graph_spec conv2 = {
	.kind = GRAPH_CONV,
	.dtype = CNN_F16,
	.n = 128,
	.c = 32,
	.h = 13,
	.w = 13,
	.o = 64,
	.oh = 11,
	.ow = 11,
	.kernel = { 3, 3 },
	.stride = { 1, 1 },
	.dilation = { 1, 1 },
	.groups = 1,
};
static const struct graph_spec pool2 = {
	.kind = GRAPH_MAXPOOL_INDEX,
	.dtype = CNN_F16,
	.n = 128,
	.c = 64,
	.h = 11,
	.w = 11,
	.o = 64,
	.oh = 5,
	.ow = 5,
	.kernel = { 2, 2 },
	.stride = { 2, 2 },
	.dilation = { 1, 1 },
	.groups = 1,
};

/* Checks that the graph is refused with `words` in the message, also by
 * graph_build(). */
static void refused(struct graph *g, const char *words, const char *what)
{
	struct graph_error e = { "" };
	int r = graph_check(g, &e);

	ok(r == CNN_EUSAGE && strstr(e.text, words), "%s is refused: %s", what, e.text);
	r = graph_build(g, NULL, &e);
	ok(r == CNN_EUSAGE && !g->desc, "%s isn't built", what);
	graph_close(g);
}

static void refused_spec(const struct graph_spec *spec, const char *words,
    const char *what)
{
	struct graph g;
	struct graph_error e = { "" };
	int r = graph_describe(&g, spec, &e);

	ok(r == CNN_EUSAGE && strstr(e.text, words), "%s is refused: %s", what, e.text);
}

static struct graph describe(const struct graph_spec *spec, enum graph_kind kind)
{
	struct graph_spec of_kind = *spec;
	struct graph_error e = { "" };
	struct graph g;

	of_kind.kind = kind;
	if (graph_describe(&g, &of_kind, &e) != CNN_OK)
		ok(false, "%s is described: %s", graph_kind_names[kind], e.text);
	return g;
}

static struct graph_tensor *tensor(struct graph *g, int64_t id)
{
	return &g->tensors[graph_find(g, id) - g->tensors];
}

static void test_ids(void)
{
	struct graph g = describe(&conv2, GRAPH_CONV);

	tensor(&g, GRAPH_W)->id = GRAPH_X;
	refused(&g, "the id 1", "an id given twice");

	g = describe(&conv2, GRAPH_CONV);
	tensor(&g, GRAPH_W)->id = 0;
	refused(&g, "no id", "a tensor without an id");

	g = describe(&conv2, GRAPH_CONV);
	g.ops[0].b = GRAPH_BIAS;
	refused(&g, "does not exist", "an operation on a tensor that does not exist");

	g = describe(&conv2, GRAPH_CONV_BIAS_RELU);
	tensor(&g, GRAPH_VIRTUAL)->is_virtual = false;
	refused(&g, "has the id of", "an intermediate result that is outside");

	g = describe(&conv2, GRAPH_CONV_BIAS_RELU);
	tensor(&g, GRAPH_X)->is_virtual = true;
	refused(&g, "has the id of", "an input that is inside");
}

static void test_order(void)
{
	struct graph g = describe(&conv2, GRAPH_CONV_BIAS_RELU);
	struct graph_op op = g.ops[0];

	g.ops[0] = g.ops[1];
	g.ops[1] = op;
	refused(&g, "later", "a result that is used before it is made");

	g = describe(&conv2, GRAPH_CONV_BIAS_RELU);
	g.ops[1].out = g.ops[0].out;
	refused(&g, "", "a result that is made twice");
}

static void test_shapes(void)
{
	struct graph g = describe(&conv2, GRAPH_CONV);
	struct graph_spec spec;

	/* 16 channels per filter: cuDNN would make it two groups. */
	tensor(&g, GRAPH_W)->dims[1] = 16;
	for (int i = 0; i < 4; i++)
		tensor(&g, GRAPH_W)->strides[i] = (int64_t[]){ 144, 1, 48, 16 }[i];
	refused(&g, "64x16x3x3, but should be 64x32x3x3",
	    "half the channels in a filter");

	g = describe(&conv2, GRAPH_DGRAD);
	tensor(&g, GRAPH_X)->dims[0] = 64;
	refused(&g, "64x32x13x13", "another number of samples");

	g = describe(&conv2, GRAPH_CONV_BIAS);
	tensor(&g, GRAPH_BIAS)->dims[1] = 1;
	tensor(&g, GRAPH_BIAS)->strides[0] = 1;
	tensor(&g, GRAPH_BIAS)->strides[2] = tensor(&g, GRAPH_BIAS)->strides[3] = 1;
	refused(&g, "the bias is 1x1x1x1", "one bias for all channels");

	spec = conv2;
	spec.oh = 12;
	refused_spec(&spec, "output is 12, but the window gives 11",
	    "a wrong output height");
	spec = conv2;
	spec.padding[1] = 1;
	refused_spec(&spec, "width", "padding that the output's width doesn't have");
	spec = conv2;
	spec.kernel[0] = 14;
	refused_spec(&spec, "the window (14) is larger than the padded input (13)",
	    "a kernel larger than the image");
	spec = pool2;
	spec.oh = 6;
	refused_spec(&spec, "output is 6", "a wrong pooled height");
	spec = pool2;
	spec.o = 32;
	refused_spec(&spec, "cannot change the channels",
	    "pooling that loses channels");
	spec = pool2;
	spec.kernel[0] = spec.kernel[1] = 12;
	spec.h = spec.w = 12;
	spec.oh = spec.ow = 1;
	refused_spec(&spec, "127", "a window whose places are no signed byte");
	spec = conv2;
	spec.n = 0;
	refused_spec(&spec, "out of range", "no samples");
	spec = conv2;
	spec.stride[0] = 0;
	refused_spec(&spec, "out of range", "no stride");
	spec = conv2;
	spec.n = spec.c = spec.o = 0x7fffffff;
	refused_spec(&spec, "too large", "a tensor that no memory holds");
}

static void test_groups(void)
{
	struct graph_spec spec = conv2;

	spec.groups = 3;
	refused_spec(&spec, "3 groups do not divide 32 and 64",
	    "groups that don't divide");
	spec.groups = 64;
	refused_spec(&spec, "64 groups", "more groups than channels");
	spec.groups = 0;
	refused_spec(&spec, "groups", "no groups");
}

static void test_layout(void)
{
	struct graph g = describe(&conv2, GRAPH_CONV);

	tensor(&g, GRAPH_X)->alignment = 8;
	refused(&g, "aligned only to 8", "a misaligned tensor");

	g = describe(&conv2, GRAPH_CONV);
	tensor(&g, GRAPH_X)->alignment = 24;
	refused(&g, "aligned only to 24", "an alignment that is no power of two");

	g = describe(&conv2, GRAPH_CONV);
	for (int i = 0; i < 4; i++)
		tensor(&g, GRAPH_X)->strides[i] =
		    (int64_t[]){ 32 * 169, 169, 13, 1 }[i];
	refused(&g, "NHWC", "a tensor that lies as NCHW");

	g = describe(&conv2, GRAPH_CONV_BIAS_RELU);
	tensor(&g, GRAPH_BIAS)->type = CUDNN_DATA_FLOAT;
	refused(&g, "element type", "a float bias of a convolution in half");

	g = describe(&pool2, GRAPH_MAXPOOL_BACKWARD);
	tensor(&g, GRAPH_INDEX)->type = CUDNN_DATA_INT32;
	refused(&g, "element type", "an index of another type");
}

/* Valid graphs are built, each kind in each type. Engines are not tested here. */
static void test_built(void)
{
	static const uint32_t dtypes[] = { CNN_F32, CNN_F16, CNN_BF16 };

	for (int kind = 0; kind < GRAPH_KIND_COUNT; kind++) {
		int built = 0;
		struct graph_error e = { "" };

		for (int i = 0; i < 3; i++) {
			struct graph_spec spec = kind >= GRAPH_MAXPOOL ? pool2 : conv2;
			struct graph g;

			spec.kind = (enum graph_kind)kind;
			spec.dtype = dtypes[i];
			built += graph_describe(&g, &spec, &e) == CNN_OK &&
			    graph_build(&g, NULL, &e) == CNN_OK;
			graph_close(&g);
		}
		ok(built == 3, "%s is described and built in f32, f16 and bf16%s%s",
		    graph_kind_names[kind], *e.text ? ": " : "", e.text);
	}
}

int main(void)
{
	ok(!cudnn_library_open(), "cuDNN is opened");
	test_ids();
	test_order();
	test_shapes();
	test_groups();
	test_layout();
	test_built();
	return done();
}
