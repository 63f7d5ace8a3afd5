/* plugin.c - source of the plugins of test-loader.c, valid and invalid: each is this
 * file with other macros. DEVICE, PROVIDER and NAME are always defined. TYPE (with
 * ALPHA) adds a definition, OPTIMIZER makes an optimizer. */
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
#ifndef KIND
#define KIND CNN_PLUGIN_LAYER
#endif
#ifndef RUN
#define RUN NAME
#endif
#ifndef FUNCTIONS
#define FUNCTIONS &functions
#endif
#ifndef FUNCTIONS_SIZE
#define FUNCTIONS_SIZE sizeof functions
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

static const struct cnn_optimizer functions = {
	FUNCTIONS_SIZE, OPTIMIZER, 1, { "m" }, update
};

#else

static int score(const struct cnn_host *host, const struct cnn_run *run)
{
	(void)host, (void)run;
	return 1;
}

static int create(const struct cnn_host *host, const struct cnn_run *run,
	struct cnn_plan *plan, void **instance)
{
	(void)host, (void)run, (void)plan;
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

static const struct cnn_provider functions = {
	.size = FUNCTIONS_SIZE, .run = RUN,
	.score = score, .create = create, .destroy = destroy, .forward = FORWARD,
};

#endif

#ifdef TYPE

static int infer(const struct cnn_host *host, const struct cnn_node *node,
	struct cnn_shape *out)
{
	(void)host;
	*out = node->inputs[0];
	return CNN_OK;
}

#ifndef ARG
#define ARG { "alpha", CNN_ARG_FLOAT, 0, ALPHA, -10, 10 }
#endif

static const struct cnn_arg args[] = { ARG };

static const struct cnn_layer_def definition = {
	.size = sizeof definition, .type = TYPE, .summary = "for a test",
	.args = args, .arg_count = 1, .min_inputs = 1, .max_inputs = 1,
	.infer = infer,
};

#define DEFINITION &definition
#else
#define DEFINITION NULL
#endif

#ifndef NO_ENTRY
CNN_EXPORT const struct cnn_plugin_entry cnn_plugin_entry = {
	MAGIC, MAJOR, MINOR, ENTRY_SIZE, KIND, NAME, "1.2", DEVICE, PROVIDER,
	FUNCTIONS, DEFINITION
};
#endif
