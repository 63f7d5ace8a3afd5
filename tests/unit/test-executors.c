/* Executors with different nets, providers and error states, working at once in threads
 * of one process. Each gives the bytes and the messages that it gives alone. Also built
 * with ThreadSanitizer (tests/run). */
#include "tap.h"

#include "executor/executor.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROWS = 40,
	BATCH = 20,
	STEPS = 6,
	ROUNDS = 4,
	PIXELS = 2 * 12 * 12,
	CLASSES = 5
};

static struct cnn_plugins *plugins;
static uint8_t data[ROWS * PIXELS];
static int32_t labels[ROWS];

/* What a thread does over and over. It fails if `why` is not NULL, with that text. */
struct job {
	const char *name, *net;
	struct cnn_executor_options options;
	const char *why;
	float *params; /* of the end of training, alone and together */
	size_t count;
	double loss;
};

static const char *const by_ref[] = {
	"conv2d=ref",
	"linear=ref",
	"relu=ref",
	"maxpool2d=ref",
	"flatten=ref",
};

extern const struct cnn_optimizer_def cnn_optimizer_adam, cnn_optimizer_sgd;
static const struct cnn_arg_value momentum[] = { { .f = 0.9 }, { .f = 0 } };

static struct job jobs[] = {
	{ "f32 on every provider, two threads, up to avx2",
	    "input 2x12x12\nconv2d out=8 kernel=3\nrelu\nmaxpool2d kernel=2\n"
	    "flatten\nlinear out=16\nrelu\nlinear out=5\ncross_entropy\n",
	    { .on = { .device = "cpu", .threads = 2, .isa = "avx2" },
		.batch = BATCH,
		.microbatch_size = 5,
		.training = true,
		.amp = CNN_F32,
		.optimizer = &cnn_optimizer_adam } },
	{ "bf16 on ref, two threads, with batch norm and dropout",
	    "input 2x12x12\nconv2d out=4 kernel=3 stride=2\nbatchnorm2d\nrelu\n"
	    "flatten\ndropout p=0.3\nlinear out=5\ncross_entropy\n",
	    { .on = { .device = "cpu",
		  .threads = 2,
		  .providers = by_ref,
		  .provider_count = sizeof by_ref / sizeof *by_ref },
		.batch = BATCH,
		.microbatch_size = 4,
		.training = true,
		.amp = CNN_BF16,
		.optimizer = &cnn_optimizer_sgd,
		.optimizer_args = momentum,
		.grad_clip = 1 } },
	{ .name = "a layer that does not fit",
	    .net = "input 2x12x12\nconv2d out=4 kernel=15\nflatten\nlinear out=5\n",
	    .why = "net:2: conv2d: kernel 15x15 does not fit input 2x12x12" },
	{ .name = "a provider that is not there",
	    .net = "input 2x12x12\nflatten\nlinear out=5\ncross_entropy\n",
	    .options = { .on = { .device = "cpu",
			     .threads = 1,
			     .providers = (const char *const[]){ "linear=nobody" },
			     .provider_count = 1 },
		.batch = BATCH,
		.amp = CNN_F32 },
	    .why =
		"--provider: linear=nobody: cpu/nobody has no kernel linear (cnn-info "
		"lists the kernels)" },
	{ .name = "a layer type that nobody has",
	    .net = "input 2x12x12\nnothing\n",
	    .why = "net:2: nothing: nothing: no such layer type" },
};
enum { JOBS = sizeof jobs / sizeof *jobs };

static int load(struct cnn_executor *ex, const struct cnn_graph *g, struct cnn_error *e)
{
	static const double rates[STEPS] = { 0.01, 0.01, 0.01, 0.01, 0.01, 0.01 };
	const struct cnn_rows rows = { .count = ROWS,
		.fields = { { CNN_U8, data, 1 / 255.0, 0 },
		    { CNN_I32, labels, 1, 0 } } };
	const struct cnn_state state = { .seed = 1, .loss_scale = 1 };
	const struct cnn_epoch epoch = { .count = ROWS,
		.rates = rates,
		.steps = STEPS };
	int r = CNN_OK;

	for (size_t i = 0; r == CNN_OK && i < g->param_count; i++) {
		float *values = malloc(g->params[i].count * sizeof *values);

		cnn_graph_init_param(g, i, 1, values);
		r = cnn_executor_set_param(ex, i, values, e);
		free(values);
	}
	if (r == CNN_OK && (r = cnn_executor_set_state(ex, &state, e)) == CNN_OK &&
	    (r = cnn_executor_set_rows(ex, &rows, e)) == CNN_OK)
		r = cnn_executor_set_epoch(ex, &epoch, e);
	return r;
}

/* Trains. Sets *params to all parameters, one after the other. */
static int train(const struct job *job, const struct cnn_graph *g, float **params,
    size_t *count, double *loss, struct cnn_error *e)
{
	struct cnn_executor *ex = NULL;
	struct cnn_step_record record;
	int r = cnn_executor_open(&ex, g, &job->options, e);

	if (r == CNN_OK)
		r = load(ex, g, e);
	for (int i = 0; r == CNN_OK && i < ROWS / BATCH; i++)
		if ((r = cnn_executor_train(ex, BATCH, e)) == CNN_OK)
			r = cnn_executor_result(ex, &record, e);
	*count = 0;
	for (size_t i = 0; i < g->param_count; i++)
		*count += g->params[i].count;
	*params = calloc(*count + 1, sizeof **params);
	for (size_t i = 0, at = 0; r == CNN_OK && i < g->param_count; i++) {
		r = cnn_executor_get_param(ex, i, *params + at, e);
		at += g->params[i].count;
	}
	if (r == CNN_OK)
		*loss = record.loss;
	cnn_executor_close(ex);
	return r;
}

static int run(const struct job *job, float **params, size_t *count, double *loss,
    struct cnn_error *e)
{
	struct cnn_graph *g = NULL;
	int r = cnn_graph_build(&g, "net", job->net, strlen(job->net), plugins, e);

	*params = NULL;
	if (r == CNN_OK)
		r = train(job, g, params, count, loss, e);
	cnn_graph_free(g);
	return r;
}

/* Returns NULL, or what is wrong with one run of the job beside others. */
static const char *compare(const struct job *job)
{
	struct cnn_error e = { 0 };
	const char *wrong = NULL;
	size_t count = 0;
	float *params;
	double loss = 0;
	int r = run(job, &params, &count, &loss, &e);

	if (job->why)
		wrong = r == CNN_OK				     ? "no error" :
		    strncmp(e.text, job->why, strlen(job->why)) != 0 ? "another error" :
								       NULL;
	else if (r != CNN_OK)
		wrong = "an error";
	else if (count != job->count || loss != job->loss ||
	    memcmp(params, job->params, count * sizeof *params) != 0)
		wrong = "other weights";
	free(params);
	return wrong;
}

static void *repeat(void *arg)
{
	const struct job *job = arg;
	const char *wrong = NULL;

	for (int i = 0; !wrong && i < (job->why ? 10 * ROUNDS : ROUNDS); i++)
		wrong = compare(job);
	return (void *)wrong;
}

static void alone(struct job *job)
{
	struct cnn_error e = { 0 };
	int r = run(job, &job->params, &job->count, &job->loss, &e);

	if (!ok(job->why ? r < 0 && !strncmp(e.text, job->why, strlen(job->why)) :
			   r == CNN_OK && job->loss > 0,
		"alone: %s", job->name))
		printf("# said: %s\n", e.text);
}

int main(void)
{
	pthread_t threads[2 * JOBS];
	const char *build = getenv("BUILD");
	struct cnn_error e = { 0 };
	char folder[4096];

	snprintf(folder, sizeof folder, "%s/plugins", build ? build : "build");
	unsetenv("CNN_PLUGIN_PATH");
	if (cnn_plugins_open(&plugins, (const char *[]){ folder }, 1, &e) < 0) {
		printf("Bail out! %s\n", e.text);
		return 1;
	}
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	for (int i = 0; i < ROWS; i++)
		labels[i] = i % CLASSES;
	for (int i = 0; i < JOBS; i++)
		alone(&jobs[i]);
	/* Open the plugins again, this time by threads. */
	cnn_plugins_close(plugins);
	if (cnn_plugins_open(&plugins, (const char *[]){ folder }, 1, &e) < 0)
		return 1;
	for (int i = 0; i < 2 * JOBS; i++)
		pthread_create(&threads[i], NULL, repeat, &jobs[i % JOBS]);
	for (int i = 0; i < 2 * JOBS; i++) {
		void *wrong = NULL;

		pthread_join(threads[i], &wrong);
		ok(!wrong, "together: %s%s%s", jobs[i % JOBS].name, wrong ? ": " : "",
		    wrong ? (const char *)wrong : "");
	}
	for (int i = 0; i < JOBS; i++)
		free(jobs[i].params);
	cnn_plugins_close(plugins);
	return done();
}
