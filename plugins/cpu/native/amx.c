/* amx.c - see amx.h. */
#include "amx.h"

enum { WEIGHT, BIAS };

/* The arguments of conv2d. */
enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS };

#if defined AMX_EMULATED
static bool may_use_amx(const struct cnn_host *host)
{
	return native_level(host) == NATIVE_BF16;
}
#else
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* True if the host and the CPU allow AMX for bfloat16, and the kernel lets this process
 * use it, for which it must be asked. */
static bool may_use_amx(const struct cnn_host *host)
{
	enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
	const unsigned tile = 1u << 24, bf16 = 1u << 22;
	unsigned a, b, c, d;

	return native_level(host) == NATIVE_BF16 && native_allows_amx(host) &&
	    __get_cpuid_count(7, 0, &a, &b, &c, &d) && d & tile && d & bf16 &&
	    syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#endif

static void describe(struct amx *v, const struct cnn_host *host,
    const struct cnn_run *run)
{
	const struct cnn_arg_value *a = run->nodes[0].args;
	const size_t *in = run->inputs[0].shape.dims, *out = run->output.dims;
	const size_t square = AMX_LANES * AMX_LANES;

	*v = (struct amx){
		.host = host,
		.relu = run->node_count > 1,
		.has_bias = run->param_count > BIAS,
		.training = run->training,
		.wants_gradient = run->training && run->inputs[0].wants_gradient,
		.c = in[0],
		.h = in[1],
		.w = in[2],
		.o = out[0],
		.oh = out[1],
		.ow = out[2],
		.kh = (size_t)a[KERNEL].i,
		.kw = (size_t)a[KERNEL].j,
		.dy = (size_t)a[DILATION].i,
		.dx = (size_t)a[DILATION].j,
		.py = (size_t)a[PADDING].i,
		.px = (size_t)a[PADDING].j,
	};
	v->taps = v->kh * v->kw;
	v->in_blocks = native_blocks(v->c, AMX_LANES);
	v->out_blocks = native_blocks(v->o, AMX_LANES);
	v->packed_out = v->out_blocks * ((v->in_blocks + 1) / 2) * v->taps * 2 * square;
	v->packed_all = v->packed_out;
	if (v->wants_gradient)
		v->packed_all += v->in_blocks * ((v->out_blocks + 1) / 2) * v->taps *
		    2 * square;
}

static bool supports(const struct cnn_host *host, const struct cnn_run *run)
{
	const struct cnn_arg_value *a = run->nodes[0].args;
	struct amx v;

	if (run->dtype != CNN_BF16 || !native_is_pair(&a[STRIDE], 1) ||
	    a[GROUPS].i != 1 || run->inputs[0].shape.dims[0] < AMX_MIN_CHANNELS ||
	    run->output.dims[0] < AMX_MIN_CHANNELS)
		return false;
	describe(&v, host, run);
	return v.py <= (v.kh - 1) * v.dy && v.px <= (v.kw - 1) * v.dx &&
	    may_use_amx(host);
}

static void set_formats(struct cnn_plan *plan)
{
	plan->inputs[0] = (struct cnn_format){ CNN_BF16, CNN_NCHW16C };
	plan->output = (struct cnn_format){ CNN_BF16, CNN_NCHW16C };
}

/* An estimate, not measured yet: a quarter of what a core of an Emerald Rapids does at
 * most, and the copies. */
static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	const double speed = 1000; /* GFLOP/s */
	double flops, elements;
	struct amx v;
	size_t pairs;
	int passes;

	(void)kernel;
	if (!supports(host, run))
		return 0;
	describe(&v, host, run);
	set_formats(plan);
	passes = !v.training ? 1 : v.wants_gradient ? 3 : 2;
	pairs = (v.in_blocks + 1) / 2;
	flops = 2.0 * (double)(v.taps * v.oh * (v.w + 2 * v.px)) *
	    (double)(2 * pairs * v.out_blocks) * AMX_LANES * AMX_LANES;
	elements = (double)(v.h * v.w * v.in_blocks + v.oh * v.ow * v.out_blocks) *
	    AMX_LANES;
	return 1 +
	    passes * (flops / speed + elements * 0.15) * (double)run->batch / 1e3;
}

static void destroy(void *instance)
{
	struct amx *v = instance;

	if (v)
		v->host->free(v->host, v);
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct amx *v = host->alloc(host, sizeof *v);

	(void)kernel;
	if (!v)
		return CNN_ENOMEM;
	describe(v, host, run);
	set_formats(plan);
	plan->flags = CNN_KEEP_INPUT | (v->relu ? CNN_KEEP_OUTPUT : 0);
	plan->scratch_bytes = amx_scratch(v);
	plan->packed_bytes = v->packed_all * sizeof(uint16_t);
	plan->param_counts[WEIGHT] = v->in_blocks * v->taps * v->out_blocks *
	    AMX_LANES * AMX_LANES;
	if (v->has_bias)
		plan->param_counts[BIAS] = v->out_blocks * AMX_LANES;
	*instance = v;
	return CNN_OK;
}

/* --- calls ------------------------------------------------------------------------ */

/* The index of weight[o][c][tap]. */
static size_t place_of(const struct amx *v, size_t o, size_t c, size_t tap)
{
	const size_t n = AMX_LANES;

	return (((c / n * v->taps + tap) * v->out_blocks + o / n) * n + c % n) * n +
	    o % n;
}

static int param_import(void *instance, void *queue, uint32_t index, const float *plain,
    float *native)
{
	const struct amx *v = instance;
	const size_t outs = v->out_blocks * AMX_LANES;

	(void)queue;
	if (index == BIAS) {
		memset(native, 0, outs * sizeof *native);
		memcpy(native, plain, v->o * sizeof *native);
		return CNN_OK;
	}
	memset(native, 0, v->in_blocks * v->taps * AMX_LANES * outs * sizeof *native);
	for (size_t o = 0; o < v->o; o++)
		for (size_t c = 0; c < v->c; c++)
			for (size_t k = 0; k < v->taps; k++)
				native[place_of(v, o, c, k)] = *plain++;
	return CNN_OK;
}

static int param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain)
{
	const struct amx *v = instance;

	(void)queue;
	if (index == BIAS) {
		memcpy(plain, native, v->o * sizeof *native);
		return CNN_OK;
	}
	for (size_t o = 0; o < v->o; o++)
		for (size_t c = 0; c < v->c; c++)
			for (size_t k = 0; k < v->taps; k++)
				*plain++ = native[place_of(v, o, c, k)];
	return CNN_OK;
}

static int pack(void *instance, void *queue, void *const *params, void *packed)
{
	(void)queue;
	amx_pack(instance, params[WEIGHT], packed);
	return CNN_OK;
}

static int forward(void *instance, const struct cnn_call *c)
{
	amx_forward(instance, c);
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *c)
{
	amx_backward(instance, c);
	return CNN_OK;
}

const struct cnn_kernel amx_kernel = {
	.size = sizeof(struct cnn_kernel),
	.run = "conv2d",
	.cost = cost,
	.create = create,
	.destroy = destroy,
	.param_import = param_import,
	.param_export = param_export,
	.pack = pack,
	.forward = forward,
	.backward = backward,
};
