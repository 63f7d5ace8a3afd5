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
 * one notices. With names, of runs (conv2d+relu), optimizers (adam) or plugins
 * (device), the test covers those alone; --list prints them, after the family of each.
 * With --sample about one case in N is tried, and at least one of each kernel; SEED
 * decides which.
 */
#include "conformance.h"
#include "tools/cnn-plugin-check/gradients.h"
#include "../unit/tap.h"
#include "base/random.h"
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A TAP line, or while must_fail only a count of what is not true. */
static void report(struct trial *t, bool good, const char *text)
{
	struct suite *s = (struct suite *)t;

	if (!s->must_fail)
		ok(good, "%s", text);
	else if (!good && s->failures++ == 0)
		printf("# not so: %s\n", text);
}

/* --- finding ---------------------------------------------------------------------- */

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
	for (; *i < cnn_plugins_count(s->trial.plugins); ++*i) {
		struct cnn_plugin *p = cnn_plugins_at(s->trial.plugins, *i);
		struct cnn_error e = { 0 };

		if (strcmp(p->device, s->trial.device) != 0 ||
		    strcmp(p->provider, s->trial.provider) != 0)
			continue;
		if (cnn_plugin_open(s->trial.plugins, p, &e) == CNN_OK)
			return ++*i, p;
		if (suite_tests(s, p->name, p->name))
			ok(false, "%s opens: %s", p->path, e.text);
	}
	return NULL;
}

int suite_kernel(struct suite *s, const char *run, struct subject *subject)
{
	const struct cnn_plugin *p;

	*subject = s->trial.subject;
	for (size_t i = 0; (p = suite_next(s, &i));)
		if (suite_tests(s, p->name, run) &&
		    (subject->kernel = kernel_of(p, run)))
			return CNN_OK;
	return CNN_EPLUGIN;
}

/* The oracle is tested for what nobody else is held against. */
static bool is_oracle(const struct suite *s)
{
	return strcmp(s->trial.device, "cpu") == 0 &&
	    strcmp(s->trial.provider, "ref") == 0;
}

/* --- one provider ----------------------------------------------------------------- */

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
			if (chain_parse(&c, s->trial.oracle, test_cases[i].net,
				test_cases[i].inputs, &e) != CNN_OK) {
				if (pass == 0)
					ok(false, "case %s of %s: %s",
					    test_cases[i].net, test_cases[i].inputs,
					    e.text);
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
	struct subject subject = s->trial.subject;
	struct cnn_error e = { 0 };
	unsigned cases = 0;

	s->failures = 0;
	subject.kernel = kernel;
	choose_cases(s, kernel->run, chosen);
	for (size_t i = 0; i < test_case_count; i++) {
		const struct test_case *t = &test_cases[i];
		struct layer_chain c;

		if (!chosen[i] ||
		    chain_parse(&c, s->trial.oracle, t->net, t->inputs, &e) != CNN_OK)
			continue;
		cases += compare_case(&s->trial, &subject, &c, t);
	}
	free(chosen);
	if (s->must_fail)
		ok(s->failures > 0, "%s/%s %s is found out", s->trial.device,
		    s->trial.provider, kernel->run);
	else
		ok(cases > 0, "%s/%s %s: %u cases", s->trial.device, s->trial.provider,
		    kernel->run, cases);
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

		for (size_t i = 0; !found && (p = suite_next(s, &i));)
			found = offers(p, *n);
		ok(found, "%s/%s has %s", s->trial.device, s->trial.provider, *n);
	}
}

void test_runs(struct suite *s)
{
	const struct cnn_plugin *p;
	unsigned runs = 0;

	for (size_t i = 0; (p = suite_next(s, &i));)
		for (uint32_t k = 0; k < p->entry->kernel_count; k++) {
			const struct cnn_kernel *kernel = cnn_kernel_at(p->entry, k);

			if (!suite_tests(s, p->name, kernel->run))
				continue;
			test_run(s, kernel);
			runs++;
		}
	if (!s->names[0])
		ok(runs > 0, "%s/%s has layers: %u", s->trial.device, s->trial.provider,
		    runs);
}

/* Prints what can be tested, a line each: its family, and its name. The family of a run
 * is its first layer's type. A plugin that cannot be opened is its own family. */
static void list_names(struct suite *s)
{
	for (size_t i = 0; i < cnn_plugins_count(s->trial.plugins); i++) {
		struct cnn_plugin *p = cnn_plugins_at(s->trial.plugins, i);
		struct cnn_error e = { 0 };

		if (strcmp(p->device, s->trial.device) != 0 ||
		    strcmp(p->provider, s->trial.provider) != 0)
			continue;
		if (cnn_plugin_open(s->trial.plugins, p, &e) != CNN_OK ||
		    p->entry->device_functions) {
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

/* --- the oracle ------------------------------------------------------------------- */

void test_gradients(struct suite *s)
{
	for (size_t i = 0; i < test_case_count; i++) {
		const struct test_case *t = &test_cases[i];
		const struct settings settings = { .dtype = CNN_F64,
			.samples = t->samples,
			.microbatch = t->microbatch,
			.training = true };
		struct cnn_error e = { 0 };
		struct subject subject;
		struct data data = { 0 };
		struct layer_chain c;
		const char *name = "";
		double worst = 0;
		int r = chain_parse(&c, s->trial.oracle, t->net, t->inputs, &e);

		/* Integers have ties and zeros, where there is no gradient. */
		if (r == CNN_OK &&
		    (c.node_count > 1 || (t->values != DISTINCT && t->values != WIDE)))
			continue;
		if (r == CNN_OK)
			r = trial_reference(&s->trial, c.types[0], &subject, &e);
		if (r == CNN_OK)
			r = data_make(&data, &s->trial.reference, &c, t, CNN_F64, &e);
		if (r == CNN_OK)
			r = gradients_check(&subject, &c, &settings, &data, &worst,
			    &name, &e);
		ok(r == CNN_OK && worst <= 1e-6,
		    "finite differences: %s of %s (%s: %.2g)%s%s", t->net, t->inputs,
		    name, worst, e.code ? ": " : "", e.text);
		data_free(&data);
	}
}

/* What cnn-plugin-check asks of a type without a reference must hold of a right
 * kernel. */
static void test_alone(struct suite *s)
{
	for (size_t i = 0; i < test_case_count; i++) {
		const struct test_case *t = &test_cases[i];
		struct cnn_error e = { 0 };
		struct subject subject;
		struct layer_chain c;

		if (chain_parse(&c, s->trial.oracle, t->net, t->inputs, &e) != CNN_OK ||
		    c.node_count > 1 || t->values != DISTINCT ||
		    suite_kernel(s, c.types[0], &subject) != CNN_OK)
			continue;
		ok(check_alone(&s->trial, &subject, &c, t) > 0,
		    "%s of %s, without a reference", t->net, t->inputs);
	}
}

/* --- the program ------------------------------------------------------------------ */

static int suite_open(struct suite *s, const char *dir, const char *reference_dir,
    const char *isa, struct cnn_error *e)
{
	int r;

	if ((r = cnn_plugins_open(&s->trial.plugins, &dir, 1, e)) != CNN_OK ||
	    (r = cnn_plugins_open(&s->trial.oracle, &reference_dir, 1, e)) != CNN_OK)
		return r;
	return trial_open(&s->trial, isa, e);
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
	char subject[100] = "cpu/ref", title[110], *slash;
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
	s.trial.device = subject;
	s.trial.provider = slash + 1;
	snprintf(title, sizeof(title), "%s/%s ", s.trial.device, s.trial.provider);
	s.trial.title = title;
	s.trial.report = report;
	s.trial.error = &e;

	if (cnn_isa_choose(isa, &isa, &e) != CNN_OK) {
		printf("1..0 # SKIP %s\n", e.text);
		return 0;
	}
	if (list) {
		if (cnn_plugins_open(&s.trial.plugins, &dir, 1, &e) != CNN_OK) {
			fprintf(stderr, "conformance: %s\n", e.text);
			return 1;
		}
		list_names(&s);
		cnn_plugins_close(s.trial.plugins);
		return 0;
	}
	if (suite_open(&s, dir, reference_dir, isa, &e) != CNN_OK) {
		printf("Bail out! %s\n", e.text);
		return 1;
	}
	if (!s.must_fail && is_oracle(&s)) {
		test_definitions(&s);
		test_gradients(&s);
		test_alone(&s);
	}
	test_names(&s);
	test_runs(&s);
	if (!s.must_fail) {
		test_recorded(&s);
		if (suite_tests(&s, "device", "device"))
			test_device(&s);
		test_optimizers(&s);
	}
	if (e.code != CNN_OK) {
		printf("Bail out! %s\n", e.text);
		return 1;
	}
	trial_close(&s.trial);
	cnn_plugins_close(s.trial.plugins);
	cnn_plugins_close(s.trial.oracle);
	return done();
}
