/* assign.c - assigns a kernel to each run of layers.
 *
 * The net is split into chains: sequences of nodes in which each node feeds only the
 * next one. A chain is tiled with runs. What it costs depends on the layouts at its two
 * ends: the sum of what its kernels and the reorders between them cost. The cheapest
 * tiling is found exactly, for each layout of the chain's end, by dynamic programming
 * from front to back. Where chains meet, each one's end gets the layout with which it
 * and the chains that it feeds cost least; a few passes over the net settle that.
 *
 * Of equal costs the one with fewer runs wins, then the kernel that is listed first.
 * Costs come from constants, so the choice does not depend on threads or clocks, except
 * with --tune. On a resume the checkpoint fixes the runs, and these the
 * layouts: a provider has one kernel for a run, and what it gives depends only on what
 * it is offered. */
#include "assign.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#define PASSES 4

/* --- the cheapest tiling of a chain ----------------------------------------------- */

static bool is_better(double cost, uint32_t runs, const struct cnn_way *than)
{
	return than->runs == UINT32_MAX || cost < than->cost ||
	    (cost == than->cost && runs < than->runs);
}

/* What it costs to reorder the inputs of a chain's first run, except input 0. `layouts`
 * has the layout of each node's value. */
static double side_cost(const struct cnn_assigner *a, const struct cnn_chain *c,
    const struct cnn_candidate *o, const uint32_t *layouts)
{
	const struct cnn_graph_node *n = &a->ex->graph->nodes[c->nodes[0]];
	double cost = 0;

	for (uint32_t i = 1; o->at == 0 && i < n->node.input_count; i++) {
		size_t source = a->ex->alias[n->inputs[i]];
		uint32_t dtype = a->dtypes[c->nodes[0]];
		struct cnn_edge edge = { n->node.inputs[i],
			{ cnn_source_dtype(a, source, dtype), layouts[source] },
			a->ex->wants_gradient[source] };

		if (!(n->def->index_inputs >> i & 1))
			cost += cnn_reorder_cost(a, &edge, edge.format,
			    (struct cnn_format){ dtype, o->inputs[i] });
	}
	return cost;
}

/* Sets a->ways for the chain, from the layouts of what feeds it. */
static void find_ways(const struct cnn_assigner *a, const struct cnn_chain *c,
    const uint32_t *layouts)
{
	struct cnn_way *ways = a->ways;
	size_t source = a->ex->alias[a->ex->graph->nodes[c->nodes[0]].inputs[0]];

	for (size_t i = 0; i < ((size_t)c->count + 1) * CNN_LAYOUTS; i++)
		ways[i] = (struct cnn_way){ 0, UINT32_MAX, NULL };
	ways[layouts[source]].runs = 0;
	for (size_t i = 0; i < c->candidate_count; i++) {
		const struct cnn_candidate *o = &c->candidates[i];
		const struct cnn_way *before = &ways[o->at * CNN_LAYOUTS + o->offered];
		struct cnn_way *after =
		    &ways[(o->at + o->count) * CNN_LAYOUTS + o->output];
		double cost;

		if (before->runs == UINT32_MAX)
			continue;
		cost = before->cost + o->cost + o->reorder +
		    side_cost(a, c, o, layouts);
		if (is_better(cost, before->runs + 1, after))
			*after = (struct cnn_way){ cost, before->runs + 1, o };
	}
}

/* The cost of the chain, with its end as it is now. */
static double chain_cost(const struct cnn_assigner *a, const struct cnn_chain *c,
    const uint32_t *layouts)
{
	const struct cnn_way *end = &a->ways[(size_t)c->count * CNN_LAYOUTS + c->end];

	find_ways(a, c, layouts);
	return end->runs == UINT32_MAX ? DBL_MAX : end->cost;
}

/* --- the whole net ---------------------------------------------------------------- */

static size_t last_node(const struct cnn_chain *c)
{
	return c->nodes[c->count - 1];
}

/* What the others pay if the chain's end has the layout that `layouts` says: the chains
 * that it feeds, and the reader of the net's output. */
static double cost_of_others(const struct cnn_assigner *a, const struct cnn_chain *c,
    const uint32_t *layouts)
{
	const struct cnn_graph *g = a->ex->graph;
	size_t last = last_node(c);
	double cost = 0;

	for (const struct cnn_chain *k = c + 1; k < a->chains + a->chain_count; k++) {
		const struct cnn_graph_node *n = &g->nodes[k->nodes[0]];
		bool feeds = false;

		for (uint32_t i = 0; i < n->node.input_count; i++)
			feeds |= a->ex->alias[n->inputs[i]] == last;
		if (feeds)
			cost += chain_cost(a, k, layouts);
	}
	if (!a->ex->options.training && last == a->ex->alias[g->output]) {
		const struct cnn_edge edge = { .shape = g->nodes[last].node.output };

		cost += cnn_reorder_cost(a, &edge,
		    (struct cnn_format){ a->dtypes[last], layouts[last] },
		    (struct cnn_format){ CNN_F32, CNN_NCHW });
	}
	return cost;
}

/* Chooses the layout of the chain's end. The first time, the chains that it feeds have
 * not been looked at. CNN_END if it cannot be computed. */
static int settle_end(const struct cnn_assigner *a, struct cnn_chain *c,
    uint32_t *layouts, bool first, bool *changed)
{
	struct cnn_way ends[CNN_LAYOUTS];
	uint32_t best = CNN_LAYOUTS;
	double least = 0;

	find_ways(a, c, layouts);
	memcpy(ends, &a->ways[(size_t)c->count * CNN_LAYOUTS], sizeof ends);
	for (uint32_t l = 0; l < CNN_LAYOUTS; l++) {
		double cost;

		if (ends[l].runs == UINT32_MAX)
			continue;
		layouts[last_node(c)] = l;
		cost = ends[l].cost + (first ? 0 : cost_of_others(a, c, layouts));
		if (best == CNN_LAYOUTS || cost < least) {
			best = l;
			least = cost;
		}
	}
	if (best == CNN_LAYOUTS)
		return CNN_END;
	layouts[last_node(c)] = best;
	*changed |= first || best != c->end;
	c->end = best;
	return CNN_OK;
}

/* Names the first node that no kernel computes. */
static int not_computed(const struct cnn_assigner *a, const struct cnn_chain *c,
    const uint32_t *layouts)
{
	uint32_t at = 0;

	find_ways(a, c, layouts);
	for (uint32_t i = 1; i <= c->count; i++)
		for (uint32_t l = 0; l < CNN_LAYOUTS; l++)
			if (a->ways[i * CNN_LAYOUTS + l].runs != UINT32_MAX)
				at = i;
	return cnn_wish_unmet(a->ex, c->nodes[at], a->dtypes[c->nodes[at]], a->e);
}

/* Adds the instances of a chain, whose ends are settled. */
static void add_instances(const struct cnn_assigner *a, const struct cnn_chain *c,
    const uint32_t *layouts)
{
	struct cnn_executor *ex = a->ex;
	uint32_t at = c->count, layout = c->end;

	find_ways(a, c, layouts);
	while (at > 0) {
		const struct cnn_candidate *o = a->ways[at * CNN_LAYOUTS + layout].last;
		struct cnn_instance *inst = &ex->instances[ex->instance_count++];

		cnn_describe_run(a, &c->nodes[o->at], o->count, inst);
		inst->plugin = o->plugin;
		inst->kernel = o->kernel;
		at = o->at;
		layout = o->offered;
	}
}

static int choose(struct cnn_assigner *a)
{
	uint32_t *layouts = calloc(a->ex->graph->node_count, sizeof *layouts);
	bool changed = true;
	int r = CNN_OK;

	if (!layouts)
		return cnn_fail(a->e, CNN_ENOMEM, "out of memory");
	for (int pass = 0; r == CNN_OK && changed && pass < PASSES; pass++) {
		changed = false;
		for (size_t i = 0; r == CNN_OK && i < a->chain_count; i++)
			if (settle_end(a, &a->chains[i], layouts, pass == 0,
				&changed) != CNN_OK)
				r = not_computed(a, &a->chains[i], layouts);
	}
	for (size_t i = 0; r == CNN_OK && i < a->chain_count; i++)
		add_instances(a, &a->chains[i], layouts);
	free(layouts);
	return r;
}

static int by_first_node(const void *a, const void *b)
{
	const struct cnn_instance *inst = a, *v = b;

	return inst->node_index[0] < v->node_index[0] ?
	    -1 :
	    inst->node_index[0] > v->node_index[0];
}

/* Sorting moves the instances: set their pointers into themselves again. */
static void settle_instances(struct cnn_executor *ex)
{
	qsort(ex->instances, ex->instance_count, sizeof *ex->instances, by_first_node);
	for (size_t i = 0; i < ex->instance_count; i++) {
		struct cnn_instance *inst = &ex->instances[i];

		inst->run.nodes = inst->nodes;
		inst->run.inputs = inst->edges;
		inst->run.params = inst->params;
		if (inst->is_loss)
			ex->losses[ex->loss_count++] = inst;
	}
}

static int assign(struct cnn_assigner *a)
{
	struct cnn_executor *ex = a->ex;
	uint32_t longest = 0;
	int r;

	if ((r = cnn_plugins_open_device(ex->plugins, ex->options.on.device, a->e)) <
		0 ||
	    (r = cnn_wish_names(ex, a->e)) < 0)
		return r;
	cnn_list_chains(a);
	/* The kernels that a checkpoint records were chosen before. */
	if (ex->options.training && !ex->options.on.recorded &&
	    ex->options.on.policy & CNN_POLICY_TUNE && (r = cnn_tune_open(a)) < 0)
		return r;
	for (size_t i = 0; i < a->chain_count; i++) {
		if (a->chains[i].count > longest)
			longest = a->chains[i].count;
		if ((r = cnn_list_candidates(a, &a->chains[i])) < 0 ||
		    (a->tuned && (r = cnn_tune(a, &a->chains[i])) < 0))
			return r;
	}
	a->ways = calloc(((size_t)longest + 1) * CNN_LAYOUTS, sizeof *a->ways);
	if (!a->ways)
		return cnn_fail(a->e, CNN_ENOMEM, "out of memory");
	if ((r = choose(a)) < 0)
		return r;
	settle_instances(ex);
	return cnn_wish_check(ex, a->e);
}

int cnn_assign(struct cnn_executor *ex, struct cnn_error *e)
{
	const size_t count = ex->graph->node_count;
	struct cnn_assigner a = { .ex = ex, .e = e };
	int r;

	a.dtypes = calloc(count, sizeof *a.dtypes);
	a.consumers = calloc(count, sizeof *a.consumers);
	a.consumer = calloc(count, sizeof *a.consumer);
	a.chains = calloc(count, sizeof *a.chains);
	a.pool = calloc(count, sizeof *a.pool);
	ex->alias = calloc(count, sizeof *ex->alias);
	ex->wants_gradient = calloc(count, sizeof *ex->wants_gradient);
	ex->instances = calloc(count, sizeof *ex->instances);
	r = a.dtypes && a.consumers && a.consumer && a.chains && a.pool && ex->alias &&
		ex->wants_gradient && ex->instances ?
	    assign(&a) :
	    cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t i = 0; a.chains && i < a.chain_count; i++)
		free(a.chains[i].candidates);
	free(a.dtypes);
	free(a.consumers);
	free(a.consumer);
	free(a.chains);
	free(a.pool);
	free(a.ways);
	cnn_tune_close(&a);
	return r;
}
