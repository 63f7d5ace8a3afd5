/* assign.c - assigns a kernel to each run of layers.
 *
 * The net is split into chains: sequences of nodes in which each node feeds only the
 * next one. Each chain is tiled with runs so that the sum of the kernels' scores is
 * highest; the longer run wins a tie. On a resume the checkpoint fixes the runs, and
 * the scores do not count. */
#include "executor-private.h"

#include "base/tensor.h"
#include "base/value.h"
#include <stdlib.h>
#include <string.h>

struct claim {
	const struct cnn_plugin *plugin;
	const struct cnn_kernel *kernel;
	uint32_t count;              /* nodes of the run; 0: none found */
	int score, total;            /* its own, and with the best runs after it */
};

struct chain { size_t nodes[CNN_MAX_NODES]; size_t count; };

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
	const struct cnn_graph_node *node, uint32_t i, uint32_t dtype, struct cnn_unit *u)
{
	uint32_t k = u->run.input_count++;
	bool as_index = node->def->index_inputs >> i & 1;

	u->inputs[k] = ex->alias[node->inputs[i]];
	u->edges[k].shape = node->node.inputs[i];
	u->edges[k].format = (struct cnn_format){ as_index ? CNN_I32 : dtype, CNN_NCHW };
	u->edges[k].wants_gradient = !as_index && ex->wants_gradient[u->inputs[k]];
}

/* Describes a run to its provider. The layouts of the edges are not known yet. */
static void describe(const struct cnn_executor *ex, const size_t *nodes,
	uint32_t count, uint32_t dtype, struct cnn_unit *u)
{
	const struct cnn_graph *g = ex->graph;

	memset(u, 0, sizeof *u);
	u->node_count = count;
	for (uint32_t i = 0; i < count; i++) {
		const struct cnn_graph_node *n = &g->nodes[nodes[i]];

		u->node_index[i] = nodes[i];
		u->nodes[i] = n->node;
		u->across |= ex->options.training &&
			n->def->flags & CNN_LAYER_ACROSS_SAMPLES;
		u->is_loss |= (n->def->flags & CNN_LAYER_LOSS) != 0;
		/* Input 0 of a later node is the node before. */
		for (uint32_t k = i > 0; k < n->node.input_count; k++)
			describe_input(ex, n, k, dtype, u);
		for (uint32_t p = 0; p < n->param_count; p++) {
			u->param_index[u->run.param_count] = n->first_param + p;
			u->params[u->run.param_count++] =
				g->params[n->first_param + p].def;
		}
	}
	u->run.size = sizeof u->run;
	u->run.node_count = count;
	u->run.nodes = u->nodes;
	u->run.inputs = u->edges;
	u->run.output = g->nodes[nodes[count - 1]].node.output;
	u->run.params = u->params;
	u->run.dtype = dtype;
	u->run.batch = ex->shard_size;
	u->run.workers = ex->worker_count;
	u->run.training = ex->options.training;
}

/* More than the sum of all scores of a net. */
#define NAMED 1000000
/* Bonus of a recorded run per node: more than any score. The sum over all nodes is
 * below NAMED. */
#define RECORDED 900

/* True if --provider TYPE+TYPE=NAME names this run and provider. */
static bool is_named(const struct cnn_executor *ex, const char *run,
	const char *provider)
{
	size_t n = strlen(run);

	for (size_t i = 0; strchr(run, '+') && i < ex->options.on.provider_count; i++) {
		const char *s = ex->options.on.providers[i];

		if (strncmp(s, run, n) == 0 && s[n] == '=' &&
		    strcmp(s + n + 1, provider) == 0)
			return true;
	}
	return false;
}

/* Does the provider have a kernel for the run, whose name is n bytes of text? */
static bool has_kernel(const struct cnn_plugin *p, const char *run, size_t n)
{
	for (uint32_t i = 0; p->entry && i < p->entry->kernel_count; i++) {
		const char *other = cnn_kernel_at(p->entry, i)->run;

		if (strlen(other) == n && strncmp(other, run, n) == 0)
			return true;
	}
	return false;
}

/* Checks that each --provider names a kernel of the device. */
static int check_wishes(const struct cnn_executor *ex, struct cnn_error *e)
{
	for (size_t i = 0; i < ex->options.on.provider_count; i++) {
		const char *s = ex->options.on.providers[i], *end = strchr(s, '=');
		bool found = false;

		if (!end)
			return cnn_fail(e, CNN_EUSAGE, "--provider: %s: must be "
				"TYPE=NAME", s);
		for (size_t k = 0; k < cnn_plugins_count(ex->plugins) && !found; k++) {
			const struct cnn_plugin *p = cnn_plugins_at(ex->plugins, k);

			found = strcmp(p->device, ex->options.on.device) == 0 &&
				strcmp(p->provider, end + 1) == 0 &&
				has_kernel(p, s, (size_t)(end - s));
		}
		if (!found)
			return cnn_fail(e, CNN_EPLUGIN, "--provider: %s: %s/%s has no "
				"kernel %.*s (cnn-info lists the kernels)", s,
				ex->options.on.device, end + 1, (int)(end - s), s);
	}
	return CNN_OK;
}

/* The provider that --provider TYPE=NAME sets for a type, or NULL. */
static const char *wanted_provider(const struct cnn_executor *ex, const char *type)
{
	size_t n = strlen(type);

	for (size_t i = ex->options.on.provider_count; i-- > 0; ) {
		const char *s = ex->options.on.providers[i];

		if (strncmp(s, type, n) == 0 && s[n] == '=')
			return s + n + 1;
	}
	return NULL;
}

/* Returns the number of types in a kernel's run, TYPE[+TYPE ...], if the chain has
 * these types from `at` on; otherwise 0. */
static uint32_t matches(const struct cnn_executor *ex, const char *run,
	const struct chain *c, size_t at, const uint32_t *dtypes)
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
		if (strlen(node->node.type) != n || strncmp(node->node.type, s, n) != 0 ||
		    dtypes[c->nodes[at + count]] != dtypes[c->nodes[at]] ||
		    params > CNN_MAX_PARAMS || inputs > CNN_MAX_INPUTS)
			return 0;
		s += n + (s[n] == '+');
	}
	return count;
}

/* True if the user's options allow this kernel for these nodes. */
static bool allowed(const struct cnn_executor *ex, const struct claim *k,
	const struct chain *c, size_t at)
{
	const char *want;

	if (k->count > 1 && ex->options.on.no_fuse)
		return false;
	if (is_named(ex, k->kernel->run, k->plugin->provider))
		return true;
	for (uint32_t i = 0; i < k->count; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.ArraySubscript): matches() stayed in c */
		want = wanted_provider(ex, ex->graph->nodes[c->nodes[at + i]].node.type);
		if (want && (k->count > 1 || strcmp(want, k->plugin->provider) != 0))
			return false;
	}
	return true;
}

/* --- runs recorded in a checkpoint ------------------------------------------------ */

static const struct cnn_value *record_of(const struct cnn_executor *ex)
{
	return ex->options.training ? ex->options.on.recorded : NULL;
}

/* Line i of the record, "conv1+relu1=cpu/native". The record is untrusted input. */
static const char *record_line(const struct cnn_value *record, size_t i)
{
	const struct cnn_value *line = record->as.array.items[i];

	return line->type == CNN_STR ? line->as.str.data : "";
}

/* True if the line records that this plugin computed these nodes. */
static bool says(const struct cnn_executor *ex, const char *line, const size_t *nodes,
	uint32_t count, const char *device, const char *provider)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *name = ex->graph->nodes[nodes[i]].node.name;
		size_t n = strlen(name);

		if (strncmp(line, name, n) != 0 || line[n] != (i + 1 < count ? '+' : '='))
			return false;
		line += n + 1;
	}
	return strncmp(line, device, strlen(device)) == 0 &&
		line[strlen(device)] == '/' &&
		strcmp(line + strlen(device) + 1, provider) == 0;
}

static bool is_recorded(const struct cnn_executor *ex, const size_t *nodes,
	uint32_t count, const struct cnn_plugin *p)
{
	const struct cnn_value *record = record_of(ex);

	for (size_t i = 0; i < record->as.array.count; i++)
		if (says(ex, record_line(record, i), nodes, count, p->device, p->provider))
			return true;
	return false;
}

/* The provider recorded for a node, "cpu/native", or NULL. */
static const char *recorded_provider(const struct cnn_executor *ex, const char *name)
{
	const struct cnn_value *record = record_of(ex);
	size_t n = strlen(name);

	for (size_t i = 0; i < record->as.array.count; i++) {
		const char *line = record_line(record, i), *end = strchr(line, '=');

		for (; end && line < end; line += strcspn(line, "+=") + 1)
			if (strcspn(line, "+=") == n && strncmp(line, name, n) == 0)
				return end + 1;
	}
	return NULL;
}

static int contradicts(const char *option, struct cnn_error *e)
{
	return cnn_fail(e, CNN_EUSAGE, "%s: conflicts with the checkpoint (omit it to "
		"use the checkpoint's providers)", option);
}

/* CNN_OK if this kernel may compute these nodes, CNN_END if not. */
static int may_claim(const struct cnn_executor *ex, const struct claim *k,
	const struct chain *c, size_t at, struct cnn_error *e)
{
	bool wanted = allowed(ex, k, c, at);

	if (!record_of(ex) || !is_recorded(ex, &c->nodes[at], k->count, k->plugin))
		return wanted && (!record_of(ex) || ex->options.on.provider_count > 0) ?
			CNN_OK : CNN_END;
	return wanted ? CNN_OK : contradicts(k->count > 1 && ex->options.on.no_fuse ?
		"--no-fuse" : "--provider", e);
}

/* --provider also admits runs that are not recorded. Fails if one of them was
 * chosen. */
static int check_record(const struct cnn_executor *ex, struct cnn_error *e)
{
	for (size_t i = 0; record_of(ex) && i < ex->unit_count; i++)
		if (!is_recorded(ex, ex->units[i].node_index, ex->units[i].node_count,
		    ex->units[i].plugin))
			return contradicts("--provider", e);
	return CNN_OK;
}

/* --- choosing the runs ------------------------------------------------------------ */

/* Sets the claim's score and total. CNN_END if its kernel may not or cannot compute the
 * nodes. best[at + 1] and those after it are known. */
static int rate(const struct cnn_executor *ex, struct claim *new, const struct chain *c,
	size_t at, const uint32_t *dtypes, const struct claim *best,
	struct cnn_error *e)
{
	const struct cnn_kernel *kernel = new->kernel;
	struct cnn_unit u;
	int r;

	new->count = matches(ex, kernel->run, c, at, dtypes);
	if (new->count == 0 || best[at + new->count].total < 0)
		return CNN_END;
	if ((r = may_claim(ex, new, c, at, e)) != CNN_OK)
		return r;
	describe(ex, &c->nodes[at], new->count, dtypes[c->nodes[at]], &u);
	new->score = kernel->score(&ex->host.host, kernel, &u.run);
	if (new->score <= 0 || (ex->options.training && !kernel->backward))
		return CNN_END;
	new->total = new->score + best[at + new->count].total +
		(is_named(ex, kernel->run, new->plugin->provider) ? NAMED : 0) +
		(record_of(ex) && is_recorded(ex, &c->nodes[at], new->count, new->plugin) ?
			RECORDED * (int)new->count : 0);
	return CNN_OK;
}

/* best[at] = the best run that begins at node `at` of the chain. */
static int best_claim(struct cnn_executor *ex, const struct chain *c, size_t at,
	const uint32_t *dtypes, struct claim *best, struct cnn_error *e)
{
	best[at] = (struct claim){ 0 };
	for (size_t i = 0; i < cnn_plugins_count(ex->plugins); i++) {
		const struct cnn_plugin *p = cnn_plugins_at(ex->plugins, i);

		if (strcmp(p->device, ex->options.on.device) != 0 || !p->entry)
			continue;
		for (uint32_t k = 0; k < p->entry->kernel_count; k++) {
			struct claim new = { p, cnn_kernel_at(p->entry, k), 0, 0, 0 };
			int r = rate(ex, &new, c, at, dtypes, best, e);

			if (r < 0)
				return r;
			if (r == CNN_OK && (new.total > best[at].total ||
			    (new.total == best[at].total && new.count > best[at].count)))
				best[at] = new;
		}
	}
	if (best[at].count == 0)
		best[at].total = -1;
	return CNN_OK;
}

static int no_provider(const struct cnn_executor *ex, size_t node, uint32_t dtype,
	struct cnn_error *e)
{
	const struct cnn_node *n = &ex->graph->nodes[node].node;
	const char *want = wanted_provider(ex, n->type);

	if (record_of(ex)) {
		want = recorded_provider(ex, n->name);
		return want ? cnn_fail(e, CNN_EPLUGIN, "%s: the checkpoint used %.64s, "
			"which is not available, and other providers give different "
			"bytes (omit --resume to use only its weights)",
			n->name, want) : cnn_fail(e, CNN_EDATA, "the checkpoint's "
			"providers are invalid: none for %s", n->name);
	}
	if (want)
		return cnn_fail(e, CNN_EPLUGIN, "%s: no provider %s of %s on %s in %s "
			"supports its arguments", n->name, want, n->type,
			ex->options.on.device,
			cnn_dtype_name(dtype));
	return cnn_fail(e, CNN_EPLUGIN, "%s: no kernel on %s computes %s in %s with "
		"these arguments (cnn-info lists the kernels)", n->name,
		ex->options.on.device, n->type, cnn_dtype_name(dtype));
}

static int claim_chain(struct cnn_executor *ex, const struct chain *c,
	const uint32_t *dtypes, struct cnn_error *e)
{
	struct claim *best = calloc(c->count + 1, sizeof *best);
	size_t at = c->count;
	int r = CNN_OK;

	if (!best)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	while (r == CNN_OK && at-- > 0)
		r = best_claim(ex, c, at, dtypes, best, e);
	for (at = 0; r == CNN_OK && at < c->count; at += best[at].count) {
		struct cnn_unit *u = &ex->units[ex->unit_count];

		if (best[at].count == 0) {
			/* Name the node that no provider computes, not the chain's
			 * first. */
			while (at + 1 < c->count && best[at + 1].total < 0)
				at++;
			r = no_provider(ex, c->nodes[at], dtypes[c->nodes[at]], e);
			break;
		}
		describe(ex, &c->nodes[at], best[at].count, dtypes[c->nodes[at]], u);
		u->plugin = best[at].plugin;
		u->kernel = best[at].kernel;
		u->score = best[at].score;
		ex->unit_count++;
	}
	free(best);
	return r;
}

static int by_first_node(const void *a, const void *b)
{
	const struct cnn_unit *u = a, *v = b;

	return u->node_index[0] < v->node_index[0] ? -1 :
		u->node_index[0] > v->node_index[0];
}

/* Sorting moves the units: set their pointers into themselves again. */
static void settle_units(struct cnn_executor *ex)
{
	qsort(ex->units, ex->unit_count, sizeof *ex->units, by_first_node);
	for (size_t i = 0; i < ex->unit_count; i++) {
		struct cnn_unit *u = &ex->units[i];

		u->run.nodes = u->nodes;
		u->run.inputs = u->edges;
		u->run.params = u->params;
		if (u->is_loss)
			ex->losses[ex->loss_count++] = u;
	}
}

/* Can the node be in a run with the one that feeds its input 0? Its other inputs must be
 * inputs of the net, such as targets. */
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
static void count_consumers(const struct cnn_executor *ex, size_t *consumers,
	size_t *consumer)
{
	const struct cnn_graph *g = ex->graph;

	for (size_t n = 0; n < g->node_count; n++)
		for (uint32_t i = 0; ex->alias[n] == n && i < g->nodes[n].node.input_count;
		     i++) {
			size_t from = ex->alias[g->nodes[n].inputs[i]];

			consumers[from]++;
			consumer[from] = n;
		}
}

int cnn_claim(struct cnn_executor *ex, struct cnn_error *e)
{
	const struct cnn_graph *g = ex->graph;
	size_t *consumers = calloc(g->node_count, sizeof *consumers);
	size_t *consumer = calloc(g->node_count, sizeof *consumer);
	uint32_t *dtypes = calloc(g->node_count, sizeof *dtypes);
	bool *taken = calloc(g->node_count, sizeof *taken);
	struct chain *c = malloc(sizeof *c);
	size_t output;
	int r = CNN_OK;

	ex->alias = calloc(g->node_count, sizeof *ex->alias);
	ex->wants_gradient = calloc(g->node_count, sizeof *ex->wants_gradient);
	ex->units = calloc(g->node_count, sizeof *ex->units);
	if (!consumers || !consumer || !dtypes || !taken || !c || !ex->alias ||
	    !ex->wants_gradient || !ex->units) {
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
		goto out;
	}
	if ((r = cnn_plugins_open_device(ex->plugins, ex->options.on.device, e)) < 0 ||
	    (r = check_wishes(ex, e)) < 0)
		goto out;
	for (size_t n = 0; n < g->node_count; n++) {
		ex->alias[n] = n;
		dtypes[n] = g->nodes[n].index ? CNN_I32 : CNN_F32;
	}
	for (size_t n = 0; n < g->node_count; n++) {
		const struct cnn_graph_node *node = &g->nodes[n];

		if (!node->def)
			continue;
		if (!ex->options.training && node->def->flags & CNN_LAYER_TRAINING_ONLY)
			ex->alias[n] = ex->alias[node->inputs[0]];
		dtypes[n] = ex->alias[n] == n ? node_dtype(ex, dtypes, n) :
			dtypes[ex->alias[n]];
		for (uint32_t i = 0; i < node->param_count; i++)
			ex->wants_gradient[n] |= g->params[node->first_param + i].def.kind ==
				CNN_PARAM_TRAINABLE;
		for (uint32_t i = 0; i < node->node.input_count; i++)
			ex->wants_gradient[n] |= ex->wants_gradient[node->inputs[i]];
	}
	if (!ex->options.training)
		memset(ex->wants_gradient, 0, g->node_count * sizeof *ex->wants_gradient);
	count_consumers(ex, consumers, consumer);
	output = ex->alias[g->output];
	for (size_t n = 0; r == CNN_OK && n < g->node_count; n++) {
		size_t m = n;

		if (!g->nodes[n].def || taken[n] || ex->alias[n] != n)
			continue;
		for (c->count = 0; ; m = consumer[m]) {
			c->nodes[c->count++] = m;
			taken[m] = true;
			if (consumers[m] != 1 ||
			    (m == output && !ex->options.training) ||
			    !continues(g, consumer[m], m, ex->alias))
				break;
		}
		r = claim_chain(ex, c, dtypes, e);
	}
	if (r == CNN_OK)
		settle_units(ex);
	if (r == CNN_OK)
		r = check_record(ex, e);
out:
	free(consumers);
	free(consumer);
	free(dtypes);
	free(taken);
	free(c);
	return r;
}
