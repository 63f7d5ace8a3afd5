/* cnn-info - shows devices, plugins, and the layers of a model. */
#include "formats/operand/load.h"
#include "compute.h"

#include "base/printable.h"
#include "executor/amp.h"
#include "plugin/host.h"
#include "train/describe.h"

#include <stdlib.h>
#include <string.h>

static struct cnn_infer_options infer = { .amp = "off", .batch = 64 };
static struct compute compute = { .device = "auto", .max_mib = MAX_MEMORY_DEFAULT };
static const char *isa = "native";
static bool devices, net, training;

static const struct cnn_option options[] = {
	{ "devices", 0, CNN_OPT_FLAG, &devices, NULL, "show only the devices" },
	{ "net", 0, CNN_OPT_FLAG, &net, NULL,
	    "print the model's net in the form that cnn-init reads" },
	{ "training", 0, CNN_OPT_FLAG, &training, NULL,
	    "show the kernels for training rather than inference" },
	{ "batch", 'b', CNN_OPT_UINT, &infer.batch, "N", "samples in a batch", 0, 1,
	    65536 },
	{ "isa", 0, CNN_OPT_CHOICE, &isa, "NAME",
	    "highest instruction set that plugins may use", 0,
	    .choices = CNN_ISA_CHOICES },
	{ "amp", 0, CNN_OPT_CHOICE, &infer.amp, "TYPE", "mixed precision", 0,
	    .choices = CNN_AMP_CHOICES },
	COMPUTE_OPTIONS(compute),
	{ NULL },
};

static const struct cnn_program program = {
	"cnn-info",
	"[MODEL]",
	"Shows devices, plugins and models",
	options,
	0,
	1,
};

/* Prints device number `ordinal` or, if there is no device 0, the reason. CNN_END after
 * the last device. */
static int print_device(struct cnn_output *out, struct cnn_plugins *plugins,
    const char *name, uint32_t ordinal, struct cnn_error *e)
{
	struct cnn_device_info info = { .size = sizeof info };
	struct cnn_error why = { 0 };
	struct cnn_plugin *p;
	struct cnn_plugin_host host;
	const struct cnn_device *d;
	char number[16] = "";
	int r = cnn_plugins_find(plugins, name, NULL, "device", &p, &why);

	if (r == CNN_OK) {
		d = p->entry->device_functions;
		cnn_host_init(&host, NULL, 0, NULL);
		if ((r = d->probe(&host.host, ordinal, &info)) < 0)
			cnn_host_error(&host, r, &why);
		cnn_host_close(&host);
	}
	if (r < 0)
		return ordinal > 0 ? CNN_END :
				     cnn_output_printf(out, e,
					 "device  %-6s none: %s\n", name, why.text);
	if (ordinal > 0)
		snprintf(number, sizeof number, ":%u", ordinal);
	return cnn_output_printf(out, e, "device  %s%-*s %s, %s, %.1f GiB\n", name,
	    (int)(6 - strlen(name)), number, info.name, info.detail,
	    (double)info.memory / (1 << 30));
}

static int print_devices(struct cnn_output *out, struct cnn_plugins *plugins,
    struct cnn_error *e)
{
	int r = print_device(out, plugins, "cpu", 0, e);

	for (uint32_t i = 0; r == CNN_OK; i++)
		r = print_device(out, plugins, "cuda", i, e);
	return r == CNN_END ? CNN_OK : r;
}

/* Prints what a plugin offers, or why it cannot be opened. */
static int print_plugin(struct cnn_output *out, struct cnn_plugins *plugins,
    struct cnn_plugin *p, struct cnn_error *e)
{
	struct cnn_error why = { 0 };
	size_t n = strlen(p->path);
	const char *separator = "";
	int r = cnn_output_printf(out, e, "  %-12s ", p->name);

	if (r == CNN_OK && cnn_plugin_open(plugins, p, &why) < 0)
		return cnn_output_printf(out, e, "%s\n",
		    why.text +
			(strncmp(why.text, p->path, n) == 0 ? n + strlen(": ") : 0));
	if (r == CNN_OK && p->entry->device_functions)
		r = cnn_output_printf(out, e, "the device");
	for (uint32_t i = 0; r == CNN_OK && i < p->entry->kernel_count; i++) {
		r = cnn_output_printf(out, e, "%s%s", separator,
		    cnn_kernel_at(p->entry, i)->run);
		separator = ", ";
	}
	for (uint32_t i = 0; r == CNN_OK && i < p->entry->optimizer_count; i++) {
		r = cnn_output_printf(out, e, "%s%s", separator,
		    cnn_optimizer_at(p->entry, i)->name);
		separator = ", ";
	}
	for (uint32_t i = 0; r == CNN_OK && i < p->entry->definition_count; i++) {
		r = cnn_output_printf(out, e, "%sdefinition of %s", separator,
		    cnn_definition_at(p->entry, i)->type);
		separator = ", ";
	}
	for (uint32_t i = 0; r == CNN_OK && i < p->entry->communicator_count; i++) {
		r = cnn_output_printf(out, e, "%scommunicator %s", separator,
		    cnn_communicator_at(p->entry, i)->name);
		separator = ", ";
	}
	return r == CNN_OK ? cnn_output_printf(out, e, "\n") : r;
}

/* Prints each provider's folder, and a line per plugin in it. */
static int print_plugins(struct cnn_output *out, struct cnn_plugins *plugins,
    struct cnn_error *e)
{
	const struct cnn_plugin *last = NULL;
	int r = CNN_OK;

	for (size_t i = 0; r == CNN_OK && i < cnn_plugins_count(plugins); i++) {
		struct cnn_plugin *p = cnn_plugins_at(plugins, i);
		size_t folder = strlen(p->path) - strlen(strrchr(p->path, '/'));

		if (!last || strcmp(last->device, p->device) != 0 ||
		    strcmp(last->provider, p->provider) != 0)
			r = cnn_output_printf(out, e, "plugins %s/%s in %.*s\n",
			    p->device, p->provider, (int)folder, p->path);
		if (r == CNN_OK)
			r = print_plugin(out, plugins, p, e);
		last = p;
	}
	return r == CNN_OK && !last ? cnn_output_printf(out, e, "plugins none\n") : r;
}

static int read_model(struct cnn_load *load, struct cnn_error *e)
{
	const struct cnn_header *header;
	int r;

	while ((r = cnn_load_next(load, &header, e)) == CNN_OK)
		if (load->model)
			return cnn_fail(e, CNN_EDATA,
			    "%s: also contains data: give only a model",
			    cnn_operands_name(load->in));
	return r < 0	? r :
	    load->model ? CNN_OK :
			  cnn_fail(e, CNN_EDATA,
			      "no model in %s (tensor-stat describes data)",
			      cnn_operands_name(load->in));
}

/* Prints the text of the net, which the parser has accepted. Its comments may contain
 * anything, so control characters become '?'. A carriage return that ends no line
 * separates words, so it becomes a blank. */
static int print_net(struct cnn_output *out, const struct cnn_graph *g,
    struct cnn_error *e)
{
	char *text = strndup(g->text, g->text_size);
	int r;

	if (!text)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (char *p = text; (p = strchr(p, '\r')); p++)
		if (p[1] != '\n')
			*p = ' ';
	r = cnn_output_write(out, cnn_printable(text, "\n\t\r"), g->text_size, e);
	free(text);
	return r;
}

int main(int argc, char **argv)
{
	struct cnn_error e = { 0 };
	struct cnn_plugins *plugins = NULL;
	struct cnn_load load = { 0 };
	struct cnn_output *out = NULL;
	int first = cnn_options_parse(&program, argc, argv), r;

	if (devices && first < argc)
		cnn_usage(&program, "--devices: takes no operands");
	if ((net || training) && first == argc)
		cnn_usage(&program, "--%s: needs a model (- for standard input)",
		    net ? "net" : "training");
	if ((r = cnn_isa_choose(isa, &compute.on.isa, &e)) < 0 ||
	    (r = compute_open(&compute, &plugins, &e)) < 0 ||
	    (r = cnn_output_open(&out, NULL, false, &e)) < 0)
		goto out;
	if (first == argc) {
		r = print_devices(out, plugins, &e);
		if (r == CNN_OK && !devices)
			r = print_plugins(out, plugins, &e);
	} else {
		infer.on = compute.on;
		r = cnn_load_open(&load, (const char *const *)argv + first, 1, plugins,
		    &e);
		load.max_memory = compute.max_memory;
		if (r == CNN_OK && (r = read_model(&load, &e)) == CNN_OK)
			r = net ?
			    print_net(out, load.model->graph, &e) :
			    cnn_print_model(out, load.model, &infer, training, &e);
	}
	if (r == CNN_OK) {
		cnn_output_commit(out, &e);
		out = NULL;
	}
out:
	cnn_output_abort(out);
	cnn_load_close(&load);
	cnn_plugins_close(plugins);
	return cnn_finish(&program, &e);
}
