/* conformance.c - does a provider's every run compute what the contract says?
 *
 *   conformance [--plugin-dir DIR] [--reference DIR] [--isa NAME] [--must-fail]
 *               [--sample N [--seed SEED]] [--list] [DEVICE/PROVIDER [NAME ...]]
 *
 * Each run that the provider (cpu/ref if none is named) offers is tried on every
 * case of cases.c that it fits, in float, bfloat16 and half as far as it takes
 * them, against cpu/ref in double, layer by layer. The oracle itself is held
 * against finite differences and PyTorch's recorded numbers. With --must-fail
 * each of the provider's runs is known to be broken, and the test is that this
 * one notices. With names, of runs (conv2d+relu), optimizers (adam) or plugins (device),
 * the test covers those alone; --list prints them, after the family of each. With
 * --sample about one case in N is tried, and at least one of each kernel; SEED decides
 * which.
 */
#include "conformance.h"
#include "tools/cnn-plugin-check/gradients.h"
#include "../unit/tap.h"
#include "base/random.h"
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool claim(struct suite *s, bool good, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!s->must_fail)
		return ok(good, "%s", text);
	if (!good && s->failures++ == 0)
		printf("# not so: %s\n", text);
	return good;
}

/* --- finding ------------------------------------------------------------------- */

bool suite_tests(const struct suite *s, const char *plugin, const char *name)
{
	if (!s->names[0])
		return true;
	for (char *const *n = s->names; *n; n++)
		if (strcmp(*n, name) == 0 || strcmp(*n, plugin) == 0)
			return true;
	return false;
}

const struct cnn_plugin *suite_next(struct suite *s, size_t *i)
{
	for (; *i < cnn_plugins_count(s->plugins); ++*i) {
		struct cnn_plugin *p = cnn_plugins_at(s->plugins, *i);
		struct cnn_error e = { 0 };

		if (strcmp(p->device, s->device) != 0
				|| strcmp(p->provider, s->provider) != 0)
			continue;
		if (cnn_plugin_open(s->plugins, p, &e) == CNN_OK)
			return ++*i, p;
		if (suite_tests(s, p->name, p->name))
			ok(false, "%s opens: %s", p->path, e.text);
	}
	return NULL;
}

static const struct cnn_kernel *kernel_of(const struct cnn_plugin *p, const char *run)
{
	for (uint32_t k = 0; k < p->entry->kernel_count; k++)
		if (strcmp(cnn_kernel_at(p->entry, k)->run, run) == 0)
			return cnn_kernel_at(p->entry, k);
	return NULL;
}

int suite_kernel(struct suite *s, const char *run, struct subject *subject)
{
	const struct cnn_plugin *p;

	*subject = s->subject;
	for (size_t i = 0; (p = suite_next(s, &i)); )
		if (suite_tests(s, p->name, run) && (subject->kernel = kernel_of(p, run)))
			return CNN_OK;
	return CNN_EPLUGIN;
}

int suite_reference(void *context, const char *type, struct subject *subject,
	struct cnn_error *e)
{
	struct suite *s = context;
	int code = cnn_plugins_open_device(s->oracle, "cpu", e);

	*subject = s->reference;
	for (size_t i = 0; code == CNN_OK && i < cnn_plugins_count(s->oracle); i++) {
		const struct cnn_plugin *p = cnn_plugins_at(s->oracle, i);

		if (strcmp(p->device, "cpu") == 0 && strcmp(p->provider, "ref") == 0
				&& (subject->kernel = kernel_of(p, type)))
			return CNN_OK;
	}
	return code == CNN_OK ? cnn_fail(e, CNN_EPLUGIN, "ref has no kernel for %s", type)
		: code;
}

/* The oracle is tested for what nobody else is held against. */
static bool is_oracle(const struct suite *s)
{
	return strcmp(s->device, "cpu") == 0 && strcmp(s->provider, "ref") == 0;
}

static int open_device(struct cnn_plugins *plugins, struct cnn_plugin_host *host,
	const char *name, const struct cnn_device **device, void **handle,
	struct cnn_error *e)
{
	struct cnn_plugin *p;
	int code = cnn_plugins_find(plugins, name, NULL, "device", &p, e);

	if (code != CNN_OK)
		return code;
	*device = p->entry->device_functions;
	return cnn_host_error(host, (*device)->open(&host->host, 0, handle), e);
}

/* --- one provider, one case, one type ---------------------------------------------- */

static const struct element_type types[] = {
	{ CNN_F32, "f32" }, { CNN_BF16, "bf16" }, { CNN_F16, "f16" },
};

/* A result with one element wrong must be told from a right one, or the bounds
 * are no test: the largest, 1 % off in float, of the other sign in half (all of
 * them where the bound forgives one). */
static bool notices_errors(const struct results *r, const struct results *reference,
	struct bounds bounds, uint32_t dtype)
{
	double worst;
	const char *name;

	for (size_t i = 0; i < r->count; i++) {
		double *x = r->of[i].x, kept;
		size_t largest = 0, n = r->of[i].n;
		bool noticed;

		for (size_t k = 1; k < n; k++)
			if (fabs(x[k]) > fabs(x[largest]))
				largest = k;
		kept = x[largest];
		if (kept == 0)
			x[largest] = 1;
		else
			x[largest] *= dtype == CNN_F32 ? 1.01 : -1;
		noticed = !results_near(r, reference, bounds, &worst, &name);
		x[largest] = kept;
		for (size_t k = 0; !noticed && k < n; k++)
			x[k] = -x[k];
		noticed = noticed || (dtype != CNN_F32
			&& !results_near(r, reference, bounds, &worst, &name));
		if (x[largest] != kept)      /* all were turned: turn them back */
			for (size_t k = 0; k < n; k++)
				x[k] = -x[k];
		if (!noticed)
			return false;
	}
	return true;
}

static uint32_t real_inputs(const struct layer_chain *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->input_count; i++)
		n += !c->index[i];
	return n;
}

/* The same bytes in place, from another thread, and without the gradient of the
 * input, which leaves those of the parameters alone. */
static int check_variants(struct suite *s, const struct subject *subject,
	const struct layer_chain *c, const struct settings *settings, const struct data *d,
	const struct results *plain, const char *what, struct cnn_error *e)
{
	static const char *const names[] = { "in place", "from another thread",
		"without the input's gradient" };
	struct results results;
	int code = CNN_OK;

	for (int v = 0; v < 3 && code == CNN_OK; v++) {
		struct settings varied = *settings;
		struct results wanted = *plain;
		const char *complaint;

		/* A device that is parallel within is called from one thread. */
		if (v == 1 && subject->device->flags & CNN_DEVICE_WHOLE_BATCH)
			continue;
		varied.in_place = v == 0;
		varied.other_thread = v == 1;
		varied.no_input_gradient = v == 2;
		code = results_of_run(&results, subject, c, &varied, d, &complaint, e);
		if (v == 2) {                /* the output, then the parameters' */
			wanted.count = 1;
			for (size_t i = 1 + real_inputs(c); i < plain->count; i++)
				wanted.of[wanted.count++] = plain->of[i];
		}
		if (code == CNN_OK && !results_equal(&results, &wanted))
			claim(s, false, "%s: the same bytes %s", what, names[v]);
		if (code == CNN_OK && complaint)
			claim(s, false, "%s: %s, %s", what, complaint, names[v]);
		results_free(&results);
	}
	return code;
}

/* Outside training the run is another one. */
static int check_evaluation(struct suite *s, const struct subject *subject,
	const struct layer_chain *c, const struct settings *settings, const struct data *d,
	struct bounds bounds, const char *what, struct cnn_error *e)
{
	struct results results = { 0 }, reference = { 0 };
	struct settings evaluating = *settings;
	const char *complaint = NULL, *name;
	double worst;
	int code;

	evaluating.training = false;
	if (!runner_offers(subject, c, &evaluating))
		return CNN_OK;
	code = results_of_run(&results, subject, c, &evaluating, d, &complaint, e);
	if (code == CNN_OK)
		code = results_of_chain(&reference, suite_reference, s, c, &evaluating, d,
			e);
	if (code == CNN_OK && (!results_near(&results, &reference, bounds, &worst, &name)
			|| complaint))
		claim(s, false, "%s: evaluation (%.2g)%s%s", what, worst,
			complaint ? ": " : "", complaint ? complaint : "");
	results_free(&results);
	results_free(&reference);
	return code;
}

bool can_compute(const struct subject *subject, uint32_t dtype)
{
	struct cnn_error e = { 0 };

	return !subject->device->supports || cnn_host_error(subject->host,
		subject->device->supports(subject->device_handle, dtype), &e) == CNN_OK;
}

/* Returns whether the provider offers this at all. */
static bool check_case(struct suite *s, const struct subject *subject,
	const struct layer_chain *c, const struct test_case *t, int type, uint32_t layout)
{
	const struct settings settings = { .dtype = types[type].dtype, .layout = layout,
		.samples = t->samples, .shard = t->shard, .training = true };
	const struct bounds bounds = case_bounds(c, settings.dtype);
	struct results results = { 0 }, reference = { 0 };
	const char *complaint = NULL, *name = "";
	struct cnn_error e = { 0 };
	struct data data = { 0 };
	char what[300];
	double worst = 0;
	bool near = false;
	int code;

	if (!can_compute(subject, settings.dtype)
			|| !runner_offers(subject, c, &settings))
		return false;
	snprintf(what, sizeof(what), "%s/%s %s%s: %s of %s", s->device, s->provider,
		types[type].name, layout == CNN_NHWC ? " nhwc" : "", t->net, t->inputs);
	code = data_make(&data, &s->reference, c, t, settings.dtype);
	if (code == CNN_OK)
		code = results_of_chain(&reference, suite_reference, s, c, &settings,
			&data, &e);
	if (code != CNN_OK)              /* not the subject's fault */
		ok(false, "%s: the reference: %s", what, e.text);
	else
		code = results_of_run(&results, subject, c, &settings, &data, &complaint,
			&e);
	if (code == CNN_OK) {
		near = results_near(&results, &reference, bounds, &worst, &name);
		claim(s, near, "%s (%s: %.2g)", what, name, worst);
	}
	if (complaint)
		claim(s, false, "%s: %s", what, complaint);
	if (near) {
		claim(s, notices_errors(&results, &reference, bounds, settings.dtype),
			"%s: a wrong element would be noticed", what);
		code = check_variants(s, subject, c, &settings, &data, &results, what, &e);
	}
	if (code == CNN_OK)
		code = check_evaluation(s, subject, c, &settings, &data, bounds, what, &e);
	if (code != CNN_OK && reference.count > 0)
		claim(s, false, "%s: %s", what, e.text);
	results_free(&results);
	results_free(&reference);
	data_free(&data);
	return true;
}

/* Is case number i of a plugin in the sample? Of `count`, one always is. */
static bool is_sampled(const struct suite *s, unsigned i, unsigned count)
{
	float x;

	if (s->sample < 2)
		return true;
	cnn_random_uniform(s->seed, count, 0, i, 1, &x);
	return x * (float)s->sample < 1 || (count > 0 && i == s->seed % count);
}

/* Chooses the cases that have this run and are in the sample. */
static void choose_cases(struct suite *s, const char *run, bool *chosen)
{
	unsigned count = 0, k = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < test_case_count; i++) {
			struct cnn_error e = { 0 };
			struct layer_chain c;
			char name[200];

			chosen[i] = false;
			if (chain_parse(&c, s->oracle, test_cases[i].net, test_cases[i].inputs,
					&e) != CNN_OK) {
				if (pass == 0)
					ok(false, "case %s of %s: %s", test_cases[i].net,
						test_cases[i].inputs, e.text);
				continue;
			}
			chain_run_name(&c, name, sizeof(name));
			if (strcmp(run, name) == 0 && pass == 0)
				count++;
			else if (strcmp(run, name) == 0)
				chosen[i] = is_sampled(s, k++, count);
		}
}

static void test_run(struct suite *s, const struct cnn_kernel *kernel)
{
	bool *chosen = calloc(test_case_count, sizeof(*chosen));
	struct subject subject = s->subject;
	struct cnn_error e = { 0 };
	unsigned cases = 0;

	s->failures = 0;
	subject.kernel = kernel;
	choose_cases(s, kernel->run, chosen);
	for (size_t i = 0; i < test_case_count; i++) {
		const struct test_case *t = &test_cases[i];
		struct layer_chain c;

		if (!chosen[i] || chain_parse(&c, s->oracle, t->net, t->inputs, &e) != CNN_OK)
			continue;
		for (int type = 0; type < 3 && t->values == NOT_FINITE; type++)
			cases += check_not_finite(s, &subject, &c, t, &types[type]);
		if (t->values == NOT_FINITE)
			continue;
		for (int type = 0; type < 3; type++)
			cases += check_case(s, &subject, &c, t, type, CNN_NCHW);
		if (c.inputs[0].rank == 3 && c.inputs[0].dims[0] > 1)
			check_case(s, &subject, &c, t, 0, CNN_NHWC);
	}
	free(chosen);
	if (s->must_fail)
		ok(s->failures > 0, "%s/%s %s is found out", s->device, s->provider,
			kernel->run);
	else
		ok(cases > 0, "%s/%s %s: %u cases", s->device, s->provider, kernel->run,
			cases);
}

/* Does a plugin have this name, or offer something under it? */
static bool offers(const struct cnn_plugin *p, const char *name)
{
	bool found = strcmp(p->name, name) == 0 || kernel_of(p, name);

	for (uint32_t k = 0; k < p->entry->optimizer_count; k++)
		found |= strcmp(cnn_optimizer_at(p->entry, k)->name, name) == 0;
	return found;
}

/* A name that is not there would leave nothing to test. */
static void test_names(struct suite *s)
{
	for (char *const *n = s->names; *n; n++) {
		const struct cnn_plugin *p;
		bool found = false;

		for (size_t i = 0; !found && (p = suite_next(s, &i)); )
			found = offers(p, *n);
		ok(found, "%s/%s has %s", s->device, s->provider, *n);
	}
}

void test_runs(struct suite *s)
{
	const struct cnn_plugin *p;
	unsigned runs = 0;

	for (size_t i = 0; (p = suite_next(s, &i)); )
		for (uint32_t k = 0; k < p->entry->kernel_count; k++) {
			const struct cnn_kernel *kernel = cnn_kernel_at(p->entry, k);

			if (!suite_tests(s, p->name, kernel->run))
				continue;
			test_run(s, kernel);
			runs++;
		}
	if (!s->names[0])
		ok(runs > 0, "%s/%s has layers: %u", s->device, s->provider, runs);
}

/* Prints what can be tested, a line each: its family, and its name. The family of a run
 * is its first layer's type. A plugin that cannot be opened is its own family. */
static void list_names(struct suite *s)
{
	for (size_t i = 0; i < cnn_plugins_count(s->plugins); i++) {
		struct cnn_plugin *p = cnn_plugins_at(s->plugins, i);
		struct cnn_error e = { 0 };

		if (strcmp(p->device, s->device) != 0
				|| strcmp(p->provider, s->provider) != 0)
			continue;
		if (cnn_plugin_open(s->plugins, p, &e) != CNN_OK
				|| p->entry->device_functions) {
			printf("%s %s\n", p->name, p->name);
			continue;
		}
		for (uint32_t k = 0; k < p->entry->kernel_count; k++) {
			const char *run = cnn_kernel_at(p->entry, k)->run;

			printf("%.*s %s\n", (int)strcspn(run, "+"), run, run);
		}
		for (uint32_t k = 0; k < p->entry->optimizer_count; k++)
			printf("optimizer %s\n", cnn_optimizer_at(p->entry, k)->name);
	}
}

/* --- the oracle -------------------------------------------------------------------- */

void test_gradients(struct suite *s)
{
	for (size_t i = 0; i < test_case_count; i++) {
		const struct test_case *t = &test_cases[i];
		const struct settings settings = { .dtype = CNN_F64,
			.samples = t->samples, .shard = t->shard, .training = true };
		struct cnn_error e = { 0 };
		struct subject subject;
		struct data data = { 0 };
		struct layer_chain c;
		const char *name = "";
		double worst = 0;
		int code = chain_parse(&c, s->oracle, t->net, t->inputs, &e);

		/* Integers have ties and zeros, where there is no gradient. */
		if (code == CNN_OK && (c.node_count > 1 ||
				(t->values != DISTINCT && t->values != WIDE)))
			continue;
		if (code == CNN_OK)
			code = suite_reference(s, c.types[0], &subject, &e);
		if (code == CNN_OK)
			code = data_make(&data, &s->reference, &c, t, CNN_F64);
		if (code == CNN_OK)
			code = gradients_check(&subject, &c, &settings, &data, &worst,
				&name, &e);
		ok(code == CNN_OK && worst <= 1e-6,
			"finite differences: %s of %s (%s: %.2g)%s%s", t->net, t->inputs,
			name, worst, e.code ? ": " : "", e.text);
		data_free(&data);
	}
}

/* --- the program ------------------------------------------------------------------- */

static int suite_open(struct suite *s, const char *dir, const char *reference_dir,
	struct cnn_error *e)
{
	int code;

	if ((code = cnn_plugins_open(&s->plugins, &dir, 1, e)) != CNN_OK
			|| (code = cnn_plugins_open(&s->oracle, &reference_dir, 1, e)) != CNN_OK)
		return code;
	s->reference.host = &s->hosts[1];
	code = open_device(s->oracle, s->reference.host, "cpu", &s->reference.cpu,
		&s->reference.cpu_handle, e);
	s->reference.device = s->reference.cpu;
	s->reference.device_handle = s->reference.cpu_handle;
	s->subject = s->reference;
	s->subject.host = &s->hosts[0];
	if (code == CNN_OK && strcmp(s->device, "cpu") != 0)
		code = open_device(s->plugins, s->subject.host, s->device,
			&s->subject.device, &s->subject.device_handle, e);
	if (code == CNN_OK && s->subject.device->queue)
		s->subject.queue = s->subject.device->queue(s->subject.device_handle);
	return code;
}

static void suite_close(struct suite *s)
{
	cnn_host_end_services(&s->hosts[0]);
	cnn_host_end_services(&s->hosts[1]);
	if (s->subject.device && s->subject.device != s->reference.device)
		s->subject.device->close(s->subject.device_handle);
	if (s->reference.device)
		s->reference.device->close(s->reference.device_handle);
	cnn_host_close(&s->hosts[0]);
	cnn_host_close(&s->hosts[1]);
	cnn_plugins_close(s->plugins);
	cnn_plugins_close(s->oracle);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "plugin-dir", required_argument, NULL, 'p' },
		{ "reference", required_argument, NULL, 'd' },
		{ "isa", required_argument, NULL, 'i' },
		{ "must-fail", no_argument, NULL, 'f' },
		{ "sample", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "list", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	const char *dir = "build/plugins", *reference_dir = "build/reference";
	const char *isa = "native";
	char subject[100] = "cpu/ref", *slash;
	struct suite s = { 0 };
	struct cnn_error e = { 0 };
	bool list = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'p': dir = optarg; break;
		case 'd': reference_dir = optarg; break;
		case 'i': isa = optarg; break;
		case 'f': s.must_fail = true; break;
		case 'n': s.sample = (unsigned)strtoul(optarg, NULL, 10); break;
		case 's': s.seed = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'l': list = true; break;
		default: return 2;
		}
	if (optind < argc)
		snprintf(subject, sizeof(subject), "%s", argv[optind++]);
	s.names = argv + optind;
	if (!(slash = strchr(subject, '/'))) {
		fprintf(stderr, "conformance: %s: not DEVICE/PROVIDER\n", subject);
		return 2;
	}
	*slash = '\0';
	s.device = subject;
	s.provider = slash + 1;

	if (cnn_isa_choose(isa, &isa, &e) != CNN_OK) {
		printf("1..0 # SKIP %s\n", e.text);
		return 0;
	}
	if (list) {
		if (cnn_plugins_open(&s.plugins, &dir, 1, &e) != CNN_OK) {
			fprintf(stderr, "conformance: %s\n", e.text);
			return 1;
		}
		list_names(&s);
		cnn_plugins_close(s.plugins);
		return 0;
	}
	cnn_host_init(&s.hosts[0], isa, 0, NULL);
	cnn_host_init(&s.hosts[1], NULL, 0, NULL);
	if (suite_open(&s, dir, reference_dir, &e) != CNN_OK) {
		printf("Bail out! %s\n", e.text);
		return 1;
	}
	if (!s.must_fail && is_oracle(&s)) {
		test_definitions(&s);
		test_gradients(&s);
	}
	test_names(&s);
	test_runs(&s);
	if (!s.must_fail) {
		test_recorded(&s);
		if (suite_tests(&s, "device", "device"))
			test_device(&s);
		test_optimizers(&s);
	}
	suite_close(&s);
	return done();
}
