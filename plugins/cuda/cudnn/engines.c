/* engines.c - see engines.h. */
#include "engines.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NOTES 32
#define MAX_ENGINES 4096

/* --- the device ------------------------------------------------------------------- */

int engine_device_describe(struct engine_device *device, const char *json,
    struct graph_error *e)
{
	int r;

	*device = (struct engine_device){ 0 };
	r = graph_create(&device->properties, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, e);
	if (r == CNN_OK)
		r = graph_set(device->properties,
		    CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
		    (int64_t)strlen(json), json, e);
	return r == CNN_OK ? graph_finalize(device->properties, "device", e) : r;
}

static void destroy(cudnnBackendDescriptor_t *d)
{
	if (*d)
		cudnn.BackendDestroyDescriptor(*d);
	*d = NULL;
}

void engine_device_close(struct engine_device *device)
{
	destroy(&device->properties);
}

/* --- candidates ------------------------------------------------------------------- */

/* A list of enums as bits; 0 for an engine without any. */
static uint32_t notes_of(cudnnBackendDescriptor_t engine,
    cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type)
{
	int32_t notes[MAX_NOTES];
	int64_t count = 0;
	uint32_t bits = 0;

	if (cudnn.BackendGetAttribute(engine, name, type, MAX_NOTES, &count, notes) !=
	    CUDNN_STATUS_SUCCESS)
		return UINT32_MAX; /* unreadable: do not trust it */
	for (int64_t i = 0; i < count && i < MAX_NOTES; i++)
		if (notes[i] >= 0 && notes[i] < 32)
			bits |= UINT32_C(1) << notes[i];
	return bits;
}

/* Reads the engine's properties from the config. */
static int read_config(struct engine *candidate, struct graph_error *e)
{
	cudnnBackendDescriptor_t engine;
	cudnnStatus_t status;
	int64_t count;
	int r = graph_create(&engine, CUDNN_BACKEND_ENGINE_DESCRIPTOR, e);

	if (r != CNN_OK)
		return r;
	status = cudnn.BackendGetAttribute(candidate->config,
	    CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
	    &engine);
	if (status == CUDNN_STATUS_SUCCESS)
		status = cudnn.BackendGetAttribute(engine,
		    CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &count,
		    &candidate->number);
	if (status == CUDNN_STATUS_SUCCESS) {
		candidate->notes = notes_of(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
		    CUDNN_TYPE_NUMERICAL_NOTE);
		candidate->behavior = notes_of(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
		    CUDNN_TYPE_BEHAVIOR_NOTE);
	} else
		r = graph_fail_status(e, status, "engine of a candidate");
	destroy(&engine);
	return r;
}

static bool listed(const struct engines *all, int64_t number)
{
	for (uint32_t i = 0; i < all->count; i++)
		if (all->list[i].number == number)
			return true;
	return false;
}

/* Takes ownership of the configs. Drops those whose engine is listed already. */
static int add_candidates(struct engines *all, cudnnBackendDescriptor_t *configs,
    int64_t count, enum engine_source source, struct graph_error *e)
{
	int r = CNN_OK;

	for (int64_t i = 0; i < count && r == CNN_OK; i++) {
		struct engine *next = &all->list[all->count];

		*next = (struct engine){ .config = configs[i], .source = source };
		if ((r = read_config(next, e)) != CNN_OK || listed(all, next->number))
			continue;
		configs[i] = NULL;
		all->count++;
	}
	for (int64_t i = 0; i < count; i++)
		destroy(&configs[i]);
	return r;
}

static int reserve(struct engines *all, int64_t more, struct graph_error *e)
{
	struct engine *list =
	    realloc(all->list, (all->count + (size_t)more) * sizeof *list);

	if (!list)
		return graph_fail(e, CNN_ENOMEM, "out of memory");
	all->list = list;
	return CNN_OK;
}

static int get_results(struct engines *all, cudnnBackendDescriptor_t heuristics,
    enum engine_source source, struct graph_error *e)
{
	cudnnBackendDescriptor_t *configs;
	int64_t count = 0, got = 0;
	int r = CNN_OK;
	cudnnStatus_t status = cudnn.BackendGetAttribute(heuristics,
	    CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count,
	    NULL);

	if (status != CUDNN_STATUS_SUCCESS)
		return graph_fail_status(e, status, "candidates");
	if (count < 1 || count > MAX_ENGINES)
		return CNN_OK;
	if ((r = reserve(all, count, e)) != CNN_OK)
		return r;
	if (!(configs = calloc((size_t)count, sizeof *configs)))
		return graph_fail(e, CNN_ENOMEM, "out of memory");
	for (int64_t i = 0; i < count && r == CNN_OK; i++)
		r = graph_create(&configs[i], CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, e);
	if (r == CNN_OK &&
	    (status = cudnn.BackendGetAttribute(heuristics,
		 CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count,
		 &got, configs)) != CUDNN_STATUS_SUCCESS)
		r = graph_fail_status(e, status, "candidates");
	if (r == CNN_OK)
		r = add_candidates(all, configs, got < count ? got : count, source, e);
	for (int64_t i = 0; i < count; i++)
		destroy(&configs[i]);
	free(configs);
	return r;
}

/* A heuristic mode may fail if it has no advice for a graph. That means no candidate
 * and is not an error. */
static int add_advised(struct engines *all, const struct graph *g,
    const struct engine_device *device, enum engine_source source,
    struct graph_error *e)
{
	const cudnnBackendHeurMode_t mode =
	    source == ENGINE_BEST ? CUDNN_HEUR_MODE_A : CUDNN_HEUR_MODE_FALLBACK;
	cudnnBackendDescriptor_t d;
	int r = graph_create(&d, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, e);

	if (r != CNN_OK)
		return r;
	r = graph_set(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
	    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->desc, e);
	if (r == CNN_OK)
		r = graph_set(d, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1,
		    &mode, e);
	if (r == CNN_OK && device->properties)
		r = graph_set(d, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,
		    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &device->properties, e);
	if (r == CNN_OK && graph_finalize(d, "heuristics", e) == CNN_OK)
		r = get_results(all, d, source, e);
	destroy(&d);
	return r;
}

/* Creates a config of an engine, given by its number, with default settings. */
static int open_engine(cudnnBackendDescriptor_t *config, const struct graph *g,
    const struct engine_device *device, int64_t number, struct graph_error *e)
{
	cudnnBackendDescriptor_t engine = NULL;
	int r = graph_create(&engine, CUDNN_BACKEND_ENGINE_DESCRIPTOR, e);

	if (r == CNN_OK)
		r = graph_set(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH,
		    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->desc, e);
	if (r == CNN_OK)
		r = graph_set(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64,
		    1, &number, e);
	if (r == CNN_OK && device->properties)
		r = graph_set(engine, CUDNN_ATTR_ENGINE_DEVICEPROP,
		    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &device->properties, e);
	if (r == CNN_OK)
		r = graph_finalize(engine, "engine", e);
	if (r == CNN_OK)
		r = graph_create(config, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, e);
	if (r == CNN_OK)
		r = graph_set(*config, CUDNN_ATTR_ENGINECFG_ENGINE,
		    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine, e);
	if (r == CNN_OK)
		r = graph_finalize(*config, "engine's settings", e);
	if (r != CNN_OK)
		destroy(config);
	destroy(&engine);
	return r;
}

int engines_add_number(struct engines *all, const struct graph *g,
    const struct engine_device *device, int64_t number, struct graph_error *e)
{
	cudnnBackendDescriptor_t config = NULL;
	int r = reserve(all, 1, e);

	if (r == CNN_OK)
		r = open_engine(&config, g, device, number, e);
	return r == CNN_OK ? add_candidates(all, &config, 1, ENGINE_REST, e) : r;
}

static int add_rest(struct engines *all, const struct graph *g,
    const struct engine_device *device, struct graph_error *e)
{
	struct graph_error why = { "" };
	int64_t numbers = 0, count;
	int r = CNN_OK;
	cudnnStatus_t status = cudnn.BackendGetAttribute(g->desc,
	    CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT, CUDNN_TYPE_INT64, 1, &count,
	    &numbers);

	if (status != CUDNN_STATUS_SUCCESS)
		return graph_fail_status(e, status, "engines");
	for (int64_t i = 0; i < numbers && i < MAX_ENGINES && r != CNN_ENOMEM; i++)
		if (!listed(all, i))
			r = engines_add_number(all, g, device, i, &why);
	if (r == CNN_ENOMEM)
		*e = why;
	return r == CNN_ENOMEM ? r : CNN_OK;
}

int engines_add(struct engines *all, const struct graph *g,
    const struct engine_device *device, enum engine_source source,
    struct graph_error *e)
{
	return source == ENGINE_REST ? add_rest(all, g, device, e) :
				       add_advised(all, g, device, source, e);
}

void engines_close(struct engines *all)
{
	for (uint32_t i = 0; i < all->count; i++)
		destroy(&all->list[i].config);
	free(all->list);
	*all = (struct engines){ 0 };
}

/* --- the policy ------------------------------------------------------------------- */

static bool noted(uint32_t notes, int note)
{
	return notes >> note & 1;
}

const char *engine_refused(const struct engine *engine, const struct graph_spec *spec,
    const struct engine_policy *policy)
{
	const uint32_t n = engine->notes, b = engine->behavior;
	/* Pooling has no products. The note TENSOR_CORE of its engines only says which
	 * GPUs they are for. */
	const bool products = spec->kind < GRAPH_MAXPOOL;

	if (!policy->fast && noted(n, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC))
		return "results may differ from run to run";
	if (!policy->fast && noted(n, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION))
		return "sums are rounded to half";
	if (products && spec->dtype == CNN_F32 && !policy->tf32 &&
	    (noted(n, CUDNN_NUMERICAL_NOTE_TENSOR_CORE) ||
		noted(n, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)))
		return "float products are rounded";
	/* cublasLt is half a gigabyte. */
	if (noted(b, CUDNN_BEHAVIOR_NOTE_CUBLASLT_DEPENDENCY))
		return "needs cublasLt";
	if (noted(b, CUDNN_BEHAVIOR_NOTE_REQUIRES_FILTER_INT8x32_REORDER) ||
	    noted(b, CUDNN_BEHAVIOR_NOTE_REQUIRES_BIAS_INT8x32_REORDER))
		return "needs another layout";
	return NULL;
}

/* --- plans ------------------------------------------------------------------------ */

int engine_plan_build(struct engine_plan *plan, const struct engine *engine,
    const struct engine_device *device, struct graph_error *e)
{
	cudnnStatus_t status;
	int64_t count;
	int r;

	*plan = (struct engine_plan){ .number = engine->number };
	r = graph_create(&plan->desc, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, e);
	if (r == CNN_OK && device->handle)
		r = graph_set(plan->desc, CUDNN_ATTR_EXECUTION_PLAN_HANDLE,
		    CUDNN_TYPE_HANDLE, 1, &device->handle, e);
	if (r == CNN_OK)
		r = graph_set(plan->desc, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
		    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine->config, e);
	if (r == CNN_OK)
		r = graph_finalize(plan->desc, "execution plan", e);
	if (r == CNN_OK &&
	    (status = cudnn.BackendGetAttribute(plan->desc,
		 CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count,
		 &plan->workspace)) != CUDNN_STATUS_SUCCESS)
		r = graph_fail_status(e, status, "workspace size");
	if (r != CNN_OK)
		engine_plan_close(plan);
	return r;
}

void engine_plan_close(struct engine_plan *plan)
{
	destroy(&plan->desc);
}

/* Counts the rejected candidates and keeps the last error. */
struct outcome {
	uint32_t refused, failed, too_large;
	struct graph_error last;
};

/* Tries the candidates from `first` on; CNN_END if none is usable. */
static int choose_from(struct engine_plan *plan, const struct engines *all,
    uint32_t first, const struct graph *g, const struct engine_device *device,
    const struct engine_policy *policy, int64_t number, struct outcome *o)
{
	for (uint32_t i = first; i < all->count; i++) {
		const struct engine *engine = &all->list[i];

		if (number >= 0 && engine->number != number)
			continue;
		if (engine_refused(engine, &g->spec, policy)) {
			o->refused++;
			continue;
		}
		if (engine_plan_build(plan, engine, device, &o->last) != CNN_OK) {
			o->failed++;
			continue;
		}
		if (!policy->max_workspace ||
		    (uint64_t)plan->workspace <= policy->max_workspace)
			return CNN_OK;
		engine_plan_close(plan);
		o->too_large++;
	}
	return CNN_END;
}

static int none_will_do(const struct graph *g, const struct engines *all,
    int64_t number, const struct outcome *o, struct graph_error *e)
{
	const char *kind = graph_kind_names[g->spec.kind];

	if (number >= 0)
		return graph_fail(e, CNN_EPLUGIN,
		    "%s: cuDNN's engine %lld, which the model requires, %s", kind,
		    (long long)number,
		    o->failed	     ? "cannot build a plan here" :
			o->refused   ? "is not allowed without --fast or --tf32" :
			o->too_large ? "needs too much memory" :
				       "is not available here");
	return graph_fail(e, CNN_EPLUGIN,
	    "%s: none of cuDNN's %u engines can be used: %u not "
	    "allowed, %u too large, %u without a plan%s%s",
	    kind, (unsigned)all->count, (unsigned)o->refused, (unsigned)o->too_large,
	    (unsigned)o->failed, o->failed ? ": " : "", o->last.text);
}

int engine_choose(struct engine_plan *plan, struct engines *all, const struct graph *g,
    const struct engine_device *device, const struct engine_policy *policy,
    int64_t number, struct graph_error *e)
{
	struct outcome o = { 0 };
	uint32_t first = 0;
	int r;

	*plan = (struct engine_plan){ 0 };
	r = choose_from(plan, all, 0, g, device, policy, number, &o);
	for (int source = 0; source < ENGINE_SOURCES && r == CNN_END; source++) {
		first = all->count;
		r = engines_add(all, g, device, (enum engine_source)source, e);
		if (r == CNN_OK)
			r = choose_from(plan, all, first, g, device, policy, number,
			    &o);
	}
	return r == CNN_END ? none_will_do(g, all, number, &o, e) : r;
}
