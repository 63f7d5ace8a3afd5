/* dropout.c - see dropout.h. */
#include "dropout.h"

#include <math.h>

NATIVE_TABLE(dropout_kernels);

/* The output has the layout of the input. */
static void set_formats(const struct dropout_kernels *kernels,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	const uint32_t blocked = native_blocked(kernels->lanes);
	const struct cnn_format format = { run->dtype,
		plan->inputs[0].layout == blocked ? blocked : CNN_NCHW };

	plan->inputs[0] = plan->output = format;
}

/* Nanoseconds for an element, measured on one core of a Zen 4. Without AVX2 plain C is
 * faster. */
static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	static const double training[NATIVE_LEVELS] = { 20, 2, 1.3, 1.3 };
	const enum native_level level = native_level(host);
	double ns = run->training ? training[level] : 0.2;

	(void)kernel;
	if (run->dtype != CNN_F32 && run->dtype != CNN_BF16)
		return 0;
	set_formats(levels[level], run, plan);
	if (plan->output.layout != CNN_NCHW)
		ns += run->training;
	return 0.5 +
	    ns *
	    (double)cnn_layout_count(&run->output, plan->output.layout, run->batch) /
	    1e3;
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	const struct cnn_shape *shape = &run->output;
	const double p = run->nodes[0].args[0].f;
	struct dropout *v = host->alloc(host, sizeof *v);

	(void)kernel;
	if (!v)
		return CNN_ENOMEM;
	*v = (struct dropout){
		.host = host,
		.kernels = levels[native_level(host)],
		.half = run->dtype == CNN_BF16,
		.c = shape->rank == 3 ? shape->dims[0] : 1,
		.scale = p < 1 ? (float)(1 / (1 - p)) : 0,
		.least = (uint32_t)ceil((double)(float)p * 0x1p24),
		.stream = run->nodes[0].random_stream,
	};
	set_formats(v->kernels, run, plan);
	v->blocked = plan->output.layout != CNN_NCHW;
	v->area = cnn_layout_count(shape, CNN_NCHW, 1) / v->c;
	v->stored = cnn_layout_count(shape, plan->output.layout, 1);
	plan->flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD;
	if (run->training)
		plan->saved_bytes = run->batch * v->c * v->area;
	*instance = v;
	return CNN_OK;
}

NATIVE_CALLS(dropout)

static const struct cnn_kernel kernels[] = {
	{ .size = sizeof(struct cnn_kernel),
	    .run = "dropout",
	    .cost = cost,
	    .create = create,
	    .destroy = destroy,
	    .forward = forward,
	    .backward = backward },
};

NATIVE_PLUGIN("dropout", CNN_KERNELS(kernels));
