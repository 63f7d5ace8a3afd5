/* bad.h - scaffolding of kernels that each break one promise, which the
 * conformance test (--must-fail) has to notice. They take float, NCHW alone. */
#ifndef BAD_H
#define BAD_H

#include <cnn/plugin.h>
#include <string.h>

struct bad {
	const struct cnn_host *host;
	size_t in, out; /* elements of a sample */
	uint32_t in_count, random_stream;
	struct cnn_arg_value args[4];
};

static double bad_cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	(void)host, (void)kernel, (void)plan;
	return run->dtype == CNN_F32;
}

static int bad_create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct bad *b = host->alloc(host, sizeof(*b));

	(void)kernel;
	if (!b)
		return CNN_ENOMEM;
	b->host = host;
	b->in = cnn_layout_count(&run->inputs[0].shape, CNN_NCHW, 1);
	b->out = cnn_layout_count(&run->output, CNN_NCHW, 1);
	b->in_count = run->input_count;
	b->random_stream = run->nodes[0].random_stream;
	if (run->nodes[0].args)
		memcpy(b->args, run->nodes[0].args, sizeof(b->args));
	plan->flags = BAD_FLAGS;
	plan->saved_bytes = BAD_SAVED * (b->in > b->out ? b->in : b->out) * run->batch;
	*instance = b;
	return CNN_OK;
}

static void bad_destroy(void *instance)
{
	struct bad *b = instance;

	if (b)
		b->host->free(b->host, b);
}

#define BAD_PLUGIN(NAME) \
	static const struct cnn_kernel kernels[] = { { \
	    .size = sizeof(struct cnn_kernel), \
	    .run = NAME, \
	    .cost = bad_cost, \
	    .create = bad_create, \
	    .destroy = bad_destroy, \
	    .forward = forward, \
	    .backward = backward, \
	} }; \
	CNN_PLUGIN_ENTRY(.name = NAME, .version = "0", .device = "cpu", \
	    .provider = "bad", CNN_KERNELS(kernels))

#endif
