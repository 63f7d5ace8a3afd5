/* candidates.c - lists the kernels that could compute each place of a chain. */
#include "assign.h"

#include <stdlib.h>
#include <string.h>

/* Makes a run that --provider names cheaper than all others, and nodes that a
 * checkpoint's runs compute cheaper than others. */
#define NAMED 1e12
#define RECORDED 1e9

static uint32_t shape_layout(const struct cnn_shape *s, uint32_t layout)
{
	return s->rank == 3 ? layout : CNN_NCHW;
}

static double one_reorder(const struct cnn_assigner *a, const struct cnn_shape *shape,
    struct cnn_format from, struct cnn_format to)
{
	return a->tuned ? cnn_tune_reorder(a, shape, from, to) :
			  a->ex->device_functions->reorder_cost(shape,
			      a->ex->microbatch_size, from, to);
}

double cnn_reorder_cost(const struct cnn_assigner *a, const struct cnn_edge *edge,
    struct cnn_format from, struct cnn_format to)
{
	double cost = 0;

	if (from.dtype == to.dtype && from.layout == to.layout)
		return 0;
	cost = one_reorder(a, &edge->shape, from, to);
	if (a->ex->options.training && edge->wants_gradient)
		cost += one_reorder(a, &edge->shape, to, from);
	return cost;
}

uint32_t cnn_source_dtype(const struct cnn_assigner *a, size_t node, uint32_t wanted)
{
	return a->ex->graph->nodes[node].def ? a->dtypes[node] : wanted;
}

/* Returns the number of types in a kernel's run, TYPE[+TYPE ...], if the chain has
 * these types from `at` on; otherwise 0. */
static uint32_t matches(const struct cnn_executor *ex, const char *run,
    const struct cnn_chain *c, uint32_t at, const uint32_t *dtypes)
{
	uint32_t count = 0, params = 0, inputs = 0;

	for (const char *s = run; *s; count++) {
		const struct cnn_graph_node *node;
		size_t n = strcspn(s, "+");

		if (at + count == c->count || count == CNN_MAX_RUN)
			return 0;
		node = &ex->graph->nodes[c->nodes[at + count]];
		params += node->param_count;
		inputs += node->node.input_count - (count > 0);
		if (strlen(node->node.type) != n ||
		    strncmp(node->node.type, s, n) != 0 ||
		    dtypes[c->nodes[at + count]] != dtypes[c->nodes[at]] ||
		    params > CNN_MAX_PARAMS || inputs > CNN_MAX_INPUTS)
			return 0;
		s += n + (s[n] == '+');
	}
	return count;
}

static int add_candidate(struct cnn_assigner *a, struct cnn_chain *c,
    const struct cnn_candidate *o)
{
	if (c->candidate_count == c->room) {
		size_t room = c->room * 2 + 16;
		struct cnn_candidate *more =
		    realloc(c->candidates, room * sizeof *more);

		if (!more)
			return cnn_fail(a->e, CNN_ENOMEM, "out of memory");
		c->candidates = more;
		c->room = room;
	}
	c->candidates[c->candidate_count++] = *o;
	return CNN_OK;
}

/* Asks a kernel what the run would cost, offered its inputs in each layout. */
static int ask(struct cnn_assigner *a, struct cnn_chain *c, struct cnn_candidate *o,
    enum cnn_wish wish)
{
	struct cnn_executor *ex = a->ex;
	struct cnn_instance inst;
	uint32_t layouts;
	int r = CNN_OK;

	cnn_describe_run(a, &c->nodes[o->at], o->count, &inst);
	o->fixed = wish != CNN_WISH_YES;
	layouts = inst.edges[0].shape.rank == 3 ? CNN_LAYOUTS : 1;
	for (o->offered = 0; r == CNN_OK && o->offered < layouts; o->offered++) {
		struct cnn_format from = {
			cnn_source_dtype(a, inst.inputs[0], inst.run.dtype), o->offered
		};
		struct cnn_plan plan;

		for (uint32_t i = 0; i < inst.run.input_count; i++)
			inst.edges[i].format.layout =
			    shape_layout(&inst.edges[i].shape, o->offered);
		cnn_plan_init(ex, &inst, &plan);
		o->cost = o->kernel->cost(&ex->host.host, o->kernel, &inst.run, &plan);
		o->output = shape_layout(&inst.run.output, plan.output.layout);
		if (!(o->cost > 0) || o->output >= CNN_LAYOUTS ||
		    (ex->options.training && !o->kernel->backward))
			continue;
		if (wish == CNN_WISH_NAMED)
			o->cost -= NAMED;
		else if (wish == CNN_WISH_RECORDED)
			o->cost -= o->count * RECORDED;
		o->reorder = cnn_reorder_cost(a, &inst.edges[0], from, plan.inputs[0]);
		for (uint32_t i = 0; i < inst.run.input_count; i++)
			o->inputs[i] = plan.inputs[i].layout;
		r = add_candidate(a, c, o);
	}
	return r;
}

int cnn_list_candidates(struct cnn_assigner *a, struct cnn_chain *c)
{
	struct cnn_executor *ex = a->ex;
	int r = CNN_OK;

	for (uint32_t at = 0; at < c->count; at++)
		for (size_t i = 0; i < cnn_plugins_count(ex->plugins); i++) {
			const struct cnn_plugin *p = cnn_plugins_at(ex->plugins, i);

			if (strcmp(p->device, ex->options.on.device) != 0 || !p->entry)
				continue;
			for (uint32_t k = 0; k < p->entry->kernel_count; k++) {
				struct cnn_candidate o = { p,
					cnn_kernel_at(p->entry, k), .at = at };
				enum cnn_wish wish;

				o.count = matches(ex, o.kernel->run, c, at, a->dtypes);
				if (o.count == 0)
					continue;
				if ((r = cnn_wish(ex, p, o.kernel, &c->nodes[at],
					 o.count, &wish, a->e)) < 0 ||
				    (wish != CNN_WISH_NO &&
					(r = ask(a, c, &o, wish)) < 0))
					return r;
			}
		}
	return r;
}
