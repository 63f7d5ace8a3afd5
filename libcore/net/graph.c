/* graph.c - builds nodes with shapes and parameters from the lines of a net. */
#include "graph.h"

#include "base/args.h"
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
	struct cnn_plugin_host host; /* for definitions */
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

uint32_t cnn_graph_min_batch(const struct cnn_graph *g, size_t index)
{
	const struct cnn_graph_node *n = &g->nodes[index];
	const size_t end = offsetof(struct cnn_layer_def, min_batch) +
	    sizeof n->def->min_batch;

	/* Definitions of plugins built for an older version end before it. */
	return n->def && n->def->size >= end && n->def->min_batch ?
	    n->def->min_batch(&n->node) :
	    1;
}

double cnn_graph_flops(const struct cnn_graph *g, size_t index)
{
	const struct cnn_graph_node *n = &g->nodes[index];

	if (!n->def)
		return 0;
	return n->def->flops ? n->def->flops(&n->node) :
			       (double)cnn_graph_shape_count(&n->node.output);
}

/* --- inputs ----------------------------------------------------------------------- */

/* Whether this is a valid shape for a sample. Its rank excludes the batch axis. */
static bool fits(const struct cnn_shape *s)
{
	size_t count;

	return s->rank < CNN_MAX_RANK &&
	    cnn_shape_count((int)s->rank, s->dims, &count) && count > 0 &&
	    count <= INT32_MAX;
}

/* Parses "1x28x28": the dimensions of one sample. */
static int parse_shape(struct builder *b, const char *text, struct cnn_shape *shape)
{
	const char *s = text;
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
			return cnn_fail(b->e, CNN_EDATA,
			    "needs a shape such as 1x28x28");
	}
	if (shape->rank == 0 || *s || (s > text && s[-1] == 'x'))
		return cnn_fail(b->e, CNN_EDATA, "needs a shape such as 1x28x28");
	if (!fits(shape))
		return cnn_fail(b->e, CNN_EDATA, "%s is too large", text);
	return CNN_OK;
}

static int list_input(struct builder *b, size_t index)
{
	struct cnn_graph *g = b->g;

	if (g->input_count == CNN_MAX_NET_INPUTS)
		return cnn_fail(b->e, CNN_EDATA, "more than %d inputs",
		    CNN_MAX_NET_INPUTS);
	g->inputs[g->input_count++] = index;
	return CNN_OK;
}

/* Whether the name is valid in field=. */
static bool is_field(const char *s)
{
	return *s && strlen(s) <= 100 &&
	    s[strspn(s,
		"abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

/* input SHAPE [field=NAME]. A shape of "scalar" has one number. */
static int add_input(struct builder *b, size_t index, const struct cnn_net_line *l)
{
	struct cnn_graph *g = b->g;
	struct cnn_graph_node *n = &g->nodes[index];
	const char *shape = "";
	int r;

	n->field = "image";
	for (size_t i = 0; i < l->pair_count; i++) {
		const struct cnn_net_pair *pair = &l->pairs[i];

		if (!*pair->key && !*shape)
			shape = pair->value;
		else if (strcmp(pair->key, "field") == 0 && is_field(pair->value))
			n->field = pair->value;
		else if (strcmp(pair->key, "field") == 0)
			return cnn_fail(b->e, CNN_EDATA,
			    "field=%s: invalid name: use letters, digits and _.-",
			    pair->value);
		else
			return cnn_fail(b->e, CNN_EDATA,
			    "%s%s%s: an input takes a shape and field=", pair->key,
			    *pair->key ? "=" : "", pair->value);
	}
	for (uint32_t i = 0; i < g->input_count; i++) {
		const struct cnn_graph_node *other = &g->nodes[g->inputs[i]];

		if (other->field && strcmp(other->field, n->field) == 0)
			return cnn_fail(b->e, CNN_EDATA,
			    "line %u already reads the field %s", other->line,
			    n->field);
	}
	if (index > 0 && strcmp(shape, "scalar") == 0)
		n->node.output.rank = 0;
	else if ((r = parse_shape(b, shape, &n->node.output)) < 0)
		return r;
	return list_input(b, index);
}

/* Sets *index to the input that reads the field in this way, as indices or as numbers.
 * Adds one if there is none. */
static int find_input(struct builder *b, const char *field, bool as_index,
    const struct cnn_shape *shape, unsigned line, size_t *index)
{
	struct cnn_graph *g = b->g;
	struct cnn_graph_node *n;

	for (uint32_t i = 0; i < g->input_count; i++) {
		n = &g->nodes[ *index = g->inputs[i]];
		if (strcmp(n->field, field) != 0)
			continue;
		if (n->consumers == 0)
			n->index = as_index;
		if (n->index == as_index)
			return CNN_OK;
	}
	*index = g->node_count;
	n = &g->nodes[g->node_count];
	if (asprintf(&n->own_name, "input:%s", field) < 0) {
		n->own_name = NULL;
		return cnn_fail(b->e, CNN_ENOMEM, "out of memory");
	}
	g->node_count++;
	n->node.size = sizeof n->node;
	n->node.name = n->own_name;
	n->node.output = *shape;
	n->field = field;
	n->index = as_index;
	n->line = line;
	return list_input(b, *index);
}

/* --- arguments -------------------------------------------------------------------- */

static int parse_args(struct builder *b, const struct cnn_net_line *l,
    const struct cnn_layer_def *def, struct cnn_arg_value *values)
{
	uint32_t i;
	int r;

	cnn_args_default(def->args, def->arg_count, values);
	for (size_t p = 0; p < l->pair_count; p++) {
		const struct cnn_net_pair *pair = &l->pairs[p];

		if (!*pair->key)
			return cnn_fail(b->e, CNN_EDATA, "%s: must be key=value",
			    pair->value);
		i = cnn_arg_index(def->args, def->arg_count, pair->key);
		if (i == def->arg_count)
			return cnn_arg_unknown(def->args, i, pair->key, b->e);
		if ((r = cnn_arg_parse(&def->args[i], pair->value, &values[i], b->e)) <
		    0)
			return r;
	}
	return cnn_args_complete(def->args, def->arg_count, values, b->e);
}

/* --- nodes ------------------------------------------------------------------------ */

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
		return cnn_fail(b->e, CNN_EPLUGIN, "more than %d parameters",
		    CNN_MAX_PARAMS);
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
		    !cnn_shape_count((int)defs[i].shape.rank, defs[i].shape.dims,
			&p->count))
			return cnn_fail(b->e, CNN_EDATA,
			    "its parameter %s is too large", defs[i].name);
		if (asprintf(&p->name, "%s.%s", n->node.name, defs[i].name) < 0) {
			p->name = NULL;
			return cnn_fail(b->e, CNN_ENOMEM, "out of memory");
		}
		g->param_count++;
	}
	n->param_count = count;
	return CNN_OK;
}

/* Connects input i of node `index` to node `from`. */
static int connect(struct builder *b, size_t index, uint32_t i, size_t from)
{
	struct cnn_graph *g = b->g;
	struct cnn_graph_node *n = &g->nodes[index], *source = &g->nodes[from];
	bool as_index = n->def->index_inputs >> i & 1;
	int r;

	if (source->def && source->def->flags & CNN_LAYER_LOSS)
		return cnn_fail(b->e, CNN_EDATA, "a loss can't feed another layer");
	if (source->def && as_index)
		return cnn_fail(b->e, CNN_EDATA,
		    "input %u takes indices: it must be an input of the net, not %s",
		    i + 1, source->node.name);
	if (!source->def) {
		if ((r = find_input(b, source->field, as_index, &source->node.output,
			 n->line, &from)) < 0)
			return r;
		source = &g->nodes[from];
	}
	n->inputs[i] = from;
	n->node.inputs[i] = source->node.output;
	source->consumers++;
	return CNN_OK;
}

/* Connects the inputs. A loss without a target takes the field `label`. */
static int connect_all(struct builder *b, size_t index, const struct cnn_net_line *l)
{
	static const struct cnn_shape scalar = { 0 };
	struct cnn_graph_node *n = &b->g->nodes[index];
	bool needs_target = n->def->flags & CNN_LAYER_LOSS && l->from_count == 1 &&
	    n->def->min_inputs == 2;
	size_t target;
	int r;

	if (!needs_target &&
	    (l->from_count < n->def->min_inputs || l->from_count > n->def->max_inputs ||
		l->from_count > CNN_MAX_INPUTS))
		return cnn_fail(b->e, CNN_EDATA, "takes %u to %u inputs, not %zu",
		    n->def->min_inputs, n->def->max_inputs, l->from_count);
	for (size_t i = 0; i < l->from_count; i++)
		if ((r = connect(b, index, (uint32_t)i, l->from[i])) < 0)
			return r;
	n->node.input_count = (uint32_t)l->from_count;
	if (!needs_target)
		return CNN_OK;
	if ((r = find_input(b, "label", n->def->index_inputs >> 1 & 1, &scalar, n->line,
		 &target)) < 0)
		return r;
	n->node.input_count = 2;
	return connect(b, index, 1, target);
}

/* Limits the indices of inputs: they must be valid for every node that reads them. */
static void limit_indices(struct builder *b, const struct cnn_graph_node *n)
{
	for (uint32_t i = 0; i < n->node.input_count; i++) {
		struct cnn_graph_node *source = &b->g->nodes[n->inputs[i]];
		size_t limit;

		if (!(n->def->index_inputs >> i & 1))
			continue;
		limit = n->def->index_limit(&n->node, i);
		if (source->limit == 0 || limit < source->limit)
			source->limit = limit;
	}
}

static int add_layer(struct builder *b, size_t index, const struct cnn_net_line *l)
{
	struct cnn_graph *g = b->g;
	struct cnn_graph_node *n = &g->nodes[index];
	int r;

	if ((r = cnn_layer_find(g->plugins, l->type, &n->def, b->e)) < 0)
		return r;
	n->args = calloc(n->def->arg_count + 1, sizeof *n->args);
	if (!n->args)
		return cnn_fail(b->e, CNN_ENOMEM, "out of memory");
	if ((r = connect_all(b, index, l)) < 0 ||
	    (r = parse_args(b, l, n->def, n->args)) < 0)
		return r;
	n->node.type = n->def->type;
	n->node.args = n->args;
	n->node.random_stream = cnn_random_stream(CNN_RANDOM_LAYER, l->name);
	if ((r = n->def->infer(&b->host.host, &n->node, &n->node.output)) < 0)
		return cnn_host_error(&b->host, r, b->e);
	if (!fits(&n->node.output))
		return cnn_fail(b->e, CNN_EPLUGIN,
		    "its definition infers an invalid output shape");
	limit_indices(b, n);
	return add_params(b, index);
}

/* Checks that every node feeds another one, except losses and the last node of a net
 * without a loss. Sets the losses and the output: the node that feeds the first loss
 * or, without a loss, the last node. */
static int find_ends(struct builder *b)
{
	struct cnn_graph *g = b->g;
	size_t last = g->net->count - 1;

	for (size_t i = 0; i < g->net->count; i++) {
		const struct cnn_graph_node *n = &g->nodes[i];

		if (!n->def || !(n->def->flags & CNN_LAYER_LOSS))
			continue;
		if (g->loss_count == CNN_MAX_LOSSES)
			return at_line(b, &g->net->lines[i],
			    cnn_fail(b->e, CNN_EDATA, "more than %d losses",
				CNN_MAX_LOSSES));
		g->losses[g->loss_count++] = i;
	}
	for (size_t i = 0; i < g->net->count; i++) {
		const struct cnn_graph_node *n = &g->nodes[i];
		bool ends = n->def && n->def->flags & CNN_LAYER_LOSS;

		if (n->consumers == 0 && !ends && (i != last || g->loss_count > 0))
			return at_line(b, &g->net->lines[i],
			    cnn_fail(b->e, CNN_EDATA, "%s: no layer uses its output",
				n->node.name));
	}
	if (last == 0)
		return cnn_fail(b->e, CNN_EDATA,
		    "%s: the net has no layer besides the input", b->where);
	g->output = g->loss_count > 0 ? g->nodes[g->losses[0]].inputs[0] : last;
	return CNN_OK;
}

static int build(struct builder *b)
{
	struct cnn_graph *g = b->g;
	int r;

	g->nodes = calloc(g->net->count + CNN_MAX_NET_INPUTS + 1, sizeof *g->nodes);
	if (!g->nodes)
		return cnn_fail(b->e, CNN_ENOMEM, "%s: out of memory", b->where);
	g->node_count = g->net->count;
	for (size_t i = 0; i < g->net->count; i++) {
		const struct cnn_net_line *l = &g->net->lines[i];
		struct cnn_graph_node *n = &g->nodes[i];

		n->node.size = sizeof n->node;
		n->node.name = l->name;
		n->line = l->number;
		r = strcmp(l->type, "input") == 0 ? add_input(b, i, l) :
						    add_layer(b, i, l);
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
	for (size_t i = 0; i < g->node_count; i++) {
		free(g->nodes[i].args);
		free(g->nodes[i].own_name);
	}
	free(g->params);
	free(g->nodes);
	free(g->text);
	cnn_net_free(g->net);
	free(g);
}

/* --- parameters ------------------------------------------------------------------- */

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
