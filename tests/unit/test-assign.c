/* The choice of kernels: on chains the cheapest of all tilings, reorders included,
 * found by trying each; where chains meet, the layout that suits both; with --tune, by
 * what kernels take instead of what they predict. The plugins are tables in this file.
 */
#include "tap.h"

#include "executor/executor-private.h"
#include "plugin/loader-private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PROVIDERS = 3, RUNS = 3, LAYOUTS = 4 };

static const char *const providers[PROVIDERS] = { "a", "b", "c" };
static const char *const runs[RUNS] = { "relu", "relu+relu", "relu+relu+relu" };
static struct cnn_kernel kernels[PROVIDERS][RUNS + 1];
static struct cnn_plugin_entry entries[PROVIDERS];
static struct cnn_plugin found[PROVIDERS];
static struct cnn_plugins plugins = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.found = found,
	.found_count = PROVIDERS };

/* What the kernels say. */
enum mode { RANDOM, EQUAL, PICKY, WRONG };
static enum mode mode;
static uint32_t seed;
static unsigned asked;
static unsigned created[PROVIDERS], ran[PROVIDERS];
static bool refuses[PROVIDERS];

static uint32_t hash(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	uint32_t x = seed * 0x9e3779b1u + a * 0x85ebca6bu + b * 0xc2b2ae35u +
	    c * 0x27d4eb2fu + d * 0x165667b1u;

	x = (x ^ x >> 15) * 0x2c1b3c6du;
	x = (x ^ x >> 12) * 0x297a2d39u;
	return x ^ x >> 15;
}

/* The place of a layer in the net: its name is r0, r1 ... */
static uint32_t place_of(const struct cnn_node *n)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.*): a run has one layer or more */
	return (uint32_t)atoi(n->name + 1);
}

static double cost(const struct cnn_host *host, const struct cnn_kernel *k,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	size_t provider = (size_t)((const char *)k - (const char *)kernels) /
	    sizeof *kernels;
	uint32_t offered = run->inputs[0].format.layout;
	uint32_t h = hash((uint32_t)provider, run->node_count, place_of(&run->nodes[0]),
	    offered);

	(void)host;
	asked++;
	/* a is slow and predicts to be fast, b is fast, and c predicts to be far
	 * slower. All want NCHW. */
	if (mode == WRONG) {
		plan->inputs[0].layout = plan->output.layout = CNN_NCHW;
		return provider == 0 ? 1 : provider == 1 ? 5 : 500;
	}
	if (mode == EQUAL)
		return 8.0 * run->node_count;
	/* c takes NHWC alone, and makes it in r0 at a price; the others keep NCHW. */
	if (mode == PICKY) {
		bool is_first = strcmp(run->nodes[0].name, "r0") == 0;

		plan->inputs[0].layout = provider == 2 && !is_first ? CNN_NHWC :
								      CNN_NCHW;
		plan->output.layout = provider == 2 ? CNN_NHWC : CNN_NCHW;
		return provider == 2 && is_first ? 11 : provider == 2 ? 5 : 10;
	}
	if (h % 7 == 0)
		return 0;
	for (uint32_t i = 0; i < run->input_count; i++)
		plan->inputs[i].layout = h / 7 % 5 < 4 ? h / 7 % 5 : offered;
	plan->output.layout = h / 35 % 4;
	return 1 + h / 140 % 50;
}

static double reorder_cost(const struct cnn_shape *s, size_t samples,
    struct cnn_format from, struct cnn_format to)
{
	(void)s, (void)samples;
	return mode == PICKY ? 3 : 1 + hash(99, from.layout, to.layout, 0) % 20;
}

/* The instance of a provider's kernels is its number, from 1. */
static int create(const struct cnn_host *host, const struct cnn_kernel *k,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	size_t provider = (size_t)((const char *)k - (const char *)kernels) /
	    sizeof *kernels;

	(void)host, (void)run, (void)plan;
	created[provider]++;
	*instance = (char *)kernels + provider + 1;
	return refuses[provider] ? CNN_END : CNN_OK;
}

static void destroy(void *instance)
{
	(void)instance;
}

static int run_kernel(void *instance, const struct cnn_call *call)
{
	const struct timespec while_slow = { .tv_nsec = 3000000 };
	size_t provider = (size_t)((char *)instance - (char *)kernels) - 1;

	(void)call;
	ran[provider]++;
	if (provider == 0)
		nanosleep(&while_slow, NULL);
	return CNN_OK;
}

static void make_plugins(void)
{
	for (int p = 0; p < PROVIDERS; p++) {
		for (int r = 0; r <= RUNS; r++)
			kernels[p][r] =
			    (struct cnn_kernel){ .size = sizeof kernels[p][r],
				    .run = r < RUNS ? runs[r] : "add",
				    .cost = cost,
				    .create = create,
				    .destroy = destroy,
				    .forward = run_kernel,
				    .backward = run_kernel };
		entries[p] = (struct cnn_plugin_entry){ .kernels = kernels[p],
			.kernel_count = RUNS + 1,
			.name = "k",
			.version = "1" };
		found[p] = (struct cnn_plugin){ (char *)"cpu", (char *)providers[p],
			(char *)"k", (char *)"k.so", &entries[p], false };
	}
}

/* --- an executor that is only assigned -------------------------------------------- */

static void *device_alloc(void *d, size_t bytes)
{
	(void)d;
	return calloc(1, bytes);
}

static void device_free(void *d, void *p)
{
	(void)d;
	free(p);
}

static int device_upload(void *d, void *queue, void *dst, const void *src, size_t bytes)
{
	(void)d, (void)queue;
	memcpy(dst, src, bytes);
	return CNN_OK;
}

static int device_reorder(void *d, void *queue, const struct cnn_shape *s,
    size_t samples, struct cnn_format from, const void *src, struct cnn_format to,
    void *dst)
{
	(void)d, (void)queue, (void)s, (void)samples, (void)from, (void)src, (void)to,
	    (void)dst;
	return CNN_OK;
}

static struct cnn_device device = { .alloc = device_alloc,
	.free = device_free,
	.upload = device_upload,
	.reorder = device_reorder };

static struct cnn_executor *assign_as(const struct cnn_graph *g, bool training,
    uint32_t policy)
{
	struct cnn_executor *ex = calloc(1, sizeof *ex);
	struct cnn_error e = { 0 };

	device.reorder_cost = reorder_cost;
	ex->graph = g;
	ex->plugins = &plugins;
	ex->device_functions = &device;
	ex->options = (struct cnn_executor_options){ .on = { .device = "cpu" },
		.amp = CNN_F32,
		.batch = 4,
		.training = training };
	ex->options.on.policy = policy;
	ex->microbatch_size = 4;
	ex->worker_count = 1;
	cnn_host_init(&ex->host, NULL, policy, NULL);
	if (cnn_assign(ex, &e) != CNN_OK) {
		printf("# %s\n", e.text);
		ex->instance_count = 0;
	}
	return ex;
}

static struct cnn_executor *assign(const struct cnn_graph *g)
{
	return assign_as(g, false, 0);
}

static void drop(struct cnn_executor *ex)
{
	cnn_plan_drop(ex);
	cnn_host_close(&ex->host);
	free(ex);
}

static struct cnn_graph *build(const char *text)
{
	struct cnn_graph *g = NULL;
	struct cnn_error e = { 0 };

	if (cnn_graph_build(&g, "net", text, strlen(text), &plugins, &e) != CNN_OK)
		printf("# %s\n", e.text);
	return g;
}

/* --- chains against every tiling -------------------------------------------------- */

/* The cost of one kernel for `count` layers from `at` on, and the layout behind it. */
static double price(const struct cnn_graph *g, int provider, uint32_t at,
    uint32_t count, uint32_t offered, uint32_t *out)
{
	struct cnn_node nodes[CNN_MAX_RUN];
	struct cnn_edge edge = { g->nodes[at + 1].node.inputs[0], { CNN_F32, offered },
		0 };
	struct cnn_run run = { .node_count = count,
		.nodes = nodes,
		.input_count = 1,
		.inputs = &edge };
	struct cnn_plan plan = { .inputs = { { CNN_F32, offered } },
		.output = { CNN_F32, offered } };
	double c;

	for (uint32_t i = 0; i < count; i++)
		nodes[i] = g->nodes[at + 1 + i].node;
	c = cost(NULL, &kernels[provider][count - 1], &run, &plan);
	if (c > 0 && plan.inputs[0].layout != offered)
		c += reorder_cost(&edge.shape, 4, edge.format, plan.inputs[0]);
	*out = plan.output.layout;
	return c;
}

static double best_of_all(const struct cnn_graph *g, uint32_t at, uint32_t layers,
    uint32_t layout)
{
	const struct cnn_format is = { CNN_F32, layout }, plain = { CNN_F32, CNN_NCHW };
	double best = 1e30;

	if (at == layers)
		return layout == CNN_NCHW ? 0 : reorder_cost(NULL, 4, is, plain);
	for (uint32_t count = 1; count <= RUNS && at + count <= layers; count++)
		for (int p = 0; p < PROVIDERS; p++) {
			uint32_t out;
			double c = price(g, p, at, count, layout, &out);

			if (c > 0)
				c += best_of_all(g, at + count, layers, out);
			if (c > 0 && c < best)
				best = c;
		}
	return best;
}

/* What the assigned kernels cost. */
static double assigned_cost(const struct cnn_executor *ex, uint32_t layers)
{
	uint32_t layout = CNN_NCHW, out;
	double sum = 0;

	for (size_t i = 0; i < ex->instance_count; i++) {
		const struct cnn_instance *inst = &ex->instances[i];
		int p = *inst->plugin->provider - 'a';
		double c = price(ex->graph, p, (uint32_t)inst->node_index[0] - 1,
		    inst->node_count, layout, &out);

		if (!(c > 0))
			return -1;
		sum += c;
		layout = out;
		layers -= inst->node_count;
	}
	if (layers != 0)
		return -1;
	return layout == CNN_NCHW ? sum :
				    sum +
		reorder_cost(NULL, 4, (struct cnn_format){ CNN_F32, layout },
		    (struct cnn_format){ CNN_F32, CNN_NCHW });
}

static void test_chains(void)
{
	unsigned right = 0, impossible = 0;

	mode = RANDOM;
	for (seed = 0; seed < 300; seed++) {
		uint32_t layers = 1 + seed % 7;
		char text[200] = "input 3x4x4\n";
		struct cnn_graph *g;
		struct cnn_executor *ex;
		double best;

		for (uint32_t i = 0; i < layers; i++)
			snprintf(text + strlen(text), 20, "r%u: relu\n", i);
		g = build(text);
		ex = assign(g);
		best = best_of_all(g, 0, layers, CNN_NCHW);
		if (best > 1e29)
			impossible += ex->instance_count == 0;
		else if (assigned_cost(ex, layers) == best)
			right++;
		else
			printf("# seed %u: %g, but %g is possible\n", seed,
			    assigned_cost(ex, layers), best);
		drop(ex);
		cnn_graph_free(g);
	}
	ok(right + impossible == 300 && right > 250,
	    "300 chains have the cheapest tiling (%u can't be computed)", impossible);
}

static void test_ties(void)
{
	struct cnn_graph *g = build(
	    "input 3x4x4\nr0: relu\nr1: relu\nr2: relu\nr3: relu\n");
	struct cnn_executor *ex;

	mode = EQUAL;
	ex = assign(g);
	ok(ex->instance_count == 2 && !strcmp(ex->instances[0].plugin->provider, "a") &&
		!strcmp(ex->instances[1].plugin->provider, "a"),
	    "of equal costs fewer runs win, then the first provider");
	drop(ex);
	cnn_graph_free(g);
}

/* r0 feeds two chains. Alone it is cheaper in NCHW; both chains are cheaper in NHWC. */
static void test_meeting(void)
{
	struct cnn_graph *g = build(
	    "input 3x4x4\nr0: relu\nr1: relu from=r0\nr2: relu from=r0\n"
	    "r9: add from=r1,r2\n");
	struct cnn_executor *ex;
	bool all = true;

	mode = PICKY;
	ex = assign(g);
	for (size_t i = 0; i < 3 && i < ex->instance_count; i++)
		all &= strcmp(ex->instances[i].plugin->provider, "c") == 0;
	ok(ex->instance_count == 4 && all,
	    "a chain's end has the layout that suits what it feeds");
	drop(ex);
	cnn_graph_free(g);
}

/* The provider of each node: "aab". */
static const char *chosen(const struct cnn_executor *ex)
{
	static char text[16];
	size_t n = 0;

	for (size_t i = 0; i < ex->instance_count; i++)
		for (uint32_t k = 0; k < ex->instances[i].node_count; k++)
			text[n++] = *ex->instances[i].plugin->provider;
	text[n] = '\0';
	return text;
}

static const char *tuned(const struct cnn_graph *g, bool training, uint32_t policy)
{
	struct cnn_executor *ex = assign_as(g, training, policy);
	const char *text = chosen(ex);

	if (ex->memory != 0)
		text = "memory was not given back";
	drop(ex);
	return text;
}

static void test_tune(void)
{
	struct cnn_graph *g = build("input 3x4x4\nr0: relu\nr1: relu\n");
	const char *text;

	mode = WRONG;
	memset(created, 0, sizeof created);
	text = tuned(g, true, 0);
	ok(!strcmp(text, "aa") && created[0] == 0, "predicted: %s", text);
	text = tuned(g, false, CNN_POLICY_TUNE);
	ok(!strcmp(text, "aa") && created[0] == 0, "inference is not tuned: %s", text);
	text = tuned(g, true, CNN_POLICY_TUNE);
	ok(!strcmp(text, "bb"), "measured: %s", text);
	ok(created[0] == 3 && created[1] == 3,
	    "each kernel is created once for each place, whatever layouts are offered");
	ok(created[2] == 0 && ran[2] == 0,
	    "one that is predicted to be far slower is not tried");
	ok(ran[0] >= 2 * 3 * 4 && ran[1] >= 2 * 3 * 4,
	    "forward and backward run several times");
	refuses[1] = true;
	text = tuned(g, true, CNN_POLICY_TUNE);
	ok(!strcmp(text, "aa"), "of those that can be created: %s", text);
	refuses[0] = true;
	memset(created, 0, sizeof created);
	text = tuned(g, true, CNN_POLICY_TUNE);
	ok(!strcmp(text, "cc") && created[2] == 3,
	    "far slower than one that can't be created: %s", text);
	refuses[0] = refuses[1] = false;
	cnn_graph_free(g);
}

/* Each kernel is asked once per place and layout, however many tilings there are. */
static void test_effort(void)
{
	char text[4096] = "input 3x4x4\n";
	struct cnn_graph *g;
	struct cnn_executor *ex;

	for (int i = 0; i < 200; i++)
		snprintf(text + strlen(text), 20, "r%d: relu\n", i);
	mode = EQUAL;
	asked = 0;
	g = build(text);
	ex = assign(g);
	ok(ex->instance_count == 67 && asked <= 200 * PROVIDERS * RUNS * LAYOUTS,
	    "200 layers: %u questions", asked);
	drop(ex);
	cnn_graph_free(g);
}

int main(void)
{
	make_plugins();
	test_chains();
	test_ties();
	test_meeting();
	test_effort();
	test_tune();
	return done();
}
