/* provider.c - see provider.h. */
#include "provider.h"

#include <cuda_runtime_api.h>
#include <stdio.h>
#include <string.h>

#define MAX_WORKSPACE ((size_t)1 << 30)
#define HALF_CHANNELS 8

/* --- capabilities of the device --------------------------------------------------- */

bool provider_supports(const struct cnn_run *run, const struct cnn_node *node)
{
	int device, major = 0;

	if (run->dtype == CNN_F32)
		return true;
	if ((run->dtype != CNN_F16 && run->dtype != CNN_BF16) ||
	    node->inputs[0].dims[0] % HALF_CHANNELS ||
	    node->output.dims[0] % HALF_CHANNELS)
		return false;
	if (run->dtype == CNN_F16)
		return true;
	return cudaGetDevice(&device) == cudaSuccess &&
	    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) ==
	    cudaSuccess &&
	    major >= 8;
}

/* --- errors ----------------------------------------------------------------------- */

int provider_fail(const struct provider *p, int code, const char *what, const char *why)
{
	/* A GPU without enough memory counts as unusable. */
	if (code == CNN_ENOMEM)
		code = CNN_EPLUGIN;
	return p->host->fail(p->host, code, "cuda/cudnn: %s: %s: %s", p->name, what,
	    why);
}

int provider_done(const struct provider *p, const char *what, int error, void *queue)
{
	enum cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
	cudaError_t e = (cudaError_t)error;

	if (e == cudaSuccess && p->host->policy & CNN_POLICY_CHECK &&
	    cudaStreamIsCapturing(queue, &status) == cudaSuccess &&
	    status == cudaStreamCaptureStatusNone)
		e = cudaStreamSynchronize(queue);
	if (e == cudaSuccess)
		return CNN_OK;
	cudaGetLastError(); /* so that no later launch reports it */
	return provider_fail(p, CNN_EPLUGIN, what, cudaGetErrorString(e));
}

/* --- the instance ----------------------------------------------------------------- */

static int create_handle(const struct cnn_host *host, void **object)
{
	cudnnHandle_t handle;
	cudnnStatus_t status = cudnn.Create(&handle);

	if (status != CUDNN_STATUS_SUCCESS)
		return host->fail(host, CNN_EPLUGIN, "cuda/cudnn: handle: %s",
		    cudnn.GetErrorString(status));
	*object = handle;
	return CNN_OK;
}

static void destroy_handle(void *object)
{
	cudnn.Destroy(object);
}

/* Reads the policy from the user's options. */
static void read_policy(const struct cnn_host *host, struct engine_policy *policy)
{
	*policy = (struct engine_policy){
		.fast = host->policy & CNN_POLICY_FAST,
		.tf32 = host->policy & CNN_POLICY_TF32,
		.max_workspace = MAX_WORKSPACE,
	};
}

double provider_estimate(const struct cnn_run *run, int launches, double flops,
    struct cnn_plan *plan)
{
	const double rate = run->dtype == CNN_F32 ? 30e6 : 150e6; /* per us */
	const double count =
	    (double)cnn_layout_count(&run->output, CNN_NCHW, run->batch) +
	    (double)cnn_layout_count(&run->inputs[0].shape, CNN_NCHW, run->batch);

	plan->inputs[0] = (struct cnn_format){ run->dtype, CNN_NHWC };
	plan->output = plan->inputs[0];
	return (run->training ? 2 : 1) * 3.3 * launches +
	    (run->training ? 3.5 : 1.2) *
	    (count * (double)provider_size(run->dtype) / 1.5e6 + flops / rate);
}

int provider_open(struct provider *p, const struct cnn_host *host, const char *name,
    const char *type)
{
	const char *missing = cudnn_library_open();
	void *handle;
	int r;

	*p = (struct provider){ .host = host };
	snprintf(p->name, sizeof p->name, "%s (%s)", name, type);
	if (missing) {
		host->log(host, 2, "cuda/cudnn: %s", missing);
		return CNN_END;
	}
	read_policy(host, &p->policy);
	r = host->service(host, "cuda/cudnn/handle", create_handle, destroy_handle,
	    &handle);
	p->handle = r == CNN_OK ? handle : NULL;
	return r;
}

/* --- ops -------------------------------------------------------------------------- */

/* The key under which an engine's number is stored. It is valid for this graph only. */
static void key_of(const struct provider *p, const struct graph_spec *s, char key[160])
{
	snprintf(key, 160, "cudnn %s %s %s %lld", p->name, graph_kind_names[s->kind],
	    s->dtype == CNN_F16	     ? "f16" :
		s->dtype == CNN_BF16 ? "bf16" :
				       "f32",
	    (long long)s->n);
}

static int choose(const struct provider *p, struct provider_op *op,
    struct graph_error *e)
{
	const struct engine_device device = { .handle = p->handle };
	const struct cnn_host *host = p->host;
	struct engines all = { 0 };
	uint64_t number;
	char key[160];
	int r;

	key_of(p, &op->graph.spec, key);
	r = host->recall(host, key, &number);
	if (r == CNN_OK) {
		r = number <= INT64_MAX ? engine_choose(&op->plan, &all, &op->graph,
					      &device, &p->policy, (int64_t)number, e) :
					  graph_fail(e, CNN_EDATA, "no such engine");
	} else if (host->policy & CNN_POLICY_TUNE) {
		r = provider_tune(p, &op->graph, &all, &op->plan, e);
		if (r == CNN_OK)
			r = host->remember(host, key, (uint64_t)op->plan.number);
	} else
		r = engine_choose(&op->plan, &all, &op->graph, &device, &p->policy, -1,
		    e);
	engines_close(&all);
	return r;
}

static int own_workspace(struct provider_op *op, struct graph_error *e)
{
	cudaError_t error = cudaMalloc(&op->workspace, (size_t)op->plan.workspace);

	if (error == cudaSuccess)
		return CNN_OK;
	op->workspace = NULL;
	cudaGetLastError();
	return graph_fail(e,
	    error == cudaErrorMemoryAllocation ? CNN_ENOMEM : CNN_EPLUGIN,
	    "workspace of %lld bytes: %s", (long long)op->plan.workspace,
	    cudaGetErrorString(error));
}

static int open_op(const struct provider *p, struct provider_op *op,
    const struct graph_spec *spec, size_t *planned, bool fixed, struct graph_error *e)
{
	int r = graph_describe(&op->graph, spec, e);

	op->plan = (struct engine_plan){ 0 };
	op->workspace = NULL;
	if (r == CNN_OK)
		r = graph_build(&op->graph, p->handle, e);
	if (r == CNN_OK)
		r = choose(p, op, e);
	if (r == CNN_OK && (uint64_t)op->plan.workspace > *planned) {
		if (fixed)
			r = own_workspace(op, e);
		else
			*planned = (size_t)op->plan.workspace;
	}
	if (r != CNN_OK)
		provider_op_close(op);
	else
		p->host->log(p->host, 3,
		    "cuda/cudnn: %s: %s of %lld samples: engine %lld, "
		    "workspace %lld bytes",
		    p->name, graph_kind_names[spec->kind], (long long)spec->n,
		    (long long)op->plan.number, (long long)op->plan.workspace);
	return r;
}

int provider_op_open(const struct provider *p, struct provider_op *op,
    const struct graph_spec *spec, size_t *planned, bool fixed)
{
	struct graph_error e = { "" };
	int r = open_op(p, op, spec, planned, fixed, &e);

	return r == CNN_OK ? CNN_OK :
			     provider_fail(p, r, graph_kind_names[spec->kind], e.text);
}

int provider_op_try(const struct provider *p, struct provider_op *op,
    const struct graph_spec *spec, size_t *planned, bool fixed)
{
	struct graph_error e = { "" };
	int r = open_op(p, op, spec, planned, fixed, &e);

	if (r == CNN_EPLUGIN)
		return CNN_END;
	return r == CNN_OK ? CNN_OK :
			     provider_fail(p, r, graph_kind_names[spec->kind], e.text);
}

void provider_op_close(struct provider_op *op)
{
	if (op->workspace)
		cudaFree(op->workspace);
	op->workspace = NULL;
	engine_plan_close(&op->plan);
	graph_close(&op->graph);
}

/* --- calls ------------------------------------------------------------------------ */

#define SET(name, type, count, value) \
	if (status == CUDNN_STATUS_SUCCESS) \
	status = cudnn.BackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_##name, \
	    CUDNN_TYPE_##type, (count), (value))

cudnnStatus_t provider_execute(cudnnHandle_t handle, const struct engine_plan *plan,
    const int64_t *ids, void **pointers, int64_t count, void *workspace)
{
	cudnnBackendDescriptor_t pack;
	cudnnStatus_t status =
	    cudnn.BackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);

	if (status != CUDNN_STATUS_SUCCESS)
		return status;
	SET(UNIQUE_IDS, INT64, count, ids);
	SET(DATA_POINTERS, VOID_PTR, count, pointers);
	SET(WORKSPACE, VOID_PTR, 1, &workspace);
	if (status == CUDNN_STATUS_SUCCESS)
		status = cudnn.BackendFinalize(pack);
	if (status == CUDNN_STATUS_SUCCESS)
		status = cudnn.BackendExecute(handle, plan->desc, pack);
	cudnn.BackendDestroyDescriptor(pack);
	return status;
}

/* Checks that each tensor of the graph is given once, with the promised alignment:
 * cuDNN does not check. */
static const char *check_tensors(const struct graph *g, const int64_t *ids,
    void *const *pointers, uint32_t count)
{
	uint32_t outside = 0;

	for (uint32_t i = 0; i < g->tensor_count; i++)
		outside += !g->tensors[i].is_virtual;
	if (outside != count)
		return "a tensor is missing";
	for (uint32_t i = 0; i < count; i++) {
		const struct graph_tensor *t = graph_find(g, ids[i]);

		if (!t || !pointers[i])
			return "a tensor is missing";
		if ((uintptr_t)pointers[i] % (uintptr_t)t->alignment)
			return "a tensor is misaligned";
		for (uint32_t k = 0; k < i; k++)
			if (ids[k] == ids[i])
				return "a tensor is given twice";
	}
	return NULL;
}

int provider_op_run(const struct provider *p, const struct provider_op *op, void *queue,
    void *scratch, const struct provider_tensor *tensors, uint32_t count)
{
	const char *what = graph_kind_names[op->graph.spec.kind], *why;
	char *workspace = op->workspace ? op->workspace : scratch;
	int64_t ids[GRAPH_MAX_TENSORS];
	void *pointers[GRAPH_MAX_TENSORS];
	cudnnStatus_t status;

	for (uint32_t i = 0; i < count; i++) {
		ids[i] = tensors[i].id;
		pointers[i] = (void *)tensors[i].data;
	}
	workspace += (0 - (uintptr_t)workspace) % (PROVIDER_SLACK + 1);
	why = check_tensors(&op->graph, ids, pointers, count);
	if (why)
		return provider_fail(p, CNN_EUSAGE, what, why);
	status = cudnn.SetStream(p->handle, queue);
	if (status == CUDNN_STATUS_SUCCESS)
		status = provider_execute(p->handle, &op->plan, ids, pointers, count,
		    workspace);
	if (status != CUDNN_STATUS_SUCCESS)
		return provider_fail(p, CNN_EPLUGIN, what,
		    cudnn.GetErrorString(status));
	return provider_done(p, what, 0, queue);
}

int provider_copy(const struct provider *p, void *queue, void *to, const void *from,
    size_t bytes)
{
	cudaError_t error = cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, queue);

	if (error == cudaSuccess)
		error = cudaStreamSynchronize(queue);
	return provider_done(p, "copy", (int)error, queue);
}
