/* cnn-init - makes a model with initial weights from the text of a net. */
#include "plugin/loader.h"
#include "net/model.h"
#include "net/net.h"
#include "cli/option.h"
#include "max-memory.h"

#include <stdlib.h>
#include <string.h>

static const char *output;
static uint64_t seed, max_memory = MAX_MEMORY_DEFAULT;
static struct cnn_list plugin_dirs;

static const struct cnn_option options[] = {
	{ "seed", 's', CNN_OPT_UINT, &seed, "N", "seed of the initial weights",
	    CNN_OPT_RESULT },
	{ "output", 'o', CNN_OPT_STR, &output, "FILE",
	    "write to FILE instead of standard output" },
	{ "plugin-dir", 0, CNN_OPT_LIST, &plugin_dirs, "DIR",
	    "look for plugins in DIR first" },
	MAX_MEMORY_OPTION(max_memory),
	{ NULL },
};

static const struct cnn_program program = {
	"cnn-init",
	"[NET]",
	"Makes a model with initial weights from a net's text",
	options,
	0,
	1,
};

/* Reads the whole text, which must not be larger than CNN_MAX_NET. */
static int read_text(const char *path, char **text, size_t *size, struct cnn_error *e)
{
	const unsigned char *data;
	struct cnn_input *in;
	int r = cnn_input_open(&in, path, e);

	*text = NULL;
	if (r < 0)
		return r;
	if ((r = cnn_input_peek(in, CNN_MAX_NET + 1, &data, size, e)) == CNN_OK) {
		if (*size == 0)
			r = cnn_fail(e, CNN_EDATA, "%s: empty file",
			    cnn_input_name(in));
		else if (*size > CNN_MAX_NET)
			r = cnn_fail(e, CNN_EDATA,
			    "%s: more than %zu bytes: is this a net?",
			    cnn_input_name(in), CNN_MAX_NET);
		else if (!(*text = malloc(*size)))
			r = cnn_fail(e, CNN_ENOMEM, "out of memory");
		else {
			memcpy(*text, data, *size);
			*size = cnn_net_clean(*text, *size);
		}
	}
	cnn_input_close(in);
	return r;
}

int main(int argc, char **argv)
{
	struct cnn_error e = { 0 };
	struct cnn_plugins *plugins = NULL;
	struct cnn_model *model = NULL;
	int first = cnn_options_parse(&program, argc, argv);
	const char *path = first < argc ? argv[first] : "-";
	char *text = NULL;
	size_t size;

	if (cnn_plugins_open(&plugins, plugin_dirs.items, plugin_dirs.count, &e) < 0 ||
	    read_text(path, &text, &size, &e) < 0 ||
	    cnn_model_new(&model, strcmp(path, "-") ? path : "standard input", text,
		size, plugins, seed, max_memory_set(max_memory), &e) < 0)
		goto out;
	if (!cnn_history_add(model->history, &program)) {
		cnn_fail(&e, CNN_ENOMEM, "out of memory");
		goto out;
	}
	cnn_model_save(model, output, false, &e);
out:
	cnn_model_free(model);
	cnn_plugins_close(plugins);
	free(text);
	return cnn_finish(&program, &e);
}
