/* bench-onednn: what the oneDNN providers take for a step of the seed network,
 * called as the executor calls them: the batch in shards, one to a thread.
 *
 *   cc -O2 -Ilibcore/include -o bench-onednn tests/bench/bench-onednn.c \
 *       -ldl -lpthread
 *   ./bench-onednn build/plugins/cpu/onednn [f32|bf16 [threads [batch [shard]]]]
 *
 * Each line: microseconds a shard (the best of many rounds, all threads at
 * work), and GFLOP/s a thread. The last: milliseconds a step, packing included,
 * the median and the best.
 */
#include <cnn/plugin.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_THREADS 64
#define ROUNDS 400
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- the host -------------------------------------------------------------- */

struct service { const char *key; void *object; void (*destroy)(void *); };
static struct service services[8];
static size_t service_count;

static int host_fail(const struct cnn_host *host, int code, const char *fmt, ...)
{
	va_list ap;

	(void)host;
	va_start(ap, fmt);
	fputs("bench-onednn: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return code;
}

static void *host_alloc(const struct cnn_host *host, size_t bytes)
{
	void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);

	(void)host;
	if (!memory) {
		fputs("bench-onednn: out of memory\n", stderr);
		exit(1);
	}
	return memset(memory, 0, bytes);
}

static void host_free(const struct cnn_host *host, void *memory)
{
	(void)host;
	free(memory);
}

static int host_service(const struct cnn_host *host, const char *key,
	int (*create)(const struct cnn_host *, void **object),
	void (*destroy)(void *object), void **object)
{
	int code;

	for (size_t i = 0; i < service_count; i++)
		if (!strcmp(services[i].key, key)) {
			*object = services[i].object;
			return CNN_OK;
		}
	if (service_count == COUNT(services))
		return host_fail(host, CNN_ENOMEM, "too many services");
	code = create(host, object);
	if (code == CNN_OK)
		services[service_count++] = (struct service){ key, *object, destroy };
	return code;
}

static const struct cnn_host host = {
	.size = sizeof host, .abi_major = CNN_ABI_MAJOR, .abi_minor = CNN_ABI_MINOR,
	.fail = host_fail, .alloc = host_alloc, .free = host_free,
	.service = host_service,
};

/* --- the network ------------------------------------------------------------ */

struct layer {
	const char *file;
	struct cnn_arg_value args[8];        /* of the run's weighted or pool node */
	struct cnn_shape in, out, weight;
	double flops;                        /* forward, a sample */
	/* filled in by open_layer() */
	const struct cnn_provider *functions;
	void *plugin, *instance;
	struct cnn_plan plan;
	uint32_t param_count;
	void *params[2], *packed;
	double forward[MAX_THREADS], backward[MAX_THREADS];   /* best seconds */
};

#define PAIR(n) { .i = (n), .j = (n), .given = 1 }
#define CONV(n) { { .i = (n), .given = 1 }, PAIR(3), PAIR(1), PAIR(0), PAIR(1), \
	{ .i = 1 }, { .i = 1 } }
#define POOL { PAIR(2), { 0 }, PAIR(0) }
#define LINEAR(n) { { .i = (n), .given = 1 }, { .i = 1 } }

static struct layer net[] = {
	{ "conv2d", CONV(32), { 3, { 1, 28, 28 } }, { 3, { 32, 26, 26 } },
		{ 4, { 32, 1, 3, 3 } }, 2. * 32 * 26 * 26 * 9 },
	{ "relu+maxpool2d", POOL, { 3, { 32, 26, 26 } }, { 3, { 32, 13, 13 } },
		{ 0 }, 0 },
	{ "conv2d", CONV(64), { 3, { 32, 13, 13 } }, { 3, { 64, 11, 11 } },
		{ 4, { 64, 32, 3, 3 } }, 2. * 64 * 11 * 11 * 9 * 32 },
	{ "relu+maxpool2d", POOL, { 3, { 64, 11, 11 } }, { 3, { 64, 5, 5 } },
		{ 0 }, 0 },
	{ "flatten+linear", LINEAR(128), { 3, { 64, 5, 5 } }, { 1, { 128 } },
		{ 2, { 128, 1600 } }, 2. * 128 * 1600 },
	{ "relu", { { 0 } }, { 1, { 128 } }, { 1, { 128 } }, { 0 }, 0 },
	{ "linear", LINEAR(10), { 1, { 128 } }, { 1, { 10 } }, { 2, { 10, 128 } },
		2. * 10 * 128 },
};
enum { LAYERS = COUNT(net) };

static uint32_t dtype = CNN_F32, threads = 1, batch = 128, shard = 16;

static size_t elements(const struct cnn_shape *s)
{
	return cnn_layout_count(s, CNN_NCHW, 1);
}

static void random_floats(float *out, size_t n)
{
	static uint32_t state = 1;

	for (size_t i = 0; i < n; i++) {
		state = state * 1664525 + 1013904223;
		out[i] = (float)(state >> 8) / (1 << 24) - 0.5f;
	}
}

static void *random_tensor(size_t n)
{
	float *values = host_alloc(&host, n * sizeof(float));
	uint16_t *half = (uint16_t *)values;

	random_floats(values, n);
	for (size_t i = 0; dtype == CNN_BF16 && i < n; i++) {
		uint32_t bits;

		memcpy(&bits, &values[i], sizeof bits);
		half[i] = (uint16_t)(bits >> 16);
	}
	return values;
}

/* The nodes of the run named by a file: the inner one gets the arguments. */
static uint32_t make_nodes(const struct layer *l, struct cnn_node nodes[2],
	char types[2][16])
{
	const char *plus = strchr(l->file, '+');
	uint32_t count = plus ? 2 : 1;

	snprintf(types[0], 16, "%.*s", plus ? (int)(plus - l->file) : 15, l->file);
	snprintf(types[1], 16, "%s", plus ? plus + 1 : "");
	for (uint32_t i = 0; i < count; i++)
		nodes[i] = (struct cnn_node){
			.size = sizeof nodes[i], .name = types[i], .type = types[i],
			.args = l->args, .input_count = 1, .inputs = { l->in },
			.output = i + 1 == count ? l->out : l->in,
		};
	if (count == 2 && !strcmp(types[0], "flatten"))
		nodes[0].output = nodes[1].inputs[0]
			= (struct cnn_shape){ 1, { elements(&l->in) } };
	return count;
}

static int open_layer(struct layer *l, const char *dir, struct cnn_format offered,
	bool first)
{
	const struct cnn_plugin_entry *entry;
	struct cnn_param params[2] = {
		{ "weight", l->weight, CNN_PARAM_TRAINABLE, CNN_INIT_UNIFORM, 1 },
		{ "bias", { 1, { l->out.dims[0] } }, CNN_PARAM_TRAINABLE,
			CNN_INIT_UNIFORM, 1 },
	};
	struct cnn_edge edge = { l->in, offered, !first };
	struct cnn_node nodes[2];
	struct cnn_run run;
	char path[4096], types[2][16];
	int score;

	snprintf(path, sizeof path, "%s/%s.so", dir, l->file);
	l->plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	entry = l->plugin ? dlsym(l->plugin, "cnn_plugin_entry") : NULL;
	if (!entry)
		return host_fail(&host, CNN_EPLUGIN, "%s", dlerror());
	l->functions = entry->functions;
	l->param_count = l->weight.rank ? 2 : 0;
	run = (struct cnn_run){
		.size = sizeof run, .nodes = nodes,
		.node_count = make_nodes(l, nodes, types),
		.input_count = 1, .inputs = &edge, .output = l->out,
		.param_count = l->param_count, .params = params,
		.dtype = dtype, .batch = shard, .workers = threads, .training = 1,
	};
	l->plan = (struct cnn_plan){ .size = sizeof l->plan };
	l->plan.inputs[0] = l->plan.output = offered;
	for (uint32_t i = 0; i < l->param_count; i++)
		l->plan.param_counts[i] = elements(&params[i].shape);
	score = l->functions->score(&host, &run);
	if (score <= 0)
		return host_fail(&host, CNN_EPLUGIN, "%s scores %d", l->file, score);
	if (l->functions->create(&host, &run, &l->plan, &l->instance) != CNN_OK)
		return CNN_EPLUGIN;
	if (l->plan.inputs[0].layout != offered.layout)
		printf("# %s wants its input in layout %u, offered %u\n", l->file,
			l->plan.inputs[0].layout, offered.layout);
	for (uint32_t i = 0; i < l->param_count; i++) {
		float *plain = host_alloc(&host, elements(&params[i].shape) * 4);

		random_floats(plain, elements(&params[i].shape));
		l->params[i] = host_alloc(&host, l->plan.param_counts[i] * 4);
		if (l->functions->param_import(l->instance, NULL, i, plain, l->params[i]))
			return CNN_EPLUGIN;
		free(plain);
	}
	l->packed = host_alloc(&host, l->plan.packed_bytes);
	for (uint32_t t = 0; t < threads; t++)
		l->forward[t] = l->backward[t] = 1e9;
	return CNN_OK;
}

/* --- the workers -------------------------------------------------------------- */

struct worker {
	pthread_t thread;
	uint32_t number;
	struct cnn_call calls[LAYERS];
	const void *in[LAYERS][1];
	void *grad_in[LAYERS][1], *grad_params[LAYERS][2];
};

static pthread_barrier_t barrier;
static double steps[ROUNDS];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void open_worker(struct worker *w)
{
	void *in = random_tensor(cnn_layout_count(&net[0].in,
		net[0].plan.inputs[0].layout, shard));
	void *grad = NULL;

	for (int i = 0; i < LAYERS; i++) {
		struct layer *l = &net[i];
		size_t n = cnn_layout_count(&l->out, l->plan.output.layout, shard);
		bool inplace = l->plan.flags & CNN_INPLACE_FORWARD;
		void *out = inplace ? in : random_tensor(n);
		void *grad_out = inplace ? grad : random_tensor(n);

		w->in[i][0] = in;
		w->grad_in[i][0] = grad;
		for (uint32_t p = 0; p < l->param_count; p++)
			w->grad_params[i][p] = host_alloc(&host, l->plan.param_counts[p] * 4);
		w->calls[i] = (struct cnn_call){
			.size = sizeof(struct cnn_call), .worker = w->number,
			.samples = shard, .training = 1, .in = w->in[i], .out = out,
			.grad_out = grad_out, .grad_in = w->grad_in[i],
			.params = l->params, .grad_params = w->grad_params[i],
			.packed = l->packed, .saved = host_alloc(&host, l->plan.saved_bytes),
			.scratch = host_alloc(&host, l->plan.scratch_bytes),
		};
		in = out;
		grad = grad_out;
	}
}

static void check(int code)
{
	if (code != CNN_OK)
		exit(1);
}

/* Each layer by itself, every thread at the same time. */
static void time_layers(struct worker *w)
{
	for (int i = 0; i < LAYERS; i++) {
		struct layer *l = &net[i];
		const struct cnn_call *c = &w->calls[i];

		pthread_barrier_wait(&barrier);
		for (int r = 0; r < ROUNDS; r++) {
			double start = now(), middle;

			check(l->functions->forward(l->instance, c));
			middle = now();
			check(l->functions->backward(l->instance, c));
			if (middle - start < l->forward[w->number])
				l->forward[w->number] = middle - start;
			if (now() - middle < l->backward[w->number])
				l->backward[w->number] = now() - middle;
		}
	}
}

static void step(struct worker *w)
{
	if (w->number == 0)
		for (int i = 0; i < LAYERS; i++)
			if (net[i].functions->pack && net[i].plan.packed_bytes)
				check(net[i].functions->pack(net[i].instance, NULL,
					net[i].params, net[i].packed));
	pthread_barrier_wait(&barrier);
	for (uint32_t s = w->number; s < batch / shard; s += threads) {
		for (int i = 0; i < LAYERS; i++)
			check(net[i].functions->forward(net[i].instance, &w->calls[i]));
		for (int i = LAYERS; i-- > 0; )
			check(net[i].functions->backward(net[i].instance, &w->calls[i]));
	}
	pthread_barrier_wait(&barrier);
}

static void *work(void *argument)
{
	struct worker *w = argument;

	step(w);
	time_layers(w);
	pthread_barrier_wait(&barrier);
	for (int r = 0; r < ROUNDS; r++) {
		double start = now();

		step(w);
		if (w->number == 0)
			steps[r] = now() - start;
	}
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double worst(const double *v)
{
	double max = 0;

	for (uint32_t t = 0; t < threads; t++)
		max = v[t] > max ? v[t] : max;
	return max;
}

int main(int argc, char **argv)
{
	static struct worker workers[MAX_THREADS];
	struct cnn_format format;
	double forward = 0, backward = 0, pack = 0;

	if (argc < 2 || argc > 6) {
		fputs("usage: bench-onednn DIR [f32|bf16 [threads [batch [shard]]]]\n",
			stderr);
		return 2;
	}
	if (argc > 2)
		dtype = strcmp(argv[2], "bf16") ? CNN_F32 : CNN_BF16;
	if (argc > 3)
		threads = (uint32_t)atoi(argv[3]);
	if (argc > 4)
		batch = (uint32_t)atoi(argv[4]);
	if (argc > 5)
		shard = (uint32_t)atoi(argv[5]);
	if (threads < 1 || threads > MAX_THREADS || shard < 1 || batch < shard)
		return 2;
	format = (struct cnn_format){ dtype, CNN_NCHW };
	for (int i = 0; i < LAYERS; i++) {
		if (open_layer(&net[i], argv[1], format, i == 0) != CNN_OK)
			return 1;
		format = net[i].plan.output;
		if (net[i].out.rank != 3)
			format.layout = CNN_NCHW;
	}
	pthread_barrier_init(&barrier, NULL, threads);
	for (uint32_t t = 0; t < threads; t++) {
		workers[t].number = t;
		open_worker(&workers[t]);
	}
	for (uint32_t t = 0; t < threads; t++)
		pthread_create(&workers[t].thread, NULL, work, &workers[t]);
	for (uint32_t t = 0; t < threads; t++)
		pthread_join(workers[t].thread, NULL);

	printf("%-16s %9s %9s %9s %9s %9s\n", "", "forward", "GFLOP/s", "backward",
		"GFLOP/s", "pack");
	for (int i = 0; i < LAYERS; i++) {
		struct layer *l = &net[i];
		double f = worst(l->forward), b = worst(l->backward), p = 1e9;
		double work = l->flops * shard, back = i == 0 ? work : 2 * work;

		for (int r = 0; r < 100; r++) {
			double start = now();

			if (l->plan.packed_bytes)
				check(l->functions->pack(l->instance, NULL, l->params, l->packed));
			if (now() - start < p)
				p = now() - start;
		}
		forward += f, backward += b, pack += p;
		printf("%-16s %9.1f %9.0f %9.1f %9.0f %9.1f\n", l->file, 1e6 * f,
			work / f / 1e9, 1e6 * b, back / b / 1e9, 1e6 * p);
	}
	printf("%-16s %9.1f %9s %9.1f %9s %9.1f us a shard of %u\n", "sum",
		1e6 * forward, "", 1e6 * backward, "", 1e6 * pack, shard);
	qsort(steps, ROUNDS, sizeof steps[0], by_value);
	printf("step of %u: %.2f ms, best %.2f ms, %s, %u threads, shards of %u\n",
		batch, 1e3 * steps[ROUNDS / 2], 1e3 * steps[0],
		dtype == CNN_BF16 ? "bf16" : "f32", threads, shard);

	for (uint32_t t = 0; t < threads; t++) {
		for (int i = 0; i < LAYERS; i++) {
			struct cnn_call *c = &workers[t].calls[i];

			if (i == 0)
				free((void *)c->in[0]);
			if (c->out != c->in[0]) {
				free(c->out);
				free((void *)c->grad_out);
			}
			free(c->saved);
			free(c->scratch);
			free(c->grad_params[0]);
			free(c->grad_params[1]);
		}
	}
	for (int i = 0; i < LAYERS; i++) {
		net[i].functions->destroy(net[i].instance);
		free(net[i].params[0]);
		free(net[i].params[1]);
		free(net[i].packed);
	}
	while (service_count--)
		services[service_count].destroy(services[service_count].object);
	return 0;
}
