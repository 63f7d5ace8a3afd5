/* cnn-step - trains a model on data. */
#include "cnn-step/run.h"
#include "compute.h"

#include <string.h>
#include <sys/stat.h>

static const char *image = "image", *label = "label";
static struct job job;
static struct compute compute = { .device = "auto", .max_mib = MAX_MEMORY_DEFAULT };
static struct cnn_train_options train;

/* The training options come before these (cnn_train_options_rows). The length of a run
 * is recorded in the model (step and epoch), not in the options. */
static const struct cnn_option own_options[] = {
	{ "val", 0, CNN_OPT_STR, &job.val_path, "FILE",
	    "evaluate on FILE after each epoch" },
	{ "metrics", 'm', CNN_OPT_STR, &job.metrics_path, "FILE",
	    "write a table of metrics to FILE, one line per step" },
	{ "checkpoint", 'c', CNN_OPT_STR, &job.checkpoint_path, "FILE",
	    "also write the model to FILE after each epoch" },
	{ "checkpoint-every", 0, CNN_OPT_UINT, &job.checkpoint_every, "STEPS",
	    "write the checkpoint every STEPS steps instead", 0, 1, UINT32_MAX },
	{ "strip", 0, CNN_OPT_FLAG, &job.strip, NULL,
	    "write only the weights, not the training state" },
	{ "image", 0, CNN_OPT_STR, &image, "NAME", "field of the images" },
	{ "label", 0, CNN_OPT_STR, &label, "NAME", "field of the labels" },
	{ "no-graph", 0, CNN_OPT_FLAG, &compute.on.no_graph, NULL,
	    "launch a GPU's kernels one by one, without a CUDA graph" },
	{ "profile", 0, CNN_OPT_FLAG, &compute.on.profile, NULL,
	    "print a profile of a step at the end" },
	COMPUTE_OPTIONS(compute),
	COMPUTE_THREADS(compute),
	{ "output", 'o', CNN_OPT_STR, &job.output, "FILE",
	    "write to FILE instead of standard output" },
	{ NULL },
};
static struct cnn_option
    options[CNN_TRAIN_OPTIONS + sizeof own_options / sizeof *own_options];

static const struct cnn_program program = {
	"cnn-step",
	"[MODEL] [DATA ...]",
	"Trains a model on data",
	options,
	0,
	-1,
};

static bool given(const char *option)
{
	return cnn_train_options_given(&train, option);
}

/* Whether a model that is written to `model` would replace the table. Not so if that is
 * a device, like /dev/null. */
static bool replaces(const char *model, const char *table)
{
	struct stat st;

	return model && table && strcmp(model, table) == 0 &&
	    (stat(table, &st) < 0 || S_ISREG(st.st_mode));
}

static int check_options(char *const *operands, struct cnn_error *e)
{
	bool standard = !*operands;

	for (; *operands; operands++)
		standard = standard || strcmp(*operands, "-") == 0;
	if (standard && job.val_path && strcmp(job.val_path, "-") == 0)
		return cnn_fail(e, CNN_EUSAGE,
		    "--val: -: standard input is already an operand");
	if (train.stream &&
	    (train.resume || job.val_path || given("epochs") || train.time_epochs))
		return cnn_fail(e, CNN_EUSAGE,
		    "--stream reads the data once: it can't "
		    "be combined with --epochs, --resume, --val or --time-epochs");
	if (job.checkpoint_every && !job.checkpoint_path)
		return cnn_fail(e, CNN_EUSAGE,
		    "--checkpoint-every: needs --checkpoint");
	if (job.checkpoint_path && strcmp(job.checkpoint_path, "-") == 0)
		return cnn_fail(e, CNN_EUSAGE, "--checkpoint: -: must be a file");
	if (job.metrics_path && strcmp(job.metrics_path, "-") == 0)
		return cnn_fail(e, CNN_EUSAGE, "--metrics: -: must be a file");
	if (replaces(job.checkpoint_path, job.metrics_path) ||
	    replaces(job.output, job.metrics_path))
		return cnn_fail(e, CNN_EUSAGE,
		    "--metrics: %s: the model is written to the same file",
		    job.metrics_path);
	if (given("steps") && !given("epochs"))
		train.epochs = UINT64_MAX;
	return CNN_OK;
}

int main(int argc, char **argv)
{
	struct cnn_error e = { 0 };
	struct run run = { &job };
	int first, r;

	cnn_train_options_init(&train);
	memcpy(options + cnn_train_options_rows(&train, options), own_options,
	    sizeof own_options);
	first = cnn_options_parse(&program, argc, argv);

	/* Check the outputs now rather than after hours of work. */
	if ((r = check_options(argv + first, &e)) < 0 ||
	    (r = cnn_output_check(job.output, true, &e)) < 0 ||
	    (job.checkpoint_path &&
		(r = cnn_output_check(job.checkpoint_path, true, &e)) < 0) ||
	    (r = compute_open(&compute, &run.plugins, &e)) < 0 ||
	    (r = cnn_train_options_resolve(&train, run.plugins, &e)) < 0 ||
	    (r = cnn_isa_choose(train.isa, &train.isa, &e)) < 0 ||
	    (job.val_path &&
		(r = cnn_load_file(&run.val, job.val_path, image, label, run.plugins,
		     &e)) < 0) ||
	    (r = cnn_dataset_new(&run.data, image, label, &e)) < 0 ||
	    (r = cnn_load_open(&run.load, (const char *const *)argv + first,
		 (size_t)(argc - first), run.plugins, &e)) < 0)
		goto out;
	if (job.val_path && strcmp(job.val_path, "-") == 0)
		run.load.stdin_is = "--val";
	job.program = &program;
	job.train = &train;
	train.device_given = strcmp(compute.device, "auto") != 0;
	train.on = compute.on;
	train.save_every = job.checkpoint_path ? job.checkpoint_every : 0;
	run.load.max_memory = compute.max_memory;
	r = train.stream ? run_stream(&run, &e) : run_held(&run, &e);
	if (r >= 0)
		log_end(&run.log);
	if (r >= 0 && compute.on.profile)
		cnn_print_profile(stderr, run.trainer);
	if (cnn_metrics_close(run.metrics, &e) == CNN_OK && r == CNN_OK &&
	    cnn_trainer_save(run.trainer, &e) == CNN_OK) {
		run_check_result(&run);
		if (cnn_model_save(run.load.model, job.output, job.strip, &e) == CNN_OK)
			log_summary(&run.log);
	}
out:
	cnn_trainer_close(run.trainer);
	cnn_dataset_free(run.data);
	cnn_dataset_free(run.val);
	cnn_load_close(&run.load);
	cnn_plugins_close(run.plugins);
	return cnn_finish(&program, &e);
}
