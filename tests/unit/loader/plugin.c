/* plugin.c - source of the plugins that the tests of the loader build, valid and
 * invalid. Each is this file with other macros. DEVICE, PROVIDER and NAME are always
 * defined. RUN names the kernel's run, TYPE (with ALPHA) adds a definition, OPTIMIZER
 * an optimizer with a definition or, if BUILT_IN is defined, without, and COMMUNICATOR
 * a communicator for MEMORY. OFFERS replaces the entry's tables. */
#include <cnn/plugin.h>

#include <stdlib.h>

#ifndef MAGIC
#define MAGIC CNN_PLUGIN_MAGIC
#endif
#ifndef MAJOR
#define MAJOR CNN_ABI_MAJOR
#endif
#ifndef MINOR
#define MINOR CNN_ABI_MINOR
#endif
#ifndef ENTRY_SIZE
#define ENTRY_SIZE sizeof(struct cnn_plugin_entry)
#endif
#ifndef RUN
#define RUN NAME
#endif
#ifndef KERNEL_SIZE
#define KERNEL_SIZE sizeof(struct cnn_kernel)
#endif
#ifndef SECOND_RUN
#define SECOND_RUN "second"
#endif
#ifndef FORWARD
#define FORWARD forward
#endif

/* Shows whether the file was loaded at all. */
__attribute__((constructor)) static void opened(void)
{
	setenv("CNN_TEST_OPENED", DEVICE "/" PROVIDER "/" NAME, 1);
}

#ifdef OPTIMIZER
static int update(const struct cnn_host *host, const struct cnn_update *u)
{
	(void)host, (void)u;
	return CNN_OK;
}

/* clang-format off */
#ifndef OPTIMIZER_ARGS
#define OPTIMIZER_ARGS { "beta", CNN_ARG_FLOAT, 0, 0.9, 0, 1 }
#endif
#ifndef MOMENTS
#define MOMENTS 1, { "m" }
#endif
/* clang-format on */
#ifndef DEFINED
#define DEFINED OPTIMIZER
#endif

static const struct cnn_arg optimizer_args[] = { OPTIMIZER_ARGS };

__attribute__((unused)) static const struct cnn_optimizer_def optimizer = {
	sizeof(struct cnn_optimizer_def), DEFINED, "for a test", optimizer_args,
	sizeof optimizer_args / sizeof *optimizer_args, MOMENTS
};

static const struct cnn_optimizer optimizers[] = {
#ifdef BUILT_IN
	{ sizeof(struct cnn_optimizer), OPTIMIZER, NULL, update }
#else
	{ sizeof(struct cnn_optimizer), OPTIMIZER, &optimizer, update }
#endif
};
#define WITH_OPTIMIZERS CNN_OPTIMIZERS(optimizers)
#else
#define WITH_OPTIMIZERS .optimizers = NULL
#endif

#ifdef COMMUNICATOR
static int join(const struct cnn_host *host, const char *address, uint32_t rank,
    uint32_t ranks, void **communicator)
{
	(void)host, (void)address, (void)rank, (void)ranks, (void)communicator;
	return CNN_OK;
}

static uint32_t number(void *communicator)
{
	return (void)communicator, 0;
}

static int send(void *communicator, void *queue, uint32_t to, const void *data,
    size_t bytes)
{
	(void)communicator, (void)queue, (void)to, (void)data, (void)bytes;
	return CNN_OK;
}

static int receive(void *communicator, void *queue, uint32_t from, void *data,
    size_t bytes)
{
	(void)communicator, (void)queue, (void)from, (void)data, (void)bytes;
	return CNN_OK;
}

static int wait_for_all(void *communicator, void *queue)
{
	return (void)communicator, (void)queue, CNN_OK;
}

#ifndef MEMORY
#define MEMORY CNN_MEMORY_HOST
#endif
#ifndef WAIT
#define WAIT wait_for_all
#endif
#ifndef COMMUNICATOR_SIZE
#define COMMUNICATOR_SIZE sizeof(struct cnn_communicator)
#endif

static const struct cnn_communicator communicators[] = {
	{ COMMUNICATOR_SIZE, MEMORY, COMMUNICATOR, join, free, number, number, send,
	    receive, WAIT },
};
#define WITH_COMMUNICATORS CNN_COMMUNICATORS(communicators)
#else
#define WITH_COMMUNICATORS .communicators = NULL
#endif

static double cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	(void)host, (void)kernel, (void)run, (void)plan;
	return 1;
}

static int create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	(void)host, (void)kernel, (void)run, (void)plan;
	*instance = NULL;
	return CNN_OK;
}

static void destroy(void *instance)
{
	(void)instance;
}

static int forward(void *instance, const struct cnn_call *call)
{
	(void)instance, (void)call;
	return CNN_OK;
}

static const struct cnn_kernel kernels[] = {
	{ .size = KERNEL_SIZE,
	    .run = RUN,
	    .cost = cost,
	    .create = create,
	    .destroy = destroy,
	    .forward = FORWARD },
#ifdef SECOND
	{ .size = SECOND,
	    .run = SECOND_RUN,
	    .cost = cost,
	    .create = create,
	    .destroy = destroy,
	    .forward = forward },
#endif
};

#ifdef TYPE

static int infer(const struct cnn_host *host, const struct cnn_node *node,
    struct cnn_shape *out)
{
	(void)host;
	*out = node->inputs[0];
	return CNN_OK;
}

#ifndef ARG
#define ARG \
	{ \
		"alpha", CNN_ARG_FLOAT, 0, ALPHA, -10, 10 \
	}
#endif

static const struct cnn_arg args[] = { ARG };

static const struct cnn_layer_def definitions[] = {
	{ .size = sizeof(struct cnn_layer_def),
	    .type = TYPE,
	    .summary = "for a test",
	    .args = args,
	    .arg_count = 1,
	    .min_inputs = 1,
	    .max_inputs = 1,
	    .infer = infer },
};
#define WITH_DEFINITIONS CNN_DEFINITIONS(definitions)
#else
#define WITH_DEFINITIONS .definitions = NULL
#endif

#ifndef OFFERS
#define OFFERS \
	CNN_KERNELS(kernels), WITH_OPTIMIZERS, WITH_DEFINITIONS, WITH_COMMUNICATORS
#endif

#ifndef NO_ENTRY
CNN_EXPORT const struct cnn_plugin_entry cnn_plugin_entry = { .magic = MAGIC,
	.abi_major = MAJOR,
	.abi_minor = MINOR,
	.size = ENTRY_SIZE,
	.name = NAME,
	.version = "1.2",
	.device = DEVICE,
	.provider = PROVIDER,
	OFFERS };
#endif
