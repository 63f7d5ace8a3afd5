/* fake.cu - see fake.h: descriptors, heuristics, plans and handles. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- descriptors ------------------------------------------------------------------ */

static size_t size_of(int type)
{
	switch (type) {
	case CUDNN_TYPE_CHAR:
	case CUDNN_TYPE_BOOLEAN: return 1;
	case CUDNN_TYPE_HANDLE:
	case CUDNN_TYPE_INT64:
	case CUDNN_TYPE_DOUBLE:
	case CUDNN_TYPE_VOID_PTR:
	case CUDNN_TYPE_BACKEND_DESCRIPTOR: return 8;
	default: return 4;
	}
}

const struct fake_attribute *fake_attribute_of(const struct fake *f, int name)
{
	for (int i = 0; f && i < f->count; i++)
		if (f->attributes[i].name == name)
			return &f->attributes[i];
	return NULL;
}

const void *fake_get(const struct fake *f, int name)
{
	const struct fake_attribute *a = fake_attribute_of(f, name);

	return a ? a->data : NULL;
}

int64_t fake_int(const struct fake *f, int name)
{
	const void *p = fake_get(f, name);
	int64_t value = 0;

	if (p)
		memcpy(&value, p, sizeof value);
	return value;
}

const struct fake *fake_link(const struct fake *f, int name)
{
	const void *p = fake_get(f, name);
	const struct fake *to = NULL;

	if (p)
		memcpy(&to, p, sizeof to);
	return to;
}

EXPORT cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
    cudnnBackendDescriptor_t *d)
{
	struct fake *f = (struct fake *)calloc(1, sizeof *f);

	if (!f)
		return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
	f->type = type;
	*d = f;
	return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t d)
{
	free(d);
	return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t d,
    cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
    const void *value)
{
	struct fake *f = (struct fake *)d;
	const size_t bytes = (size_t)count * size_of(type);
	struct fake_attribute *a;

	if (!f || f->finalized || count < 1 || bytes > FAKE_MAX_BYTES ||
	    f->count == FAKE_MAX_ATTRIBUTES || fake_attribute_of(f, name))
		return CUDNN_STATUS_BAD_PARAM;
	a = &f->attributes[f->count++];
	a->name = name;
	a->type = type;
	a->count = count;
	memcpy(a->data, value, bytes);
	if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR)
		for (int64_t i = 0; i < count; i++)
			if (!((struct fake *const *)value)[i]->finalized)
				return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
	return CUDNN_STATUS_SUCCESS;
}

/* --- operation graphs ------------------------------------------------------------- */

int fake_op_count(const struct fake *graph)
{
	const struct fake_attribute *a =
	    fake_attribute_of(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS);

	return a ? (int)a->count : 0;
}

const struct fake *fake_op(const struct fake *graph, int i)
{
	const struct fake_attribute *a =
	    fake_attribute_of(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS);

	return ((const struct fake *const *)(const void *)a->data)[i];
}

/* Tensors with the same id in a graph must be the same tensor. */
static bool ids_are_distinct(const struct fake *graph)
{
	const struct fake *seen[32];
	int n = 0;

	for (int i = 0; i < fake_op_count(graph); i++) {
		const struct fake *op = fake_op(graph, i);

		for (int k = 0; k < op->count; k++) {
			const struct fake *t = fake_link(op, op->attributes[k].name);

			if (op->attributes[k].type != CUDNN_TYPE_BACKEND_DESCRIPTOR ||
			    t->type != CUDNN_BACKEND_TENSOR_DESCRIPTOR)
				continue;
			for (int j = 0; j < n; j++)
				if (seen[j] != t &&
				    fake_int(seen[j], CUDNN_ATTR_TENSOR_UNIQUE_ID) ==
					fake_int(t, CUDNN_ATTR_TENSOR_UNIQUE_ID))
					return false;
			seen[n++] = t;
		}
	}
	return true;
}

static bool is_gated_dgrad(const struct fake *graph)
{
	return fake_op_count(graph) == 2 &&
	    fake_op(graph, 0)->type ==
	    CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR;
}

int fake_type(const struct fake *tensor)
{
	int type = -1;

	memcpy(&type, fake_get(tensor, CUDNN_ATTR_TENSOR_DATA_TYPE), sizeof type);
	return type;
}

/* True if a tensor outside the graph of a convolution is float. */
bool fake_is_float(const struct fake *graph)
{
	const struct fake *first = fake_op(graph, 0);

	if (first->type == CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR ||
	    first->type == CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR)
		return false;
	for (int k = 0; k < first->count; k++) {
		const struct fake *t = fake_link(first, first->attributes[k].name);
		const void *inside;

		if (first->attributes[k].type != CUDNN_TYPE_BACKEND_DESCRIPTOR ||
		    t->type != CUDNN_BACKEND_TENSOR_DESCRIPTOR)
			continue;
		inside = fake_get(t, CUDNN_ATTR_TENSOR_IS_VIRTUAL);
		if (fake_type(t) == CUDNN_DATA_FLOAT && !*(const unsigned char *)inside)
			return true;
	}
	return false;
}

/* --- engines ---------------------------------------------------------------------- */

static bool is_here(const struct fake *graph, int64_t number)
{
	const char *less = getenv("FAKE_CUDNN_LESS");

	return number != 0 && !(less && strtoll(less, NULL, 10) == number) &&
	    !(is_gated_dgrad(graph) && fake_is_float(graph));
}

static int candidates(const struct fake *heuristics, int64_t numbers[FAKE_ENGINES])
{
	static const int64_t best[] = { 5, 4, 3, 2 }, fallback[] = { 1 };
	const struct fake *graph =
	    fake_link(heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
	const int64_t *from = fallback;
	int mode, of = 1, count = 0;

	memcpy(&mode, fake_get(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE), sizeof mode);
	if (mode == CUDNN_HEUR_MODE_A)
		from = best, of = 4;
	for (int i = 0; i < of; i++)
		if (is_here(graph, from[i]))
			numbers[count++] = from[i];
	return count;
}

EXPORT cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t d)
{
	struct fake *f = (struct fake *)d;

	if (f->type == CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR &&
	    (fake_op_count(f) < 1 || !ids_are_distinct(f)))
		return CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES;
	if (f->type == CUDNN_BACKEND_ENGINE_DESCRIPTOR) {
		f->engine = fake_int(f, CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
		f->graph = fake_link(f, CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
		if (!is_here(f->graph, f->engine))
			return CUDNN_STATUS_NOT_SUPPORTED;
	}
	if (f->type == CUDNN_BACKEND_ENGINECFG_DESCRIPTOR) {
		const struct fake *engine = fake_link(f, CUDNN_ATTR_ENGINECFG_ENGINE);

		f->engine = engine->engine;
		f->graph = engine->graph;
	}
	if (f->type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
		const struct fake *config =
		    fake_link(f, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);

		f->engine = config->engine;
		f->graph = config->graph;
		if (f->engine == 3 || !fake_get(f, CUDNN_ATTR_EXECUTION_PLAN_HANDLE))
			return CUDNN_STATUS_NOT_SUPPORTED;
	}
	f->finalized = true;
	return CUDNN_STATUS_SUCCESS;
}

/* More for fewer samples, so that some plans need more than was planned. */
int64_t fake_workspace(const struct fake *plan)
{
	const struct fake *op = fake_op(plan->graph, 0);
	const struct fake *t = NULL;
	const char *big = getenv("FAKE_CUDNN_BIG");
	int64_t n;

	for (int k = 0; k < op->count && !t; k++)
		if (op->attributes[k].type == CUDNN_TYPE_BACKEND_DESCRIPTOR &&
		    fake_link(op, op->attributes[k].name)->type ==
			CUDNN_BACKEND_TENSOR_DESCRIPTOR)
			t = fake_link(op, op->attributes[k].name);
	memcpy(&n, fake_get(t, CUDNN_ATTR_TENSOR_DIMENSIONS), sizeof n);
	return 1000 + 4000 / n + 16 * plan->engine +
	    (n < 8 && big && atoi(big) == plan->engine ? INT64_C(512) << 20 : 0);
}

static cudnnStatus_t get_results(const struct fake *f, int64_t wanted, int64_t *count,
    struct fake **configs)
{
	int64_t numbers[FAKE_ENGINES];

	*count = candidates(f, numbers);
	for (int64_t i = 0; i < *count && i < wanted; i++) {
		configs[i]->engine = numbers[i];
		configs[i]->graph = fake_link(f, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
		configs[i]->finalized = true;
	}
	return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t d,
    cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t, int64_t wanted,
    int64_t *count, void *value)
{
	const struct fake *f = (const struct fake *)d;

	*count = 1;
	switch ((int)name) {
	case CUDNN_ATTR_ENGINEHEUR_RESULTS:
		return get_results(f, wanted, count, (struct fake **)value);
	case CUDNN_ATTR_ENGINECFG_ENGINE:
		(*(struct fake **)value)->engine = f->engine;
		return CUDNN_STATUS_SUCCESS;
	case CUDNN_ATTR_ENGINE_GLOBAL_INDEX:
		*(int64_t *)value = f->engine;
		return CUDNN_STATUS_SUCCESS;
	case CUDNN_ATTR_ENGINE_NUMERICAL_NOTE:
		*count = f->engine >= 4;
		if (*count && wanted)
			*(int *)value = f->engine == 5 ?
			    CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC :
			    CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
		return CUDNN_STATUS_SUCCESS;
	case CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE: *count = 0; return CUDNN_STATUS_SUCCESS;
	case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
		*(int64_t *)value = fake_workspace(f);
		return CUDNN_STATUS_SUCCESS;
	case CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT:
		*(int64_t *)value = FAKE_ENGINES;
		return CUDNN_STATUS_SUCCESS;
	default: return CUDNN_STATUS_BAD_PARAM;
	}
}

/* --- the rest --------------------------------------------------------------------- */

EXPORT cudnnStatus_t cudnnCreate(cudnnHandle_t *handle)
{
	*handle = (cudnnHandle_t)calloc(1, sizeof **handle);
	return *handle ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_INITIALIZED;
}

/* A handle's stream must exist as long as the handle uses it. */
static void look_at_stream(cudnnHandle_t handle)
{
	enum cudaStreamCaptureStatus status;

	if (!handle->stream ||
	    cudaStreamIsCapturing(handle->stream, &status) == cudaSuccess)
		return;
	fprintf(stderr, "the fake cuDNN: the handle's stream is no more\n");
	abort();
}

EXPORT cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
	look_at_stream(handle);
	free(handle);
	return CUDNN_STATUS_SUCCESS;
}

EXPORT cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
	look_at_stream(handle);
	handle->stream = stream;
	return CUDNN_STATUS_SUCCESS;
}

EXPORT const char *cudnnGetErrorString(cudnnStatus_t status)
{
	return status == CUDNN_STATUS_SUCCESS ? "success" : "the fake cuDNN said no";
}

EXPORT void cudnnGetLastErrorString(char *message, size_t size)
{
	if (size)
		*message = '\0';
}
