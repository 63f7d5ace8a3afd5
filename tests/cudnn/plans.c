/* plans.c - builds one of the cuDNN provider's graphs for a device that is not present,
 * with the provider's own code, and prints cuDNN's answer.
 *
 *   plans [-v] [-e NUMBER] SM KIND DTYPE SAMPLES CxHxW OUT KERNEL STRIDE PADDING
 *         DILATION GROUPS
 *
 * SM is 80 (an A100) or 90 (an H100), KIND one of graph_kind_names. Prints one line of
 * key=number to standard output; -v prints a line per engine before it; -e tries one
 * engine, without the heuristics:
 *   listed         distinct engines that support the graph
 *   deterministic  of these without the note NONDETERMINISTIC
 *   plans          deterministic ones whose plan builds
 *   compiled       of those that the default policy admits: compiled here, and then
 *                  refused by the stub of libcuda, which cannot load them
 *   allowed        those that the default policy admits and whose plan builds
 *   chosen         number of the engine that the provider chooses, or -1
 *   again          the same, if that number is required
 * Exit status 0, also if there are none; 1 if the graph is refused; 2 bad usage.
 */
#include "../../plugins/cuda/cudnn/engines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICE(sm, sms, shared, memory, clock, memory_clock, cache, name) \
	"{\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64]," \
	"\"regsPerBlock\":65536,\"multiProcessorCount\":" sms ",\"warpSize\":32," \
	"\"maxSharedMemoryPerBlock\":49152,\"maxSharedMemoryPerBlockOptin\":" shared \
	"," \
	"\"reservedSharedMemoryPerBlock\":1024,\"maxRegistersPerSM\":65536," \
	"\"maxCtasPerSM\":32,\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":2048," \
	"\"pciDeviceId\":0,\"isTccDriver\":0,\"supportCoopLaunch\":1," \
	"\"totalGlobalMem\":" memory ",\"smClockRateKHz\":" clock "," \
	"\"memClockRateKHz\":" memory_clock ",\"l2CacheSize\":" cache "," \
	"\"cudaDeviceId\":0,\"deviceVer\":" sm ",\"driverVer\":13000," \
	"\"deviceName\":\"" name "\"}"

static const char *device_of(const char *sm)
{
	if (!strcmp(sm, "80"))
		return DEVICE("800", "108", "166912", "42285268992", "1410000",
		    "1215000", "41943040", "NVIDIA A100-SXM4-40GB");
	if (!strcmp(sm, "90"))
		return DEVICE("900", "132", "232448", "85017493504", "1980000",
		    "2619000", "52428800", "NVIDIA H100 80GB HBM3");
	return NULL;
}

struct options {
	struct graph_spec spec;
	const char *device;
	int64_t number; /* the required engine, or -1 */
	bool verbose;
};

static void print_engine(const struct engine *engine, const char *outcome)
{
	static const char *const notes[] = {
		"tensor-core",
		"down-convert",
		"reduced-reduction",
		"fft",
		"nondeterministic",
		"winograd",
		"tile4",
		"tile6",
		"tile13",
		"strict-nan",
	};

	printf("# engine %lld%s:", (long long)engine->number,
	    engine->source == ENGINE_FALLBACK ? " (fallback)" :
		engine->source == ENGINE_REST ? " (rest)" :
						"");
	for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
		if (engine->notes >> i & 1)
			printf(" %s", notes[i]);
	if (engine->behavior >> CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION & 1)
		printf(" runtime-compiled");
	if (engine->behavior >> CUDNN_BEHAVIOR_NOTE_CUBLASLT_DEPENDENCY & 1)
		printf(" cublasLt");
	printf(": %s\n", outcome);
}

struct counts {
	int listed, deterministic, plans, compiled, allowed;
};

static const struct engine_policy careful = { 0 };

static void count(struct counts *n, const struct engine *engine, const struct graph *g,
    const struct engine_device *device, bool verbose)
{
	const bool deterministic = !(
	    engine->notes >> CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC & 1);
	const char *why = engine_refused(engine, &g->spec, &careful);
	struct graph_error e = { "" };
	struct engine_plan plan;
	int r = engine_plan_build(&plan, engine, device, &e);
	/* The stub of libcuda answers CUDA_ERROR_STUB_LIBRARY, 34, to a kernel. */
	const bool compiled = r != CNN_OK && strstr(e.text, "(34)") != NULL;

	engine_plan_close(&plan);
	n->listed++;
	n->deterministic += deterministic;
	n->plans += deterministic && r == CNN_OK;
	n->compiled += deterministic && compiled && !why;
	n->allowed += r == CNN_OK && !why;
	if (verbose)
		print_engine(engine, r != CNN_OK ? e.text : why ? why : "plan");
}

/* The provider's own choice, from a list of its own. */
static int choose(struct engine_plan *plan, const struct graph *g,
    const struct engine_device *device, int64_t number, struct graph_error *e)
{
	struct engines all = { 0 };
	int r = engine_choose(plan, &all, g, device, &careful, number, e);

	engine_plan_close(plan);
	engines_close(&all);
	return r;
}

static int report(const struct graph *g, const struct engine_device *device,
    const struct options *o, struct graph_error *e)
{
	struct counts n = { 0 };
	struct engines all = { 0 };
	struct engine_plan plan = { .number = -1 }, again = { .number = -1 };
	int r = CNN_OK;

	if (o->number >= 0)
		r = engines_add_number(&all, g, device, o->number, e);
	for (int source = 0; o->number < 0 && source < ENGINE_SOURCES && r == CNN_OK;
	     source++)
		r = engines_add(&all, g, device, (enum engine_source)source, e);
	for (uint32_t i = 0; i < all.count; i++)
		count(&n, &all.list[i], g, device, o->verbose);
	engines_close(&all);
	/* A failed compilation cannot be repeated in the same process. */
	if (r == CNN_OK && n.allowed && o->number < 0)
		r = choose(&plan, g, device, -1, e);
	if (r == CNN_OK && plan.number >= 0)
		r = choose(&again, g, device, plan.number, e);
	printf("listed=%d deterministic=%d plans=%d compiled=%d allowed=%d chosen=%lld "
	       "again=%lld workspace=%lld\n",
	    n.listed, n.deterministic, n.plans, n.compiled, n.allowed,
	    (long long)plan.number, (long long)again.number, (long long)plan.workspace);
	return r;
}

static int run(const struct options *o)
{
	struct graph g;
	struct engine_device device = { 0 };
	struct graph_error e = { "" };
	int r = graph_describe(&g, &o->spec, &e);

	if (r == CNN_OK)
		r = engine_device_describe(&device, o->device, &e);
	if (r == CNN_OK)
		r = graph_build(&g, NULL, &e);
	if (r == CNN_OK)
		r = report(&g, &device, o, &e);
	if (r != CNN_OK)
		fprintf(stderr, "plans: %s\n", e.text);
	graph_close(&g);
	engine_device_close(&device);
	return r != CNN_OK || fflush(stdout) ? 1 : 0;
}

/* --- the arguments ---------------------------------------------------------------- */

static int usage(void)
{
	fputs("usage: plans [-v] [-e NUMBER] SM KIND DTYPE SAMPLES CxHxW OUT KERNEL "
	      "STRIDE PADDING DILATION GROUPS\n",
	    stderr);
	return 2;
}

/* "3" or "3x2". */
static bool pair(const char *text, int64_t out[2])
{
	char *end;

	out[0] = out[1] = strtoll(text, &end, 10);
	if (*end == 'x')
		out[1] = strtoll(end + 1, &end, 10);
	return end != text && *end == '\0';
}

static int64_t slide(const struct graph_spec *s, int axis, int64_t in)
{
	return (in + 2 * s->padding[axis] - s->dilation[axis] * (s->kernel[axis] - 1) -
		   1) /
	    s->stride[axis] +
	    1;
}

static bool parse(struct options *o, char **argv)
{
	static const char *const dtypes[] = {
		[CNN_F16] = "f16",
		[CNN_F32] = "f32",
		[CNN_BF16] = "bf16",
	};
	struct graph_spec *s = &o->spec;
	int64_t hw[2];
	char *rest;

	s->kind = GRAPH_KIND_COUNT;
	for (int i = 0; i < GRAPH_KIND_COUNT; i++)
		if (!strcmp(argv[1], graph_kind_names[i]))
			s->kind = (enum graph_kind)i;
	for (uint32_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
		if (dtypes[i] && !strcmp(argv[2], dtypes[i]))
			s->dtype = i;
	s->n = strtoll(argv[3], NULL, 10);
	s->c = strtoll(argv[4], &rest, 10);
	if (*rest != 'x' || !pair(rest + 1, hw))
		return false;
	s->h = hw[0], s->w = hw[1];
	s->o = strtoll(argv[5], NULL, 10);
	s->groups = strtoll(argv[10], NULL, 10);
	if (!pair(argv[6], s->kernel) || !pair(argv[7], s->stride) ||
	    !pair(argv[8], s->padding) || !pair(argv[9], s->dilation) ||
	    s->stride[0] < 1 || s->stride[1] < 1)
		return false;
	s->oh = slide(s, 0, s->h);
	s->ow = slide(s, 1, s->w);
	return (o->device = device_of(argv[0])) != NULL;
}

int main(int argc, char **argv)
{
	struct options o = { .number = -1 };
	int c;

	while ((c = getopt(argc, argv, "ve:")) != -1) {
		if (c == '?')
			return usage();
		if (c == 'v')
			o.verbose = true;
		else
			o.number = strtoll(optarg, NULL, 10);
	}
	if (cudnn_library_open())
		return fprintf(stderr, "plans: %s\n", cudnn_library_open()), 1;
	if (argc - optind != 11 || !parse(&o, argv + optind))
		return usage();
	return run(&o);
}
