/* mnist-fetch - writes the data set with a given name as a data segment. */
#include "tools/mnist-fetch/source.h"

#include "cli/option.h"

static const char *dataset = "mnist", *output;
static struct cnn_list from;
static bool offline;
static uint64_t timeout = 20, count, seed = UINT64_MAX;

static const struct cnn_option options[] = {
	{ "dataset", 'd', CNN_OPT_STR, &dataset, "NAME", "data set", CNN_OPT_RESULT },
	{ "output", 'o', CNN_OPT_STR, &output, "FILE",
	    "write to FILE instead of standard output" },
	{ "from", 'f', CNN_OPT_LIST, &from, "PATH|URL",
	    "use only this file, directory, archive or mirror" },
	{ "offline", 0, CNN_OPT_FLAG, &offline, NULL,
	    "use only the cache and installed copies" },
	{ "timeout", 0, CNN_OPT_UINT, &timeout, "SECONDS",
	    "abort a transfer if no data arrive for this long", 0, 1, 3600 },
	{ "count", 'n', CNN_OPT_UINT, &count, "N", "write only the first N samples",
	    CNN_OPT_RESULT, 1 },
	{ "seed", 's', CNN_OPT_UINT, &seed, "N", "seed of the data set strokes [0]",
	    CNN_OPT_RESULT, 0, UINT64_MAX - 1 },
	{ 0 },
};

static const struct cnn_program program = {
	"mnist-fetch",
	"train|test",
	"Writes a data set, downloading it if necessary",
	options,
	1,
	1,
};

static void say(void *context, int level, const char *text)
{
	(void)context;
	cnn_message(&program, level, "%s", text);
}

int main(int argc, char **argv)
{
	int operand = cnn_options_parse(&program, argc, argv);
	struct cnn_request request = {
		.dataset = dataset,
		.split = argv[operand],
		.from = from.items,
		.from_count = from.count,
		.offline = offline,
		.timeout = (unsigned)timeout,
		.count = count,
		.say = say,
	};
	struct cnn_output *out = NULL;
	struct cnn_error e = { 0 };
	bool drawn = cnn_dataset_is_drawn(dataset);
	struct cnn_value *history;

	if (cnn_request_check(&request, &e) < 0)
		cnn_usage(&program, "%s", e.text);
	if (seed != UINT64_MAX && !drawn)
		cnn_usage(&program, "--seed: does not apply to %s", dataset);
	if (seed == UINT64_MAX && drawn)
		seed = 0;
	request.seed = seed;

	history = cnn_value_array();
	if (!cnn_history_add(history, &program)) {
		cnn_value_free(history);
		history = NULL;
	}
	if (cnn_output_open(&out, output, true, &e) < 0)
		cnn_value_free(history);
	else if (cnn_request_write(&request, history, out, &e) == CNN_OK) {
		cnn_output_commit(out, &e);
		out = NULL;
	}
	cnn_output_abort(out);
	return cnn_finish(&program, &e);
}
