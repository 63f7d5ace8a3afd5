/* chain.c - a run of layers written in one line, with its shapes. */
#include "chain.h"
#include "base/args.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t chain_count(const struct cnn_shape *s)
{
	return cnn_layout_count(s, CNN_NCHW, 1);
}

static bool parse_shape(const char *text, struct cnn_shape *s)
{
	char *end = (char *)text;

	*s = (struct cnn_shape){ 0 };
	do {
		if (s->rank == CNN_MAX_RANK)
			return false;
		s->dims[s->rank++] = strtoul(text, &end, 10);
		text = end + 1;
	} while (*end == 'x');
	return *end == '\0';
}

static int parse_node(struct layer_chain *c, uint32_t i, char *text,
    struct cnn_plugins *plugins, struct cnn_error *e)
{
	char *save = NULL, *word = strtok_r(text, " ", &save), *value;
	const struct cnn_layer_def *def;
	int r;

	if (!word)
		return cnn_fail(e, CNN_EUSAGE, "an empty layer");
	if ((r = cnn_layer_find(plugins, word, &def, e)) != CNN_OK)
		return r;
	if (def->arg_count > CHAIN_MAX_ARGS)
		return cnn_fail(e, CNN_EUSAGE, "%s has too many arguments", word);
	c->defs[i] = def;
	snprintf(c->types[i], sizeof(c->types[i]), "%s", def->type);
	cnn_args_default(def->args, def->arg_count, c->args[i]);
	while ((word = strtok_r(NULL, " ", &save))) {
		uint32_t a;

		if (!(value = strchr(word, '=')))
			return cnn_fail(e, CNN_EUSAGE, "%s: not key=value", word);
		*value++ = '\0';
		a = cnn_arg_index(def->args, def->arg_count, word);
		if (a == def->arg_count)
			return cnn_arg_unknown(def->args, a, word, e);
		if ((r = cnn_arg_parse(&def->args[a], value, &c->args[i][a], e)) !=
		    CNN_OK)
			return r;
	}
	return cnn_args_complete(def->args, def->arg_count, c->args[i], e);
}

/* Shapes and parameters of node i, whose inputs are known. */
static int complete_node(struct layer_chain *c, uint32_t i, struct cnn_error *e)
{
	struct cnn_plugin_host host;
	const struct cnn_layer_def *def = c->defs[i];
	struct cnn_node *node = &c->nodes[i];
	struct cnn_param params[CNN_MAX_PARAMS];
	uint32_t count = 0;
	int r;

	snprintf(c->names[i], sizeof(c->names[i]), "node%u", i);
	node->size = sizeof(*node);
	node->name = c->names[i];
	node->type = c->types[i];
	node->args = c->args[i];
	node->random_stream = 1000 + i;
	cnn_host_init(&host, NULL, 0, NULL);
	r = def->infer(&host.host, node, &node->output);
	if (r == CNN_OK && def->params)
		r = def->params(&host.host, node, params, &count);
	if (r != CNN_OK)
		cnn_host_error(&host, r, e);
	cnn_host_close(&host);
	if (r != CNN_OK)
		return r;
	if (c->param_count + count > CNN_MAX_PARAMS)
		return cnn_fail(e, CNN_EUSAGE, "too many parameters");
	c->first_param[i] = c->param_count;
	memcpy(&c->params[c->param_count], params, count * sizeof(params[0]));
	c->param_count += count;
	c->first_param[i + 1] = c->param_count;
	c->across_samples |= (def->flags & CNN_LAYER_ACROSS_SAMPLES) != 0;
	c->loss |= (def->flags & CNN_LAYER_LOSS) != 0;
	for (uint32_t k = 0; k < node->input_count; k++) {
		size_t *limit = &c->index_limit[i == 0 ? k : c->target[i]];

		if (!(def->index_inputs >> k & 1))
			continue;
		*limit = def->index_limit(node, k);
		if (*limit == 0)
			return cnn_fail(e, CNN_EPLUGIN, "%s: index_limit gives 0",
			    def->type);
	}
	return CNN_OK;
}

/* The target of node i, a loss. */
static void add_target(struct layer_chain *c, uint32_t i)
{
	struct cnn_node *node = &c->nodes[i];
	bool is_index = c->defs[i]->index_inputs >> 1 & 1;
	struct cnn_shape shape = { 0 };

	if (c->input_count == CNN_MAX_INPUTS)
		return;
	if (!is_index)
		shape = node->inputs[0];
	c->index[c->input_count] = is_index;
	c->inputs[c->input_count] = shape;
	c->target[i] = c->input_count++;
	node->inputs[node->input_count++] = shape;
}

int chain_parse(struct layer_chain *c, struct cnn_plugins *plugins, const char *net,
    const char *inputs, struct cnn_error *e)
{
	char text[512], *save = NULL, *part;
	int r;

	memset(c, 0, sizeof(*c));
	snprintf(text, sizeof(text), "%s", inputs);
	for (part = strtok_r(text, " ", &save); part; part = strtok_r(NULL, " ", &save))
		if (c->input_count == CNN_MAX_INPUTS ||
		    !parse_shape(part, &c->inputs[c->input_count++]))
			return cnn_fail(e, CNN_EUSAGE, "%s: no shapes", inputs);

	snprintf(text, sizeof(text), "%s", net);
	for (part = strtok_r(text, "|", &save); part;
	     part = strtok_r(NULL, "|", &save)) {
		uint32_t i = c->node_count++;
		struct cnn_node *node;

		if (i == CNN_MAX_RUN)
			return cnn_fail(e, CNN_EUSAGE, "%s: too long", net);
		node = &c->nodes[i];
		if ((r = parse_node(c, i, part, plugins, e)) != CNN_OK)
			return r;
		node->input_count = i ? 1 : c->input_count;
		if (i)
			node->inputs[0] = c->nodes[i - 1].output;
		else
			memcpy(node->inputs, c->inputs, sizeof(c->inputs));
		if (c->defs[i]->flags & CNN_LAYER_LOSS && node->input_count == 1)
			add_target(c, i);
		if (i == 0)
			for (uint32_t k = 0; k < c->input_count; k++)
				c->index[k] = c->defs[i]->index_inputs >> k & 1;
		if (node->input_count < c->defs[i]->min_inputs ||
		    node->input_count > c->defs[i]->max_inputs)
			return cnn_fail(e, CNN_EDATA,
			    "%s takes from %u to %u inputs, not %u", c->types[i],
			    c->defs[i]->min_inputs, c->defs[i]->max_inputs,
			    node->input_count);
		if ((r = complete_node(c, i, e)) != CNN_OK)
			return r;
		c->output = node->output;
	}
	return CNN_OK;
}

void chain_pick(const struct layer_chain *c, uint32_t i, struct layer_chain *one)
{
	const uint32_t first = c->first_param[i];

	memset(one, 0, sizeof(*one));
	one->node_count = 1;
	one->nodes[0] = c->nodes[i];
	one->defs[0] = c->defs[i];
	memcpy(one->args[0], c->args[i], sizeof(one->args[0]));
	memcpy(one->names[0], c->names[i], sizeof(one->names[0]));
	memcpy(one->types[0], c->types[i], sizeof(one->types[0]));
	one->nodes[0].args = one->args[0];
	one->nodes[0].name = one->names[0];
	one->nodes[0].type = one->types[0];
	one->input_count = c->nodes[i].input_count;
	memcpy(one->inputs, c->nodes[i].inputs, sizeof(one->inputs));
	for (uint32_t k = 0; k < one->input_count; k++) {
		one->index[k] = c->defs[i]->index_inputs >> k & 1;
		one->index_limit[k] =
		    c->index_limit[i == 0 || k == 0 ? k : c->target[i]];
	}
	one->output = c->nodes[i].output;
	one->param_count = c->first_param[i + 1] - first;
	one->first_param[1] = one->param_count;
	memcpy(one->params, &c->params[first],
	    one->param_count * sizeof(one->params[0]));
	one->across_samples = (c->defs[i]->flags & CNN_LAYER_ACROSS_SAMPLES) != 0;
	one->loss = (c->defs[i]->flags & CNN_LAYER_LOSS) != 0;
}

void chain_run_name(const struct layer_chain *c, char *name, size_t size)
{
	size_t n = 0;

	*name = '\0';
	for (uint32_t i = 0; i < c->node_count && n < size; i++)
		n += (size_t)snprintf(name + n, size - n, "%s%s", i ? "+" : "",
		    c->types[i]);
}
