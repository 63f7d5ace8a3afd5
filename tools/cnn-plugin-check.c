/* cnn-plugin-check - tests plugins against the reference and finite differences. */
#include "cnn-plugin-check/apart.h"
#include "cnn-plugin-check/symbols.h"
#include "cnn-plugin-check/trial.h"

#include "cli/option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cnn_list nets, inputs, plugin_dirs;
static const char *isa = "native";
static bool no_gradients;

static const struct cnn_option options[] = {
	{ "net", 'n', CNN_OPT_LIST, &nets, "LAYERS",
	    "also try these layers, joined by |" },
	{ "input", 'i', CNN_OPT_LIST, &inputs, "SHAPES",
	    "shapes of the inputs of --net" },
	{ "no-gradients", 0, CNN_OPT_FLAG, &no_gradients, NULL,
	    "do not compare gradients with finite differences" },
	{ "isa", 0, CNN_OPT_CHOICE, &isa, "NAME",
	    "highest instruction set that plugins may use",
	    .choices = CNN_ISA_CHOICES },
	{ "plugin-dir", 0, CNN_OPT_LIST, &plugin_dirs, "DIR",
	    "look for plugins in DIR first" },
	{ NULL },
};

static const struct cnn_program program = {
	"cnn-plugin-check",
	"PLUGIN.so ...",
	"Tests plugins against the reference and finite differences",
	options,
	1,
	-1,
};

/* Prints one line: a check and its result. */
__attribute__((format(printf, 3, 4))) static void print_check(const char *result,
    const char *what, const char *fmt, ...)
{
	va_list ap;

	if (cnn_verbosity < 1 && strcmp(result, "FAIL") != 0)
		return;
	printf("%-4s  %-20s  ", result, what);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* The ending of a plural: "1 case", "2 cases". */
static const char *plural(unsigned n)
{
	return n == 1 ? "" : "s";
}

static int check_symbols(const struct cnn_plugin *p, bool *good, struct cnn_error *e)
{
	char names[300];
	int r = exported_symbols(p->path, names, sizeof names, e);

	if (r < 0)
		return r;
	if (*names) {
		*good = false;
		print_check("FAIL", "symbols",
		    "also exports %s (compile with -fvisibility=hidden)", names);
	} else {
		print_check("ok", "symbols", "exports cnn_plugin_entry alone");
	}
	return CNN_OK;
}

/* Tests a kernel or, if it is NULL, the definition of a type. */
static int check_part(struct apart *a, const struct cnn_kernel *kernel,
    const char *type, bool *good, struct cnn_error *e)
{
	struct verdict v;
	char name[200];
	int r = check_apart(a, kernel, type, &v, e);

	snprintf(name, sizeof name, "%s%s", kernel ? "" : "type ",
	    kernel ? kernel->run : type);
	if (r < 0) {
		print_check("-", name, "not tested");
	} else if (v.failures > 0) {
		*good = false;
		print_check("FAIL", name, "%u case%s, %u failure%s", v.cases,
		    plural(v.cases), v.failures, plural(v.failures));
	} else {
		print_check("ok", name, "%u case%s", v.cases, plural(v.cases));
	}
	if (v.details && (v.failures > 0 || cnn_verbosity > 0))
		fputs(v.details, stdout);
	free(v.details);
	return r;
}

/* Opens the plugins that define the layers of a kernel, so that the processes of the
 * checks need not. */
static int find_layers(struct apart *a, const struct cnn_kernel *kernel,
    struct cnn_error *e)
{
	const struct cnn_layer_def *def;
	char type[64];
	size_t n;
	int r = CNN_OK;

	for (const char *run = kernel->run; r == CNN_OK && *run; run += n) {
		n = strcspn(run, "+");
		snprintf(type, sizeof type, "%.*s", (int)n, run);
		r = cnn_layer_find(a->plugins, type, &def, e);
		n += run[n] == '+';
	}
	return r;
}

static int check_offers(struct apart *a, bool *good, struct cnn_error *e)
{
	const struct cnn_plugin_entry *entry = a->plugin->entry;
	int r = CNN_OK;

	for (uint32_t i = 0; r == CNN_OK && i < entry->definition_count; i++)
		r = check_part(a, NULL, cnn_definition_at(entry, i)->type, good, e);
	for (uint32_t i = 0; r == CNN_OK && i < entry->kernel_count; i++)
		r = find_layers(a, cnn_kernel_at(entry, i), e);
	for (uint32_t i = 0; r == CNN_OK && i < entry->kernel_count; i++)
		r = check_part(a, cnn_kernel_at(entry, i), NULL, good, e);
	for (uint32_t i = 0; r == CNN_OK && i < entry->optimizer_count; i++)
		print_check("-", cnn_optimizer_at(entry, i)->name,
		    "optimizers are not tested");
	for (uint32_t i = 0; r == CNN_OK && i < entry->communicator_count; i++)
		print_check("-", cnn_communicator_at(entry, i)->name,
		    "communicators are not tested");
	if (r == CNN_OK && entry->device_functions)
		print_check("-", "device", "devices are not tested");
	for (size_t i = 0; r == CNN_OK && i < a->net_count; i++)
		if (!a->net_used[i]) {
			*good = false;
			print_check("FAIL", "--net", "%s: %s", a->nets[i],
			    *a->net_error[i] ?
				a->net_error[i] :
				"the plugin has no kernel for these layers");
		}
	return r;
}

/* Sets *good to false if a check of the plugin fails. Returns an error if the plugin
 * cannot be tested. */
static int check_file(const char *path, struct cnn_plugins *oracle, bool *good,
    struct cnn_error *e)
{
	const char *shapes[APART_NETS] = { NULL };
	struct apart a = { .oracle = oracle,
		.isa = isa,
		.no_gradients = no_gradients,
		.verbose = cnn_verbosity > 1,
		.nets = nets.items,
		.inputs = shapes,
		.net_count = nets.count };
	struct cnn_plugin *p;
	int r = cnn_plugins_open(&a.plugins, plugin_dirs.items, plugin_dirs.count, e);

	for (size_t i = 0; i < nets.count && inputs.count > 0; i++)
		shapes[i] = inputs.items[inputs.count == 1 ? 0 : i];
	if (r == CNN_OK)
		r = cnn_plugins_add(a.plugins, path, &p, e);
	if (r == CNN_OK) {
		a.plugin = p;
		print_check("ok", "entry", "%s %s of %s/%s", p->name, p->entry->version,
		    p->device, p->provider);
		r = check_symbols(p, good, e);
	}
	if (r == CNN_OK)
		r = check_offers(&a, good, e);
	cnn_plugins_close(a.plugins);
	return r;
}

static int open_oracle(struct cnn_plugins **oracle, struct cnn_error *e)
{
	char *folder;
	int r = cnn_own_folder("reference", &folder, e);

	if (r == CNN_OK && !folder)
		r = cnn_fail(e, CNN_EPLUGIN,
		    "the reference is not installed: no "
		    "../lib/cnntools/reference beside the program's folder");
	if (r == CNN_OK)
		r = cnn_plugins_open(oracle, (const char *const *)&folder, 1, e);
	/* Now, so that the processes of the checks need not. */
	for (size_t i = 0; r == CNN_OK && i < cnn_plugins_count(*oracle); i++) {
		struct cnn_plugin *p = cnn_plugins_at(*oracle, i);

		if (trial_is_reference(p))
			r = cnn_plugin_open(*oracle, p, e);
	}
	free(folder);
	return r;
}

int main(int argc, char **argv)
{
	struct cnn_error e = { 0 };
	struct cnn_plugins *oracle = NULL;
	int first = cnn_options_parse(&program, argc, argv), r;
	bool good = true;

	if (inputs.count > 0 && nets.count == 0)
		cnn_usage(&program, "--input: needs --net");
	if (inputs.count > 1 && inputs.count != nets.count)
		cnn_usage(&program, "--input: give one for all --net, or one for each");
	if (nets.count > APART_NETS)
		cnn_usage(&program, "--net: at most %d", APART_NETS);
	if ((r = cnn_isa_choose(isa, &isa, &e)) == CNN_OK)
		r = open_oracle(&oracle, &e);
	for (int i = first; r == CNN_OK && i < argc; i++) {
		struct cnn_error why = { 0 };

		if (argc - first > 1 && cnn_verbosity > 0)
			printf("%s%s:\n", i > first ? "\n" : "", argv[i]);
		if (check_file(argv[i], oracle, &good, &why) == CNN_OK)
			continue;
		fflush(stdout);
		if (e.code != CNN_OK) /* the last one is printed at the end */
			cnn_message(&program, 0, "%s", e.text);
		e = why;
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		cnn_fail_errno(&e, errno, "standard output");
	cnn_plugins_close(oracle);
	return e.code != CNN_OK ? cnn_finish(&program, &e) : !good;
}
