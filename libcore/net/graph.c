/* graph.c - builds nodes with shapes and parameters from the lines of a net. */
#include "graph.h"

#include "args.h"
#include "base/random.h"
#include "base/tensor.h"
#include "plugin/host.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builder {
	struct cnn_graph *g;
	const char *where;
	struct cnn_error *e;
	struct cnn_plugin_host host;     /* for definitions */
};

/* Prefixes the message with "NET:LINE: TYPE: ". */
static int at_line(struct builder *b, const struct cnn_net_line *l, int code)
{
	cnn_error_prefix(b->e, "%s:%u: %s", b->where, l->number, l->type);
	return code;
}

char *cnn_graph_shape_text(const struct cnn_shape *s, char *buf, size_t size)
{
	return cnn_shape_text((int)s->rank, s->dims, buf, size);
}

size_t cnn_graph_shape_count(const struct cnn_shape *s)
{
	return cnn_layout_count(s, CNN_NCHW, 1);
}

double cnn_graph_flops(const struct cnn_graph *g, size_t index)
{
	const struct cnn_graph_node *n = &g->nodes[index];

	if (!n->def)
		return 0;
	return n->def->flops ? n->def->flops(&n->node) :
		(double)cnn_graph_shape_count(&n->node.output);
}

/* --- the shape of the input --------------------------------------------------- */

/* Whether this is a valid shape for a sample. The batch axis 0 comes on top of its
 * rank. */
static bool fits(const struct cnn_shape *s)
{
	size_t count;

	return s->rank < CNN_MAX_RANK && cnn_shape_count((int)s->rank, s->dims, &count) &&
		count > 0 && count <= INT32_MAX;
}

/* Parses "1x28x28": the dimensions of one sample. */
static int parse_input(struct builder *b, const struct cnn_net_line *l,
	struct cnn_shape *shape)
{
	const char *s = l->pair_count == 1 && !*l->pairs[0].key ? l->pairs[0].value : "";
	char *end;

	shape->rank = 0;
	while (isdigit((unsigned char)*s) && shape->rank < CNN_MAX_RANK - 1) {
		unsigned long n = strtoul(s, &end, 10);

		if (n == 0 || n > INT32_MAX)
			break;
		shape->dims[shape->rank++] = n;
		s = end;
		if (!*s)
			break;
		if (*s++ != 'x')
			return cnn_fail(b->e, CNN_EDATA, "needs a shape such as "
				"1x28x28");
	}
	if (shape->rank == 0 || *s || (s > l->pairs[0].value && s[-1] == 'x'))
		return cnn_fail(b->e, CNN_EDATA, "needs a shape such as 1x28x28");
	if (!fits(shape))
		return cnn_fail(b->e, CNN_EDATA, "%s is too large", l->pairs[0].value);
	return CNN_OK;
}

/* --- arguments ---------------------------------------------------------------- */

static int unknown_key(struct builder *b, const struct cnn_layer_def *def,
	const char *key, const char *value)
{
	char known[600] = "";
	size_t used = 0;

	if (!*key)
		return cnn_fail(b->e, CNN_EDATA, "%s: must be key=value", value);
	for (uint32_t i = 0; i < def->arg_count && used < sizeof known; i++)
		used += (size_t)snprintf(known + used, sizeof known - used, "%s%s",
			i ? ", " : "", def->args[i].name);
	return cnn_fail(b->e, CNN_EDATA, "%s=: unknown argument (known: %s)", key,
		def->arg_count ? known : "none");
}

static int parse_args(struct builder *b, const struct cnn_net_line *l,
	const struct cnn_layer_def *def, struct cnn_arg_value *values)
{
	uint32_t i;
	int r;

	cnn_args_default(def, values);
	for (size_t p = 0; p < l->pair_count; p++) {
		const struct cnn_net_pair *pair = &l->pairs[p];

		for (i = 0; i < def->arg_count; i++)
			if (strcmp(def->args[i].name, pair->key) == 0)
				break;
		if (i == def->arg_count)
			return unknown_key(b, def, pair->key, pair->value);
		if ((r = cnn_arg_parse(&def->args[i], pair->value, &values[i], b->e)) < 0)
			return r;
	}
	return cnn_args_complete(def, values, b->e);
}

/* --- nodes -------------------------------------------------------------------- */

static int add_params(struct builder *b, size_t index)
{
	struct cnn_graph *g = b->g;
	struct cnn_graph_node *n = &g->nodes[index];
	struct cnn_param defs[CNN_MAX_PARAMS];
	struct cnn_graph_param *params;
	uint32_t count = 0;
	int r;

	n->first_param = g->param_count;
	if (!n->def->params)
		return CNN_OK;
	memset(defs, 0, sizeof defs);
	if ((r = n->def->params(&b->host.host, &n->node, defs, &count)) < 0)
		return cnn_host_error(&b->host, r, b->e);
	if (count > CNN_MAX_PARAMS)
		return cnn_fail(b->e, CNN_EPLUGIN, "more than %d parameters", CNN_MAX_PARAMS);
	if (count == 0)
		return CNN_OK;
	params = realloc(g->params, (g->param_count + count) * sizeof *params);
	if (!params)
		return cnn_fail(b->e, CNN_ENOMEM, "out of memory");
	g->params = params;
	for (uint32_t i = 0; i < count; i++) {
		struct cnn_graph_param *p = &params[g->param_count];

		*p = (struct cnn_graph_param){ .def = defs[i], .node = index };
		if (defs[i].shape.rank > CNN_MAX_RANK ||
		    !cnn_shape_count((int)defs[i].shape.rank, defs[i].shape.dims, &p->count))
			return cnn_fail(b->e, CNN_EDATA, "its parameter %s is too "
				"large", defs[i].name);
		if (asprintf(&p->name, "%s.%s", n->node.name, defs[i].name) < 0) {
			p->name = NULL;
			return cnn_fail(b->e, CNN_ENOMEM, "out of memory");
		}
		g->param_count++;
	}
	n->param_count = count;
	return CNN_OK;
}

static int add_layer(struct builder *b, size_t index, const struct cnn_net_line *l)
{
	struct cnn_graph *g = b->g;
	struct cnn_graph_node *n = &g->nodes[index];
	int r;

	if ((r = cnn_layer_find(g->plugins, l->type, &n->def, b->e)) < 0)
		return r;
	if (l->from_count < n->def->min_inputs || l->from_count > n->def->max_inputs ||
	    l->from_count > CNN_MAX_INPUTS)
		return cnn_fail(b->e, CNN_EDATA, "takes %u to %u inputs, not %zu",
			n->def->min_inputs, n->def->max_inputs, l->from_count);
	n->args = calloc(n->def->arg_count + 1, sizeof *n->args);
	if (!n->args)
		return cnn_fail(b->e, CNN_ENOMEM, "out of memory");
	if ((r = parse_args(b, l, n->def, n->args)) < 0)
		return r;
	n->node.type = n->def->type;
	n->node.args = n->args;
	n->node.input_count = (uint32_t)l->from_count;
	n->node.random_stream = cnn_random_stream(CNN_RANDOM_LAYER, l->name);
	for (size_t i = 0; i < l->from_count; i++) {
		struct cnn_graph_node *from = &g->nodes[l->from[i]];

		if (from->def && from->def->flags & CNN_LAYER_LOSS)
			return cnn_fail(b->e, CNN_EDATA, "a loss can't feed another "
				"layer");
		n->inputs[i] = l->from[i];
		n->node.inputs[i] = from->node.output;
		from->consumers++;
	}
	if ((r = n->def->infer(&b->host.host, &n->node, &n->node.output)) < 0)
		return cnn_host_error(&b->host, r, b->e);
	if (!fits(&n->node.output))
		return cnn_fail(b->e, CNN_EPLUGIN, "its definition infers an invalid "
			"output shape");
	return add_params(b, index);
}

/* Checks that there is at most one loss, and that only the last node feeds no other.
 * Sets the loss and the output: the node that feeds the loss or, without a loss, the
 * last one. */
static int find_ends(struct builder *b)
{
	struct cnn_graph *g = b->g;
	size_t last = g->node_count - 1;

	for (size_t i = 0; i < g->node_count; i++) {
		struct cnn_graph_node *n = &g->nodes[i];

		if (n->def && n->def->flags & CNN_LAYER_LOSS) {
			if (g->loss)
				return at_line(b, &g->net->lines[i], cnn_fail(b->e, CNN_EDATA,
					"second loss: a net has at most one"));
			g->loss = i;
		}
		if (n->consumers == 0 && i != last)
			return at_line(b, &g->net->lines[i], cnn_fail(b->e, CNN_EDATA,
				"%s: no layer uses its output", n->node.name));
	}
	if (last == 0)
		return cnn_fail(b->e, CNN_EDATA, "%s: the net has no layer besides the "
			"input", b->where);
	g->output = g->loss ? g->nodes[g->loss].inputs[0] : last;
	return CNN_OK;
}

static int build(struct builder *b)
{
	struct cnn_graph *g = b->g;
	int r;

	g->nodes = calloc(g->net->count, sizeof *g->nodes);
	if (!g->nodes)
		return cnn_fail(b->e, CNN_ENOMEM, "%s: out of memory", b->where);
	g->node_count = g->net->count;
	for (size_t i = 0; i < g->node_count; i++) {
		const struct cnn_net_line *l = &g->net->lines[i];
		struct cnn_graph_node *n = &g->nodes[i];

		n->node.size = sizeof n->node;
		n->node.name = l->name;
		n->line = l->number;
		r = i == 0 ? parse_input(b, l, &n->node.output) : add_layer(b, i, l);
		if (r < 0)
			return at_line(b, l, r);
	}
	return find_ends(b);
}

int cnn_graph_build(struct cnn_graph **graph, const char *where, const char *text,
	size_t size, struct cnn_plugins *plugins, struct cnn_error *e)
{
	struct cnn_graph *g = calloc(1, sizeof *g);
	struct builder b = { .g = g, .where = where, .e = e };
	int r;

	*graph = NULL;
	if (!g)
		return cnn_fail(e, CNN_ENOMEM, "%s: out of memory", where);
	g->plugins = plugins;
	cnn_host_init(&b.host, NULL, 0, NULL);
	if ((r = cnn_net_parse(&g->net, where, text, size, e)) == CNN_OK) {
		g->text_size = size;
		if (!(g->text = strndup(text, size)))
			r = cnn_fail(e, CNN_ENOMEM, "%s: out of memory", where);
		else
			r = build(&b);
	}
	cnn_host_close(&b.host);
	if (r < 0)
		cnn_graph_free(g);
	else
		*graph = g;
	return r;
}

void cnn_graph_free(struct cnn_graph *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->param_count; i++)
		free(g->params[i].name);
	for (size_t i = 0; i < g->node_count; i++)
		free(g->nodes[i].args);
	free(g->params);
	free(g->nodes);
	free(g->text);
	cnn_net_free(g->net);
	free(g);
}

/* --- parameters ----------------------------------------------------------------- */

void cnn_graph_init_param(const struct cnn_graph *g, size_t index, uint64_t seed,
	float *values)
{
	const struct cnn_graph_param *p = &g->params[index];
	float bound = (float)p->def.value;

	if (p->def.init == CNN_INIT_CONSTANT) {
		for (size_t i = 0; i < p->count; i++)
			values[i] = bound;
		return;
	}
	cnn_random_uniform(seed, cnn_random_stream(CNN_RANDOM_INIT, p->name), 0, 0,
		p->count, values);
	for (size_t i = 0; i < p->count; i++)
		values[i] = (2 * values[i] - 1) * bound;
}
