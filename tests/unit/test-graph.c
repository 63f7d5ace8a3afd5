/* Graphs: shapes, parameters, edges, and errors with their line numbers. */
#include "tap.h"

#include "net/graph.h"
#include "base/tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct cnn_plugins *plugins;
static struct cnn_error error;

static struct cnn_graph *build(const char *text)
{
	struct cnn_graph *g = NULL;

	error = (struct cnn_error){ 0 };
	if (cnn_graph_build(&g, "x.net", text, strlen(text), plugins, &error) < 0 && g)
		ok(false, "a graph came with an error");
	return g;
}

/* why: the whole message, or its beginning if it ends in '*'. */
static void refused_as(int code, const char *text, const char *why)
{
	struct cnn_graph *g = build(text);
	size_t n = strlen(why);
	bool same = n && why[n - 1] == '*' ? !strncmp(error.text, why, n - 1) :
					     !strcmp(error.text, why);

	if (!ok(!g && error.code == code && same, "%s", why))
		printf("# said: %s\n", g ? "(it was taken)" : error.text);
	cnn_graph_free(g);
}

static void refused(const char *text, const char *why)
{
	refused_as(CNN_EDATA, text, why);
}

/* --- shapes and parameters -------------------------------------------------------- */

static bool shape_is(const struct cnn_shape *s, const char *want)
{
	char text[CNN_SHAPE_TEXT];

	cnn_graph_shape_text(s, text, sizeof text);
	if (strcmp(text, want) == 0)
		return true;
	printf("# shape %s, not %s\n", text, want);
	return false;
}

/* The output shape of a layer for an input shape. */
static void gives(const char *input, const char *layer, const char *want)
{
	char text[300];
	struct cnn_graph *g;

	snprintf(text, sizeof text, "input %s\n%s\n", input, layer);
	g = build(text);
	if (!ok(g && shape_is(&g->nodes[1].node.output, want), "%s of %s is %s", layer,
		input, want) &&
	    !g)
		printf("# %s\n", error.text);
	cnn_graph_free(g);
}

static void test_shapes(void)
{
	gives("1x28x28", "conv2d out=32 kernel=3", "32x26x26");
	gives("3x9x10", "conv2d out=6 kernel=3x2 stride=2 padding=2x1 dilation=1x2",
	    "6x6x5");
	gives("4x8x8", "conv2d out=8 kernel=1 groups=4", "8x8x8");
	gives("4x8x8", "conv2d out=8 kernel=8", "8x1x1");
	gives("4x8x8", "conv2d out=8 kernel=3 padding=1000", "8x2006x2006");
	gives("4x26x26", "maxpool2d kernel=2", "4x13x13");
	gives("4x11x11", "maxpool2d kernel=2", "4x5x5");
	gives("4x11x12", "maxpool2d kernel=3x2 stride=1", "4x9x11");
	gives("4x11x11", "avgpool2d kernel=3 stride=2 padding=1", "4x6x6");
	gives("64x5x5", "flatten", "1600");
	gives("7", "flatten", "7");
	gives("1600", "linear out=128", "128");
	gives("4x8x8", "relu", "4x8x8");
	gives("4x8x8", "dropout", "4x8x8");
	gives("4x8x8", "batchnorm2d", "4x8x8");
	gives("4x8x8", "add from=input,input", "4x8x8");
	gives("10", "cross_entropy", "2");
	gives("2x3x4x5x6x7x8", "relu", "2x3x4x5x6x7x8");
}

static void test_seed(void)
{
	static const struct {
		const char *name, *shape;
		double fan_in;
	} want[] = {
		{ "conv1.weight", "32x1x3x3", 9 },
		{ "conv1.bias", "32", 9 },
		{ "conv2.weight", "64x32x3x3", 288 },
		{ "conv2.bias", "64", 288 },
		{ "fc1.weight", "128x1600", 1600 },
		{ "fc1.bias", "128", 1600 },
		{ "fc2.weight", "10x128", 128 },
		{ "fc2.bias", "10", 128 },
	};
	struct cnn_graph *g = build(
	    "input 1x28x28\n"
	    "conv1: conv2d out=32 kernel=3\nrelu\nmaxpool2d kernel=2\n"
	    "conv2: conv2d out=64 kernel=3\nrelu\nmaxpool2d kernel=2\n"
	    "flatten\nfc1: linear out=128\nrelu\nfc2: linear out=10\ncross_entropy\n");
	double flops = 0;
	bool good = true;

	if (!ok(g && g->node_count == 13 && g->param_count == 8, "the seed's network"))
		return;
	for (size_t i = 0; i < 8; i++) {
		const struct cnn_graph_param *p = &g->params[i];
		double bound = 1 / sqrt(want[i].fan_in), least = 0, most = 0;
		float *v = malloc((p->count + 1) * sizeof *v);

		good &= ok(!strcmp(p->name, want[i].name) &&
			shape_is(&p->def.shape, want[i].shape) &&
			p->count == cnn_graph_shape_count(&p->def.shape) &&
			p->def.kind == CNN_PARAM_TRAINABLE,
		    "%s is %s", want[i].name, want[i].shape);
		v[p->count] = 77;
		cnn_graph_init_param(g, i, 3, v);
		for (size_t k = 0; k < p->count; k++) {
			least = (double)v[k] < least ? (double)v[k] : least;
			most = (double)v[k] > most ? (double)v[k] : most;
		}
		ok(least >= -bound * 1.0000001 && most <= bound * 1.0000001 &&
			least < -0.6 * bound && most > 0.6 * bound && v[p->count] == 77,
		    "its initial values are within %.4f, and fill that", bound);
		free(v);
	}
	ok(g->output == 10 && g->loss_count == 1 && g->losses[0] == 11,
	    "the logits are what the loss takes");
	for (size_t n = 0; n < g->node_count; n++)
		flops += cnn_graph_flops(g, n);
	ok(good && flops == 5319656, "a forward pass takes 5.3 million operations");
	cnn_graph_free(g);
}

/* Inputs, what they read, and what nobody wrote down. */
static void test_inputs(void)
{
	struct cnn_graph *g = build(
	    "input 4\nt: input scalar field=truth\n"
	    "a: linear out=3 from=input\nb: linear out=5 from=a\n"
	    "cross_entropy from=a,t\ncross_entropy from=b\n");
	const struct cnn_graph_node *n;

	if (!ok(g && g->node_count == 7 && g->input_count == 3 && g->loss_count == 2,
		"a net with three inputs and two losses"))
		return;
	ok(!strcmp(g->nodes[0].field, "image") && !g->nodes[0].index &&
		g->inputs[0] == 0,
	    "the first reads images");
	n = &g->nodes[g->inputs[1]];
	ok(!strcmp(n->field, "truth") && n->index && n->limit == 3 &&
		n->node.output.rank == 0 && g->nodes[4].inputs[1] == 1,
	    "a target that a line names has the classes of its loss");
	n = &g->nodes[g->inputs[2]];
	ok(!strcmp(n->field, "label") && n->index && n->limit == 5 &&
		g->nodes[5].inputs[1] == 6 && g->inputs[2] == 6,
	    "a loss without a target takes the label");
	ok(g->output == 2 && g->losses[0] == 4 && g->losses[1] == 5,
	    "the output is what the first loss takes");
	cnn_graph_free(g);

	g = build("input 4\nx: cross_entropy from=input\nb: linear out=2 from=input\n"
		  "cross_entropy from=b\n");
	ok(g && g->input_count == 2 && g->nodes[g->inputs[1]].limit == 2 &&
		g->nodes[g->inputs[1]].consumers == 2,
	    "two losses share the label, which must suit both");
	cnn_graph_free(g);

	g = build("input 4\nt: input scalar field=truth\nr: relu from=t\nflatten\n"
		  "a: linear out=4\nb: add from=a,input\ncross_entropy from=b,t\n");
	ok(g && g->input_count == 3 && !strcmp(g->nodes[g->inputs[2]].field, "truth") &&
		g->nodes[g->inputs[2]].index && !g->nodes[1].index &&
		!strcmp(g->nodes[g->inputs[2]].node.name, "input:truth"),
	    "a field that is read as numbers and as indices is gathered twice");
	cnn_graph_free(g);
}

static void test_initial_values(void)
{
	struct cnn_graph *a = build(
	    "input 3x4x4\nx: conv2d out=2 kernel=3\n"
	    "n: batchnorm2d\nflatten\ny: linear out=4 bias=false\n");
	struct cnn_graph *b = build("input 3x4x4\nx: conv2d out=2 kernel=3\n"
				    "flatten\nz: linear out=4\n");
	float v[100], w[100];
	bool same = true;

	if (!ok(a && b && a->param_count == 7 && b->param_count == 4,
		"bias=false takes a parameter away"))
		return;
	ok(a->params[4].def.kind == CNN_PARAM_BUFFER &&
		!strcmp(a->params[4].name, "n.running_mean") &&
		!strcmp(a->params[5].name, "n.running_var") &&
		a->params[3].def.kind == CNN_PARAM_TRAINABLE,
	    "batch norm has two that are not trained");
	for (size_t i = 2; i < 6; i++) {
		cnn_graph_init_param(a, i, 1, v);
		same &= v[0] == (i == 2 || i == 5 ? 1 : 0) && v[1] == v[0];
	}
	ok(same, "its initial values are constants");
	cnn_graph_init_param(a, 0, 1, v);
	cnn_graph_init_param(b, 0, 1, w);
	ok(!memcmp(v, w, 54 * sizeof *v), "the same name and seed, the same values");
	cnn_graph_init_param(b, 0, 2, w);
	ok(memcmp(v, w, 54 * sizeof *v) != 0, "another seed, others");
	cnn_graph_init_param(b, 2, 1, w);
	ok(a->params[6].count == b->params[2].count, "y and z are alike");
	cnn_graph_init_param(a, 6, 1, v);
	ok(memcmp(v, w, b->params[2].count * sizeof *v) != 0, "another name, others");
	cnn_graph_free(a);
	cnn_graph_free(b);
}

/* --- edges ------------------------------------------------------------------------ */

static void test_edges(void)
{
	struct cnn_graph *g = build("input 4x6x6\n"
				    "a: conv2d out=4 kernel=3 padding=1\n"
				    "b: relu\n"
				    "c: add from=a,b,input,a\n"
				    "d: maxpool2d kernel=2 from=c\n");

	if (!ok(g && g->node_count == 5, "a graph with several paths"))
		return;
	ok(g->nodes[3].node.input_count == 4 && g->nodes[3].inputs[0] == 1 &&
		g->nodes[3].inputs[1] == 2 && g->nodes[3].inputs[2] == 0 &&
		g->nodes[3].inputs[3] == 1,
	    "inputs in the order of from=");
	ok(g->nodes[1].consumers == 3 && g->nodes[0].consumers == 2 &&
		g->nodes[4].consumers == 0,
	    "consumers are counted, one an edge");
	ok(g->output == 4 && g->loss_count == 0,
	    "without a loss the last layer is the output");
	ok(g->nodes[4].line == 5 && !strcmp(g->nodes[4].node.name, "d") &&
		!strcmp(g->nodes[4].node.type, "maxpool2d"),
	    "nodes know line, name, type");
	ok(g->nodes[1].node.random_stream != g->nodes[2].node.random_stream,
	    "each node has random numbers of its own");
	ok(g->text_size == strlen(g->text) && !strncmp(g->text, "input 4x6x6\n", 12),
	    "the text is kept");
	for (size_t n = 1; n < g->node_count; n++)
		for (uint32_t i = 0; i < g->nodes[n].node.input_count; i++)
			if (g->nodes[n].inputs[i] >= n)
				ok(false, "node %zu is fed by a later one", n);
	cnn_graph_free(g);
	cnn_graph_free(NULL);
}

/* --- errors ----------------------------------------------------------------------- */

static void test_errors(void)
{
	refused("input 4\n", "x.net: the net has no layer besides the input");
	refused("input\nrelu\n", "x.net:1: input: needs a shape such as 1x28x28");
	refused("input 1x28x\nrelu\n", "x.net:1: input: needs a shape such as 1x28x28");
	refused("input x28\nrelu\n", "x.net:1: input: needs a shape such as 1x28x28");
	refused("input 0x4\nrelu\n", "x.net:1: input: needs a shape such as 1x28x28");
	refused("input -1\nrelu\n", "x.net:1: input: needs a shape such as 1x28x28");
	refused("input 1x28x28 2\nrelu\n",
	    "x.net:1: input: 2: an input takes a shape and field=");
	refused("input shape=4\nrelu\n",
	    "x.net:1: input: shape=4: an input takes a shape and field=");
	refused("input scalar\nrelu\n",
	    "x.net:1: input: needs a shape such as 1x28x28");
	refused("input 4 field=a/b\nrelu\n",
	    "x.net:1: input: field=a/b: invalid name: use letters, digits and _.-");
	refused("input 4\nb: input 4\nadd from=input,b\n",
	    "x.net:2: input: line 1 already reads the field image");
	refused("input 4\nb: input 4 field=b\nrelu from=input\n",
	    "x.net:2: input: b: no layer uses its output");
	refused("input 4\nt: input 2 field=t\ncross_entropy from=input,t\n",
	    "x.net:3: cross_entropy: cross_entropy needs one class as target, not 2");
	refused("input 4\nr: relu\ncross_entropy from=input,r\n",
	    "x.net:3: cross_entropy: input 2 takes indices: it must be an input of the net, not r");
	refused("input 1x1x1x1x1x1x1x1\nrelu\n",
	    "x.net:1: input: needs a shape such as 1x28x28");
	refused("input 99999999999999999999\nrelu\n", "x.net:1: input: *");
	refused("input 65536x65536\nrelu\n",
	    "x.net:1: input: 65536x65536 is too large");
	refused("input 2147483647x2147483647x2147483647x2147483647x2147483647\nrelu\n",
	    "x.net:1: input: 2147483647x2147483647*");

	refused("input 1x8x8\nconv2d kernel=3\n", "x.net:2: conv2d: out= is missing");
	refused("input 1x8x8\n\nconv2d out=2 kernel=3 size=4\n",
	    "x.net:3: conv2d: size=: "
	    "unknown argument (known: out, kernel, stride, padding, dilation, groups, bias)");
	refused("input 1x8x8\nrelu x\n", "x.net:2: relu: x: must be key=value");
	refused("input 1x8x8\nrelu x=1\n",
	    "x.net:2: relu: x=: unknown argument (known: none)");
	refused("input 1x8x8\nconv2d out=0 kernel=3\n",
	    "x.net:2: conv2d: out=0: must be a whole number from 1 to *");
	refused("input 1x8x8\nconv2d out=2.5 kernel=3\n",
	    "x.net:2: conv2d: out=2.5: *");
	refused("input 1x8x8\nconv2d out=2x3 kernel=3\n",
	    "x.net:2: conv2d: out=2x3: *");
	refused("input 1x8x8\nconv2d out=99999999999999999999 kernel=3\n",
	    "x.net:2: conv2d: out=*");
	refused("input 1x8x8\nconv2d out=2 kernel=3x\n",
	    "x.net:2: conv2d: kernel=3x: must be N or HxW from 1 to 65535");
	refused("input 1x8x8\nconv2d out=2 kernel=3x0\n",
	    "x.net:2: conv2d: kernel=3x0: *");
	refused("input 1x8x8\nconv2d out=2 kernel=3x3x3\n",
	    "x.net:2: conv2d: kernel=3x3x3: *");
	refused("input 1x8x8\nconv2d out=2 kernel=3 padding=-1\n",
	    "x.net:2: conv2d: padding=-1: *");
	refused("input 1x8x8\nconv2d out=2 kernel=3 stride=0\n",
	    "x.net:2: conv2d: stride=0: *");
	refused("input 1x8x8\nconv2d out=2 kernel=3 bias=no\n",
	    "x.net:2: conv2d: bias=no: must be true or false");
	refused("input 4\ndropout p=1.5\n",
	    "x.net:2: dropout: p=1.5: must be a number from 0 to 1");
	refused("input 4\ndropout p=nan\n", "x.net:2: dropout: p=nan: *");
	refused("input 4\ndropout p=0.5x\n", "x.net:2: dropout: p=0.5x: *");

	refused("input 1x8x8\nconv2d out=2 kernel=9\n",
	    "x.net:2: conv2d: kernel 9x9 does not fit input 1x8x8");
	refused("input 1x8x8\nconv2d out=2 kernel=5 dilation=2\n",
	    "x.net:2: conv2d: kernel 5x5*");
	refused("input 3x8x8\nconv2d out=4 kernel=3 groups=2\n",
	    "x.net:2: conv2d: groups=2 *");
	refused("input 4x8x8\nconv2d out=3 kernel=3 groups=2\n",
	    "x.net:2: conv2d: groups=2 *");
	refused("input 8\nconv2d out=4 kernel=3\n",
	    "x.net:2: conv2d: conv2d needs channels x height x width, not input 8");
	refused("input 1x8x8\nlinear out=4\n",
	    "x.net:2: linear: linear needs a vector, not "
	    "input 1x8x8: put flatten before it");
	refused("input 1x8x8\nmaxpool2d kernel=9\n", "x.net:2: maxpool2d: *");
	refused("input 1x8x8\navgpool2d kernel=3 padding=2\n",
	    "x.net:2: avgpool2d: padding 2x2 is more than half of kernel 3x3");
	refused("input 1x8x8\ncross_entropy\n", "x.net:2: cross_entropy: *");
	refused("input 8\nbatchnorm2d\n", "x.net:2: batchnorm2d: *");
	refused("input 1x8x8\nadd\n", "x.net:2: add: takes 2 to 8 inputs, not 1");
	refused(
	    "input 1\nadd from=input,input,input,input,input,input,input,input,input\n",
	    "x.net:2: add: takes 2 to 8 inputs, not 9");
	refused("input 1\nrelu from=input,input\n",
	    "x.net:2: relu: takes 1 to 1 inputs, not 2");
	refused("input 1x4x4\nm: maxpool2d kernel=2\nadd from=input,m\n",
	    "x.net:3: add: add needs equal shapes: input 1 is 1x4x4, input 2 is 1x2x2");

	refused("input 4\ncross_entropy\nrelu\n",
	    "x.net:3: relu: a loss can't feed another layer");
	refused("input 4\na: relu\nb: relu from=input\n",
	    "x.net:2: relu: a: no layer uses its output");
	refused("input 4\nl: cross_entropy\nr: relu from=input\n",
	    "x.net:3: relu: r: no layer uses its output");
	refused("input 4\na: cross_entropy from=input\nb: cross_entropy from=input\n"
		"c: cross_entropy from=input\nd: cross_entropy from=input\n"
		"e: cross_entropy from=input\nf: cross_entropy from=input\n"
		"g: cross_entropy from=input\nh: cross_entropy from=input\n"
		"i: cross_entropy from=input\n",
	    "x.net:10: cross_entropy: more than 8 losses");

	refused("input 2000000000\nlinear out=2\n",
	    "x.net:2: linear: weight 2x2000000000 is too large*");
	refused("input 1x32768x32768\nconv2d out=2 kernel=1\n",
	    "x.net:2: conv2d: output 2x32768x32768 is too large*");
	refused("input 8x4x4\nconv2d out=16777216 kernel=4\n",
	    "x.net:2: conv2d: weight 16777216x8x4x4 is too large*");

	refused_as(CNN_EPLUGIN, "input 4\n\nrelu6\n", "x.net:3: relu6: *");
	ok(strstr(error.text, "conv2d") && strstr(error.text, "linear") &&
		strstr(error.text, "relu"),
	    "an unknown layer's error lists the known ones");
}

/* A text cut anywhere gives a graph or a message, and leaks nothing. */
static void test_cuts(void)
{
	static const char text[] =
	    "input 2x8x8\na: conv2d out=2 kernel=3 padding=1\n"
	    "batchnorm2d eps=0.1\nadd from=a,batchnorm2d1\nflatten\nlinear out=3\ncross_entropy\n";
	bool good = true;

	for (size_t n = 0; n <= strlen(text); n++) {
		struct cnn_graph *g = NULL;
		char *copy = malloc(n + 1);

		memcpy(copy, text, n);
		error = (struct cnn_error){ 0 };
		if (cnn_graph_build(&g, "x", copy, n, plugins, &error) < 0)
			good &= !g && *error.text;
		cnn_graph_free(g);
		free(copy);
	}
	ok(good, "a text cut anywhere does no harm");
}

int main(void)
{
	if (cnn_plugins_open(&plugins, NULL, 0, &error) < 0) {
		printf("Bail out! %s\n", error.text);
		return 1;
	}
	test_shapes();
	test_seed();
	test_inputs();
	test_initial_values();
	test_edges();
	test_errors();
	test_cuts();
	cnn_plugins_close(plugins);
	return done();
}
