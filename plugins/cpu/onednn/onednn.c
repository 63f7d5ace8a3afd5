/* onednn.c - see onednn.h. */
#include "onednn.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

void od_one_thread(void)
{
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
	od_dnnl.omp_set_num_threads(1);
#endif
}

/* Limits oneDNN to the host's instruction set. oneDNN accepts one limit, before its
 * first use, and refuses later ones; these are the same limit. */
static void hold_to_isa(const struct cnn_host *host)
{
	static const struct {
		const char *name;
		dnnl_cpu_isa_t isa;
	} known[] = {
		{ "sse41", dnnl_cpu_isa_sse41 },
		{ "avx2", dnnl_cpu_isa_avx2 },
		{ "avx512", dnnl_cpu_isa_avx512_core },
		{ "avx512_bf16", dnnl_cpu_isa_avx512_core_bf16 },
		{ "amx_bf16", dnnl_cpu_isa_avx512_core_amx },
	};

	if (host->size < offsetof(struct cnn_host, isa) + sizeof host->isa ||
	    !host->isa)
		return;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(host->isa, known[i].name) == 0)
			od_dnnl.set_max_cpu_isa(known[i].isa);
}

static enum od_level of_cpu(void)
{
#if defined __x86_64__
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return OD_SSE41;
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
	    !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
		return OD_AVX2;
	return __builtin_cpu_supports("avx512bf16") ? OD_BF16 : OD_AVX512;
#else
	return OD_SSE41;
#endif
}

enum od_level od_level(const struct cnn_host *host)
{
	static const char *const names[] = { "sse41", "avx2", "avx512", "avx512_bf16" };
	enum od_level most = of_cpu();

	if (host->size < offsetof(struct cnn_host, isa) + sizeof host->isa ||
	    !host->isa)
		return most;
	for (enum od_level i = OD_SSE41; i < most; i++)
		if (strcmp(host->isa, names[i]) == 0)
			return i;
	return most;
}

bool od_supports(const struct cnn_host *host, uint32_t dtype)
{
	return dtype == CNN_F32 || (dtype == CNN_BF16 && od_level(host) == OD_BF16);
}

dnnl_data_type_t od_type(uint32_t dtype)
{
	return dtype == CNN_BF16 ? dnnl_bf16 : dnnl_f32;
}

int od_fail(const struct od *od, const char *what, dnnl_status_t status)
{
	if (status == dnnl_unimplemented)
		return CNN_END;
	return od->host->fail(od->host,
	    status == dnnl_out_of_memory ? CNN_ENOMEM : CNN_EPLUGIN,
	    "cpu/onednn: %s: %s: %s", od->name, what, od_dnnl.status2str(status));
}

/* --- the instance ----------------------------------------------------------------- */

static int create_engine(const struct cnn_host *host, void **engine)
{
	dnnl_engine_t e;
	dnnl_status_t status;

	hold_to_isa(host);
	status = od_dnnl.engine_create(&e, dnnl_cpu, 0);
	if (status != dnnl_success)
		return host->fail(host, CNN_EPLUGIN, "cpu/onednn: engine: %s",
		    od_dnnl.status2str(status));
	*engine = e;
	return CNN_OK;
}

static void destroy_engine(void *engine)
{
	od_dnnl.engine_destroy(engine);
}

dnnl_status_t od_open(struct od *od, const struct cnn_host *host, const char *name,
    const char *type, uint32_t workers)
{
	dnnl_status_t status;
	void *engine;

	*od = (struct od){ .host = host, .workers = workers };
	snprintf(od->name, sizeof od->name, "%s (%s)", name, type);
	if (host->service(host, "cpu/onednn/engine", create_engine, destroy_engine,
		&engine) != CNN_OK)
		return dnnl_runtime_error;
	od->engine = engine;
	status = od_dnnl.primitive_attr_create(&od->attr);
	if (status == dnnl_success)
		status = od_dnnl.primitive_attr_set_scratchpad_mode(od->attr,
		    dnnl_scratchpad_mode_user);
	if (status == dnnl_success && workers > 0 &&
	    !(od->streams = od_alloc(od, workers * sizeof *od->streams)))
		status = dnnl_out_of_memory;
	for (uint32_t i = 0; i < workers && status == dnnl_success; i++)
		status = od_dnnl.stream_create(&od->streams[i], od->engine,
		    dnnl_stream_default_flags);
	return status;
}

void od_close(struct od *od)
{
	for (uint32_t i = 0; od->streams && i < od->workers; i++)
		if (od->streams[i])
			od_dnnl.stream_destroy(od->streams[i]);
	od->host->free(od->host, od->streams);
	if (od->attr)
		od_dnnl.primitive_attr_destroy(od->attr);
}

void *od_alloc(const struct od *od, size_t bytes)
{
	void *memory = od->host->alloc(od->host, bytes);

	return memory ? memset(memory, 0, bytes) : NULL;
}

/* --- primitives ------------------------------------------------------------------- */

static dnnl_status_t make_args(const struct od *od, struct od_op *op, const int *args,
    od_desc scratch)
{
	uint32_t stride = op->arg_count + 1;

	op->args = od_alloc(od, od->workers * stride * sizeof *op->args);
	if (!op->args)
		return dnnl_out_of_memory;
	for (uint32_t i = 0; i < od->workers * stride; i++) {
		dnnl_exec_arg_t *arg = &op->args[i];
		bool last = i % stride == op->arg_count;
		dnnl_status_t status;

		arg->arg = last ? DNNL_ARG_SCRATCHPAD : args[i % stride];
		status = od_dnnl.memory_create(&arg->memory,
		    last ? scratch :
			   od_dnnl.primitive_desc_query_md(op->pd,
			       dnnl_query_exec_arg_md, arg->arg),
		    od->engine, DNNL_MEMORY_NONE);
		if (status != dnnl_success)
			return status;
	}
	return dnnl_success;
}

dnnl_status_t od_op_create(struct od *od, struct od_op *op, const char *what,
    dnnl_primitive_desc_t pd, const int *args, uint32_t arg_count,
    enum od_scratch source)
{
	od_desc scratch =
	    od_dnnl.primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
	dnnl_status_t status;

	*op = (struct od_op){
		.what = what,
		.pd = pd,
		.arg_count = arg_count,
		.scratch_bytes = (od_dnnl.memory_desc_get_size(scratch) + 63) / 64 * 64,
	};
	status = od_dnnl.primitive_create(&op->primitive, pd);
	if (status == dnnl_success)
		status = make_args(od, op, args, scratch);
	if (status != dnnl_success)
		return status;
	if (source == OD_SCRATCH_PLANNED && op->scratch_bytes > od->scratch_bytes)
		od->scratch_bytes = op->scratch_bytes;
	if ((source == OD_SCRATCH_OWN ? 0 : od->scratch_bytes) < op->scratch_bytes &&
	    !(op->scratch = od_alloc(od, od->workers * op->scratch_bytes)))
		return dnnl_out_of_memory;
	return dnnl_success;
}

void od_op_destroy(const struct od *od, struct od_op *op)
{
	uint32_t count = od->workers * (op->arg_count + 1);

	for (uint32_t i = 0; op->args && i < count; i++)
		if (op->args[i].memory)
			od_dnnl.memory_destroy(op->args[i].memory);
	od->host->free(od->host, op->args);
	od->host->free(od->host, op->scratch);
	if (op->primitive)
		od_dnnl.primitive_destroy(op->primitive);
	if (op->pd)
		od_dnnl.primitive_desc_destroy(op->pd);
	*op = (struct od_op){ 0 };
}

int od_op_run(const struct od *od, const struct od_op *op, uint32_t worker,
    void *scratch, const void *const *addresses)
{
	const dnnl_exec_arg_t *args = op->args + worker * (op->arg_count + 1);
	uint32_t count = op->arg_count + (op->scratch_bytes > 0);
	dnnl_status_t status = dnnl_success;
	sigset_t all, old;

	/* Before 3.11, some of its matrix products point the stack pointer into the
	 * heap, where a handled signal overwrites what lies below (its issue 4845). */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (op->scratch)
		scratch = op->scratch + worker * op->scratch_bytes;
	for (uint32_t i = 0; i < count && status == dnnl_success; i++)
		status = od_dnnl.memory_set_data_handle(args[i].memory,
		    i < op->arg_count ? (void *)addresses[i] : scratch);
	if (status == dnnl_success)
		status = od_dnnl.primitive_execute(op->primitive, od->streams[worker],
		    (int)count, args);
	if (status == dnnl_success)
		status = od_dnnl.stream_wait(od->streams[worker]);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return status == dnnl_success ? CNN_OK : od_fail(od, op->what, status);
}

dnnl_status_t od_reorder_create(struct od *od, struct od_op *op, const char *what,
    od_desc from, od_desc to)
{
	static const int args[] = { DNNL_ARG_FROM, DNNL_ARG_TO };
	dnnl_primitive_desc_t pd;
	dnnl_status_t status = od_dnnl.reorder_primitive_desc_create(&pd, from,
	    od->engine, to, od->engine, od->attr);

	if (status != dnnl_success)
		return status;
	return od_op_create(od, op, what, pd, args, 2, OD_SCRATCH_OWN);
}

bool od_is_slow(const_dnnl_primitive_desc_t pd)
{
	const char *name = NULL;

	od_dnnl.primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
	return name && (!strncmp(name, "ref", 3) || !strncmp(name, "simple", 6));
}

/* --- layouts ---------------------------------------------------------------------- */

dnnl_format_tag_t od_tag(uint32_t layout)
{
	switch (layout) {
	case CNN_NHWC: return dnnl_nhwc;
	case CNN_NCHW8C: return dnnl_nChw8c;
	case CNN_NCHW16C: return dnnl_nChw16c;
	default: return dnnl_nchw;
	}
}

dnnl_status_t od_tensor(od_desc *desc, const struct cnn_shape *shape, uint32_t samples,
    uint32_t dtype, dnnl_format_tag_t image_tag)
{
	dnnl_dims_t dims = { samples, 1 };

	if (shape->rank == 3) {
		for (int i = 0; i < 3; i++)
			dims[i + 1] = (dnnl_dim_t)shape->dims[i];
		return od_desc_create(desc, 4, dims, od_type(dtype), image_tag);
	}
	for (uint32_t i = 0; i < shape->rank; i++)
		dims[1] *= (dnnl_dim_t)shape->dims[i];
	return od_desc_create(desc, 2, dims, od_type(dtype), dnnl_nc);
}

bool od_layout(od_desc desc, const struct cnn_shape *shape, uint32_t samples,
    uint32_t dtype, uint32_t *layout)
{
	static const uint32_t known[] = {
		CNN_NCHW,
		CNN_NHWC,
		CNN_NCHW8C,
		CNN_NCHW16C,
	};
	bool same = false;

	for (size_t i = 0; i < sizeof known / sizeof known[0] && !same; i++) {
		od_desc candidate;

		if (od_tensor(&candidate, shape, samples, dtype, od_tag(known[i])) !=
		    dnnl_success)
			return false;
		same = od_dnnl.memory_desc_equal(desc, candidate);
		*layout = known[i];
		od_desc_destroy(candidate);
	}
	return same;
}

uint32_t od_blocked_layout(const struct cnn_host *host)
{
	return od_level(host) >= OD_AVX512 ? CNN_NCHW16C : CNN_NCHW8C;
}
