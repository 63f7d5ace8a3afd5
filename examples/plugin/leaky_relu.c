/* leaky_relu: out = in where in > 0, else negative_slope * in. So grad_in =
 * grad_out where in > 0, else negative_slope * grad_out. It accepts any layout. */
#include <cnn/plugin.h>
#include <stdlib.h>

/* The definition of the type: its arguments and shape. It has no parameters. */
static const struct cnn_arg slope = {
	"negative_slope", CNN_ARG_FLOAT, .initial = 0.01, .min = 0, .max = 1
};

static int infer(const struct cnn_host *host, const struct cnn_node *node,
	struct cnn_shape *out)
{
	*out = node->inputs[0];
	return (void)host, CNN_OK;
}

static const struct cnn_layer_def definitions[] = { {
	.size = sizeof(struct cnn_layer_def), .type = "leaky_relu",
	.summary = "rectified linear unit with a slope below zero",
	.args = &slope, .arg_count = 1, .min_inputs = 1, .max_inputs = 1,
	.flags = CNN_LAYER_FLOAT, .infer = infer,
} };

/* The kernel for the CPU. */
struct leaky_relu { float slope; size_t count; };    /* elements a sample */

/* Microseconds: half a nanosecond an element, twice if there is a backward pass. */
static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
	const struct cnn_run *run, struct cnn_plan *plan)
{
	size_t count = cnn_layout_count(&run->output, plan->output.layout, run->batch);

	(void)host, (void)kernel;
	return run->dtype == CNN_F32 ? 5e-4 * (double)count * (run->training ? 2 : 1) : 0;
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
	const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct leaky_relu *l = *instance = malloc(sizeof(*l));

	(void)kernel;
	if (!l)
		return host->fail(host, CNN_ENOMEM, "leaky_relu: out of memory");
	l->slope = (float)run->nodes[0].args[0].f;
	l->count = cnn_layout_count(&run->output, plan->inputs[0].layout, 1);
	plan->flags = CNN_KEEP_INPUT;
	return CNN_OK;
}

/* to = from where in > 0, else slope * from. Computes the function and its gradient. */
static void leak(const struct leaky_relu *l, const struct cnn_call *call,
	const float *from, float *to)
{
	for (size_t i = 0; i < l->count * call->samples; i++)
		to[i] = ((const float *)call->in[0])[i] > 0 ? from[i] : l->slope * from[i];
}

static int forward(void *instance, const struct cnn_call *call)
{
	leak(instance, call, call->in[0], call->out);
	return CNN_OK;
}

static int backward(void *instance, const struct cnn_call *call)
{
	if (call->grad_in[0])
		leak(instance, call, call->grad_out, call->grad_in[0]);
	return CNN_OK;
}

static const struct cnn_kernel kernels[] = { {
	.size = sizeof(struct cnn_kernel), .run = "leaky_relu", .cost = cost,
	.create = create, .destroy = free, .forward = forward, .backward = backward,
} };

CNN_PLUGIN_ENTRY(.name = "leaky_relu", .version = "1.0", .device = "cpu",
	.provider = "example", CNN_KERNELS(kernels), CNN_DEFINITIONS(definitions));
