/* chains.c - splits a net into chains, and describes its nodes and runs to the choice of
 * kernels: element types, gradients, and which nodes have the value of another. */
#include "assign.h"

#include <string.h>

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
static void count_consumers(const struct cnn_assigner *a)
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
static void describe_nodes(const struct cnn_assigner *a)
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
static void split(struct cnn_assigner *a)
{
	const struct cnn_executor *ex = a->ex;
	const struct cnn_graph *g = ex->graph;
	const size_t output = ex->alias[g->output];
	size_t used = 0;

	for (size_t n = 0; n < g->node_count; n++) {
		struct cnn_chain *c = &a->chains[a->chain_count];
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

void cnn_list_chains(struct cnn_assigner *a)
{
	describe_nodes(a);
	count_consumers(a);
	split(a);
}

/* --- runs ------------------------------------------------------------------------- */

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

void cnn_describe_run(const struct cnn_assigner *a, const size_t *nodes, uint32_t count,
    struct cnn_instance *inst)
{
	const struct cnn_executor *ex = a->ex;
	const struct cnn_graph *g = ex->graph;
	const uint32_t dtype = a->dtypes[nodes[0]];

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
