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
 * Costs come from constants, so the choice does not depend on threads or clocks. On a
 * resume the checkpoint fixes the runs. */
#include "executor-private.h"

#include "base/tensor.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

#define LAYOUTS 4
#define PASSES 4
/* Makes a run that --provider names cheaper than all others. */
#define NAMED 1e12

/* A kernel for the nodes from `at` on, offered its first input in one layout. */
struct option {
	const struct cnn_plugin *plugin;
	const struct cnn_kernel *kernel;
	uint32_t at, count;
	uint32_t offered, output;	 /* layouts */
	double cost;			 /* with the reorder of the first input */
	uint32_t inputs[CNN_MAX_INPUTS]; /* layouts wanted of the others */
};

struct chain {
	size_t *nodes;
	uint32_t count;
	struct option *options; /* by `at` */
	size_t option_count, room;
	uint32_t end; /* layout of its output */
};

/* The cheapest way to a place in a chain and a layout there. */
struct way {
	double cost;
	uint32_t runs; /* 0 at the start; UINT32_MAX: there is no way */
	const struct option *last;
};

struct assigner {
	struct cnn_executor *ex;
	struct cnn_error *e;
	uint32_t *dtypes;     /* node -> element type */
	size_t *consumers;    /* node -> number of nodes that it feeds */
	size_t *consumer;     /* node -> the last of these */
	struct chain *chains; /* each after those that feed it */
	size_t chain_count;
	size_t *pool;	  /* the chains' nodes */
	struct way *ways; /* [longest chain + 1][LAYOUTS] */
};

/* --- nodes ------------------------------------------------------------------------ */

/* A node's element type under autocast: half for layers that gain by it, float for
 * layers that need it, otherwise the type of the inputs. */
static uint32_t node_dtype(const struct cnn_executor *ex, const uint32_t *dtypes,
    size_t n)
{
	const struct cnn_graph_node *node = &ex->graph->nodes[n];
	uint32_t dtype;

	if (node->def->flags & CNN_LAYER_HALF)
		return ex->options.amp;
	if (node->def->flags & CNN_LAYER_FLOAT)
		return CNN_F32;
	dtype = CNN_DTYPE_NONE;
	for (uint32_t i = 0; i < node->node.input_count; i++) {
		uint32_t other = dtypes[ex->alias[node->inputs[i]]];

		if (node->def->index_inputs >> i & 1)
			continue;
		if (dtype != CNN_DTYPE_NONE && other != dtype)
			return CNN_F32;
		dtype = other;
	}
	return dtype == CNN_DTYPE_NONE ? CNN_F32 : dtype;
}

/* Adds input i of a node to the inputs of the run. */
static void describe_input(const struct cnn_executor *ex,
    const struct cnn_graph_node *node, uint32_t i, uint32_t dtype,
    struct cnn_instance *inst)
{
	uint32_t k = inst->run.input_count++;
	bool as_index = node->def->index_inputs >> i & 1;

	inst->inputs[k] = ex->alias[node->inputs[i]];
	inst->edges[k].shape = node->node.inputs[i];
	inst->edges[k].format =
	    (struct cnn_format){ as_index ? CNN_I32 : dtype, CNN_NCHW };
	inst->edges[k].wants_gradient = !as_index &&
	    ex->wants_gradient[inst->inputs[k]];
}

/* Describes a run to its kernel. The layouts of the edges are not known yet. */
static void describe(const struct cnn_executor *ex, const size_t *nodes, uint32_t count,
    uint32_t dtype, struct cnn_instance *inst)
{
	const struct cnn_graph *g = ex->graph;

	memset(inst, 0, sizeof *inst);
	inst->node_count = count;
	for (uint32_t i = 0; i < count; i++) {
		const struct cnn_graph_node *n = &g->nodes[nodes[i]];

		inst->node_index[i] = nodes[i];
		inst->nodes[i] = n->node;
		inst->across |= ex->options.training &&
		    n->def->flags & CNN_LAYER_ACROSS_SAMPLES;
		inst->is_loss |= (n->def->flags & CNN_LAYER_LOSS) != 0;
		/* Input 0 of a later node is the node before. */
		for (uint32_t k = i > 0; k < n->node.input_count; k++)
			describe_input(ex, n, k, dtype, inst);
		for (uint32_t p = 0; p < n->param_count; p++) {
			inst->param_index[inst->run.param_count] = n->first_param + p;
			inst->params[inst->run.param_count++] =
			    g->params[n->first_param + p].def;
		}
	}
	inst->run.size = sizeof inst->run;
	inst->run.node_count = count;
	inst->run.nodes = inst->nodes;
	inst->run.inputs = inst->edges;
	inst->run.output = g->nodes[nodes[count - 1]].node.output;
	inst->run.params = inst->params;
	inst->run.dtype = dtype;
	inst->run.batch = ex->microbatch_size;
	inst->run.workers = ex->worker_count;
	inst->run.training = ex->options.training;
}

static uint32_t shape_layout(const struct cnn_shape *s, uint32_t layout)
{
	return s->rank == 3 ? layout : CNN_NCHW;
}

/* What it costs to bring a value from one format to another, and its gradient back. */
static double reorder_cost(const struct cnn_executor *ex, const struct cnn_edge *edge,
    struct cnn_format from, struct cnn_format to)
{
	const struct cnn_device *d = ex->device_functions;
	double cost = 0;

	if (from.dtype == to.dtype && from.layout == to.layout)
		return 0;
	cost = d->reorder_cost(&edge->shape, ex->microbatch_size, from, to);
	if (ex->options.training && edge->wants_gradient)
		cost += d->reorder_cost(&edge->shape, ex->microbatch_size, to, from);
	return cost;
}

/* The type in which the value of a node arrives. Inputs are gathered as it suits. */
static uint32_t source_dtype(const struct assigner *a, size_t node, uint32_t wanted)
{
	return a->ex->graph->nodes[node].def ? a->dtypes[node] : wanted;
}

/* --- what there is to choose from ------------------------------------------------- */

/* Returns the number of types in a kernel's run, TYPE[+TYPE ...], if the chain has
 * these types from `at` on; otherwise 0. */
static uint32_t matches(const struct cnn_executor *ex, const char *run,
    const struct chain *c, uint32_t at, const uint32_t *dtypes)
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

static int add_option(struct assigner *a, struct chain *c, const struct option *o)
{
	if (c->option_count == c->room) {
		size_t room = c->room * 2 + 16;
		struct option *more = realloc(c->options, room * sizeof *more);

		if (!more)
			return cnn_fail(a->e, CNN_ENOMEM, "out of memory");
		c->options = more;
		c->room = room;
	}
	c->options[c->option_count++] = *o;
	return CNN_OK;
}

/* Asks a kernel what the run would cost, offered its inputs in each layout. */
static int ask(struct assigner *a, struct chain *c, struct option *o,
    enum cnn_wish wish)
{
	struct cnn_executor *ex = a->ex;
	struct cnn_instance inst;
	uint32_t layouts;
	int r = CNN_OK;

	describe(ex, &c->nodes[o->at], o->count, a->dtypes[c->nodes[o->at]], &inst);
	layouts = inst.edges[0].shape.rank == 3 ? LAYOUTS : 1;
	for (o->offered = 0; r == CNN_OK && o->offered < layouts; o->offered++) {
		struct cnn_format from = {
			source_dtype(a, inst.inputs[0], inst.run.dtype), o->offered
		};
		struct cnn_plan plan;

		for (uint32_t i = 0; i < inst.run.input_count; i++)
			inst.edges[i].format.layout =
			    shape_layout(&inst.edges[i].shape, o->offered);
		cnn_plan_init(ex, &inst, &plan);
		o->cost = o->kernel->cost(&ex->host.host, o->kernel, &inst.run, &plan);
		o->output = shape_layout(&inst.run.output, plan.output.layout);
		if (!(o->cost > 0) || o->output >= LAYOUTS ||
		    (ex->options.training && !o->kernel->backward))
			continue;
		if (wish != CNN_WISH_YES)
			o->cost = wish == CNN_WISH_NAMED ? -NAMED : 0;
		o->cost += reorder_cost(ex, &inst.edges[0], from, plan.inputs[0]);
		for (uint32_t i = 1; i < inst.run.input_count; i++)
			o->inputs[i] = plan.inputs[i].layout;
		r = add_option(a, c, o);
	}
	return r;
}

static int list_options(struct assigner *a, struct chain *c)
{
	struct cnn_executor *ex = a->ex;
	int r = CNN_OK;

	for (uint32_t at = 0; at < c->count; at++)
		for (size_t i = 0; i < cnn_plugins_count(ex->plugins); i++) {
			const struct cnn_plugin *p = cnn_plugins_at(ex->plugins, i);

			if (strcmp(p->device, ex->options.on.device) != 0 || !p->entry)
				continue;
			for (uint32_t k = 0; k < p->entry->kernel_count; k++) {
				struct option o = { p, cnn_kernel_at(p->entry, k),
					.at = at };
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

/* --- the cheapest tiling of a chain ----------------------------------------------- */

static bool is_better(double cost, uint32_t runs, const struct way *than)
{
	return than->runs == UINT32_MAX || cost < than->cost ||
	    (cost == than->cost && runs < than->runs);
}

/* What it costs to reorder the inputs of a chain's first run, except input 0. `layouts`
 * has the layout of each node's value. */
static double side_cost(const struct assigner *a, const struct chain *c,
    const struct option *o, const uint32_t *layouts)
{
	const struct cnn_graph_node *n = &a->ex->graph->nodes[c->nodes[0]];
	double cost = 0;

	for (uint32_t i = 1; o->at == 0 && i < n->node.input_count; i++) {
		size_t source = a->ex->alias[n->inputs[i]];
		uint32_t dtype = a->dtypes[c->nodes[0]];
		struct cnn_edge edge = { n->node.inputs[i],
			{ source_dtype(a, source, dtype), layouts[source] },
			a->ex->wants_gradient[source] };

		if (!(n->def->index_inputs >> i & 1))
			cost += reorder_cost(a->ex, &edge, edge.format,
			    (struct cnn_format){ dtype, o->inputs[i] });
	}
	return cost;
}

/* Sets a->ways for the chain, from the layouts of what feeds it. */
static void find_ways(const struct assigner *a, const struct chain *c,
    const uint32_t *layouts)
{
	struct way *ways = a->ways;
	size_t source = a->ex->alias[a->ex->graph->nodes[c->nodes[0]].inputs[0]];

	for (size_t i = 0; i < ((size_t)c->count + 1) * LAYOUTS; i++)
		ways[i] = (struct way){ 0, UINT32_MAX, NULL };
	ways[layouts[source]].runs = 0;
	for (size_t i = 0; i < c->option_count; i++) {
		const struct option *o = &c->options[i];
		const struct way *before = &ways[o->at * LAYOUTS + o->offered];
		struct way *after = &ways[(o->at + o->count) * LAYOUTS + o->output];
		double cost;

		if (before->runs == UINT32_MAX)
			continue;
		cost = before->cost + o->cost + side_cost(a, c, o, layouts);
		if (is_better(cost, before->runs + 1, after))
			*after = (struct way){ cost, before->runs + 1, o };
	}
}

/* The cost of the chain, with its end as it is now. */
static double chain_cost(const struct assigner *a, const struct chain *c,
    const uint32_t *layouts)
{
	const struct way *end = &a->ways[(size_t)c->count * LAYOUTS + c->end];

	find_ways(a, c, layouts);
	return end->runs == UINT32_MAX ? DBL_MAX : end->cost;
}

/* --- the whole net ---------------------------------------------------------------- */

static size_t last_node(const struct chain *c)
{
	return c->nodes[c->count - 1];
}

/* What the others pay if the chain's end has the layout that `layouts` says: the chains
 * that it feeds, and the reader of the net's output. */
static double cost_of_others(const struct assigner *a, const struct chain *c,
    const uint32_t *layouts)
{
	const struct cnn_graph *g = a->ex->graph;
	size_t last = last_node(c);
	double cost = 0;

	for (const struct chain *k = c + 1; k < a->chains + a->chain_count; k++) {
		const struct cnn_graph_node *n = &g->nodes[k->nodes[0]];
		bool feeds = false;

		for (uint32_t i = 0; i < n->node.input_count; i++)
			feeds |= a->ex->alias[n->inputs[i]] == last;
		if (feeds)
			cost += chain_cost(a, k, layouts);
	}
	if (!a->ex->options.training && last == a->ex->alias[g->output]) {
		const struct cnn_edge edge = { .shape = g->nodes[last].node.output };

		cost += reorder_cost(a->ex, &edge,
		    (struct cnn_format){ a->dtypes[last], layouts[last] },
		    (struct cnn_format){ CNN_F32, CNN_NCHW });
	}
	return cost;
}

/* Chooses the layout of the chain's end. The first time, the chains that it feeds have
 * not been looked at. CNN_END if it cannot be computed. */
static int settle_end(const struct assigner *a, struct chain *c, uint32_t *layouts,
    bool first, bool *changed)
{
	struct way ends[LAYOUTS];
	uint32_t best = LAYOUTS;
	double least = 0;

	find_ways(a, c, layouts);
	memcpy(ends, &a->ways[(size_t)c->count * LAYOUTS], sizeof ends);
	for (uint32_t l = 0; l < LAYOUTS; l++) {
		double cost;

		if (ends[l].runs == UINT32_MAX)
			continue;
		layouts[last_node(c)] = l;
		cost = ends[l].cost + (first ? 0 : cost_of_others(a, c, layouts));
		if (best == LAYOUTS || cost < least) {
			best = l;
			least = cost;
		}
	}
	if (best == LAYOUTS)
		return CNN_END;
	layouts[last_node(c)] = best;
	*changed |= first || best != c->end;
	c->end = best;
	return CNN_OK;
}

/* Names the first node that no kernel computes. */
static int not_computed(const struct assigner *a, const struct chain *c,
    const uint32_t *layouts)
{
	uint32_t at = 0;

	find_ways(a, c, layouts);
	for (uint32_t i = 1; i <= c->count; i++)
		for (uint32_t l = 0; l < LAYOUTS; l++)
			if (a->ways[i * LAYOUTS + l].runs != UINT32_MAX)
				at = i;
	return cnn_wish_unmet(a->ex, c->nodes[at], a->dtypes[c->nodes[at]], a->e);
}

/* Adds the instances of a chain, whose ends are settled. */
static void add_instances(const struct assigner *a, const struct chain *c,
    const uint32_t *layouts)
{
	struct cnn_executor *ex = a->ex;
	uint32_t at = c->count, layout = c->end;

	find_ways(a, c, layouts);
	while (at > 0) {
		const struct option *o = a->ways[at * LAYOUTS + layout].last;
		struct cnn_instance *inst = &ex->instances[ex->instance_count++];

		describe(ex, &c->nodes[o->at], o->count, a->dtypes[c->nodes[o->at]],
		    inst);
		inst->plugin = o->plugin;
		inst->kernel = o->kernel;
		at = o->at;
		layout = o->offered;
	}
}

static int choose(struct assigner *a)
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

/* Can the node be in a run with the one that feeds its input 0? Its other inputs must
 * be inputs of the net, such as targets. */
static bool continues(const struct cnn_graph *g, size_t index, size_t before,
    const size_t *alias)
{
	const struct cnn_graph_node *n = &g->nodes[index];

	if (alias[n->inputs[0]] != before)
		return false;
	for (uint32_t i = 1; i < n->node.input_count; i++)
		if (g->nodes[alias[n->inputs[i]]].def)
			return false;
	return true;
}

/* Counts the nodes that each node feeds, with identities resolved. */
static void count_consumers(const struct assigner *a)
{
	const struct cnn_executor *ex = a->ex;
	const struct cnn_graph *g = ex->graph;

	for (size_t n = 0; n < g->node_count; n++)
		for (uint32_t i = 0;
		     ex->alias[n] == n && i < g->nodes[n].node.input_count; i++) {
			size_t from = ex->alias[g->nodes[n].inputs[i]];

			a->consumers[from]++;
			a->consumer[from] = n;
		}
}

/* Sets the aliases, the element types and which values have gradients. */
static void describe_nodes(const struct assigner *a)
{
	struct cnn_executor *ex = a->ex;
	const struct cnn_graph *g = ex->graph;

	for (size_t n = 0; n < g->node_count; n++) {
		ex->alias[n] = n;
		ex->wants_gradient[n] = false;
		a->dtypes[n] = g->nodes[n].index ? CNN_I32 : CNN_F32;
	}
	for (size_t n = 0; n < g->node_count; n++) {
		const struct cnn_graph_node *node = &g->nodes[n];

		if (!node->def)
			continue;
		if (!ex->options.training && node->def->flags & CNN_LAYER_TRAINING_ONLY)
			ex->alias[n] = ex->alias[node->inputs[0]];
		a->dtypes[n] = ex->alias[n] == n ? node_dtype(ex, a->dtypes, n) :
						   a->dtypes[ex->alias[n]];
		for (uint32_t i = 0; ex->options.training && i < node->param_count; i++)
			ex->wants_gradient[n] |=
			    g->params[node->first_param + i].def.kind ==
			    CNN_PARAM_TRAINABLE;
		for (uint32_t i = 0; i < node->node.input_count; i++)
			ex->wants_gradient[n] |= ex->wants_gradient[node->inputs[i]];
	}
}

/* Splits the net into chains. */
static void list_chains(struct assigner *a)
{
	const struct cnn_executor *ex = a->ex;
	const struct cnn_graph *g = ex->graph;
	const size_t output = ex->alias[g->output];
	size_t used = 0;

	for (size_t n = 0; n < g->node_count; n++) {
		struct chain *c = &a->chains[a->chain_count];
		size_t m = n;

		/* A node in the middle of a chain was taken before: it has no consumer
		 * left. */
		if (!g->nodes[n].def || a->consumer[n] == CNN_NONE || ex->alias[n] != n)
			continue;
		c->nodes = a->pool + used;
		for (;;) {
			size_t next = a->consumer[m];
			bool ends = a->consumers[m] != 1 ||
			    (m == output && !ex->options.training) ||
			    !continues(g, next, m, ex->alias);

			c->nodes[c->count++] = m;
			used++;
			a->consumer[m] = CNN_NONE;
			if (ends)
				break;
			m = next;
		}
		a->chain_count++;
	}
}

static int assign(struct assigner *a)
{
	struct cnn_executor *ex = a->ex;
	uint32_t longest = 0;
	int r;

	if ((r = cnn_plugins_open_device(ex->plugins, ex->options.on.device, a->e)) <
		0 ||
	    (r = cnn_wish_names(ex, a->e)) < 0)
		return r;
	describe_nodes(a);
	count_consumers(a);
	list_chains(a);
	for (size_t i = 0; i < a->chain_count; i++) {
		if (a->chains[i].count > longest)
			longest = a->chains[i].count;
		if ((r = list_options(a, &a->chains[i])) < 0)
			return r;
	}
	a->ways = malloc(((size_t)longest + 1) * LAYOUTS * sizeof *a->ways);
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
	struct assigner a = { .ex = ex, .e = e };
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
		free(a.chains[i].options);
	free(a.dtypes);
	free(a.consumers);
	free(a.consumer);
	free(a.chains);
	free(a.pool);
	free(a.ways);
	return r;
}
