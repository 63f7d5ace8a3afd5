/* cnn-step - trains a model on data. */
#include "cnn-step/run.h"
#include "compute.h"

#include <string.h>

static const char *image = "image", *label = "label";
static const char *output;
static struct job job;
static struct compute compute = { .device = "auto" };
static bool stream, strip, steps_given;
static struct cnn_train_options train = {
	.epochs = 1, .batch = 64, .shard_size = CNN_SHARD_SIZE, .lr = 0.001,
	.optimizer = "adam", .schedule = "auto", .amp = "off",
	.isa = "native",
};
/* Given on the command line, in the order of the names below. */
enum { LR, OPTIMIZER, MOMENTUM, DECAY, SCHEDULE, AMP, BATCH, SHARD, SEED, ORDER,
	ISA, FAST, TF32, TUNE, EPOCHS, GIVEN };
static bool given[GIVEN];
static const char *const given_names[GIVEN] = { "lr", "optimizer", "momentum",
	"weight-decay", "schedule", "amp", "batch", "shard-size", "seed",
	"no-shuffle", "isa", "fast", "tf32", "tune", "epochs" };

/* How far a run went is not in the options but in the model: step and epoch. */
static const struct cnn_option options[] = {
	{ "epochs", 'e', CNN_OPT_UINT, &train.epochs, "N",
		"go N times through the data, in all", 0, 1, CNN_MAX_EPOCHS,
		.given = &given[EPOCHS] },
	{ "steps", 'n', CNN_OPT_UINT, &train.steps, "N",
		"stop after N batches of this run", 0, 1, UINT32_MAX, .given = &steps_given },
	{ "batch", 'b', CNN_OPT_UINT, &train.batch, "N", "samples in a batch",
		CNN_OPT_RESULT, 1, 65536, .given = &given[BATCH] },
	{ "lr", 'l', CNN_OPT_FLOAT, &train.lr, "X", "learning rate", CNN_OPT_RESULT,
		.fmax = 1e6, .given = &given[LR] },
	{ "optimizer", 0, CNN_OPT_CHOICE, &train.optimizer, "NAME", "how to step",
		CNN_OPT_RESULT, .choices = "adam|sgd", .given = &given[OPTIMIZER] },
	{ "momentum", 0, CNN_OPT_FLOAT, &train.momentum, "X", "momentum of sgd",
		CNN_OPT_RESULT, .fmax = 1, .given = &given[MOMENTUM] },
	{ "weight-decay", 0, CNN_OPT_FLOAT, &train.weight_decay, "X",
		"L2 penalty, added to the gradient", CNN_OPT_RESULT, .fmax = 1e6,
		.given = &given[DECAY] },
	{ "schedule", 0, CNN_OPT_CHOICE, &train.schedule, "NAME",
		"what becomes of the learning rate", CNN_OPT_RESULT,
		.choices = "auto|constant|linear|cosine", .given = &given[SCHEDULE] },
	{ "amp", 0, CNN_OPT_CHOICE, &train.amp, "TYPE", "mixed precision",
		CNN_OPT_RESULT, .choices = "off|bf16|fp16", .given = &given[AMP] },
	{ "shard-size", 0, CNN_OPT_UINT, &train.shard_size, "N",
		"samples that a CPU thread takes at a time", CNN_OPT_RESULT, 1, 65536,
		.given = &given[SHARD] },
	{ "seed", 's', CNN_OPT_UINT, &train.seed, "N", "which shuffle and dropout",
		CNN_OPT_RESULT, .given = &given[SEED] },
	{ "no-shuffle", 0, CNN_OPT_FLAG, &train.no_shuffle, NULL,
		"take the samples in their order", CNN_OPT_RESULT, .given = &given[ORDER] },
	{ "stream", 0, CNN_OPT_FLAG, &stream, NULL,
		"train as the data arrive: one epoch, no shuffle", CNN_OPT_RESULT },
	{ "val", 0, CNN_OPT_STR, &job.val_path, "FILE", "evaluate on FILE after each epoch" },
	{ "metrics", 'm', CNN_OPT_STR, &job.metrics_path, "FILE",
		"write a line a step to FILE" },
	{ "checkpoint", 'c', CNN_OPT_STR, &job.checkpoint_path, "FILE",
		"keep a checkpoint in FILE" },
	{ "checkpoint-every", 0, CNN_OPT_UINT, &job.checkpoint_every, "STEPS",
		"write it every STEPS steps; else after each epoch", 0, 1, UINT32_MAX },
	{ "resume", 'r', CNN_OPT_FLAG, &train.resume, NULL,
		"go on where the model's training stopped" },
	{ "strip", 0, CNN_OPT_FLAG, &strip, NULL, "write the weights alone" },
	{ "image", 0, CNN_OPT_STR, &image, "NAME", "the field to learn from" },
	{ "label", 0, CNN_OPT_STR, &label, "NAME", "the field to learn" },
	{ "isa", 0, CNN_OPT_CHOICE, &train.isa, "NAME",
		"the most of the CPU's instruction set to use", CNN_OPT_RESULT,
		.choices = "native|sse41|avx2|avx512|avx512_bf16", .given = &given[ISA] },
	{ "tune", 0, CNN_OPT_FLAG, &train.tune, NULL,
		"time what a GPU's library offers, and keep to the fastest",
		CNN_OPT_RESULT, .given = &given[TUNE] },
	{ "fast", 0, CNN_OPT_FLAG, &train.fast, NULL,
		"let a GPU's results differ from run to run", CNN_OPT_RESULT,
		.given = &given[FAST] },
	{ "tf32", 0, CNN_OPT_FLAG, &train.tf32, NULL,
		"let a GPU round factors to 10 bits where floats are multiplied",
		CNN_OPT_RESULT, .given = &given[TF32] },
	{ "no-graph", 0, CNN_OPT_FLAG, &compute.on.no_graph, NULL,
		"launch a GPU's work piece by piece each step" },
	{ "time-epochs", 0, CNN_OPT_FLAG, &train.time_epochs, NULL,
		"print the time that each epoch takes" },
	{ "profile", 0, CNN_OPT_FLAG, &compute.on.profile, NULL,
		"tell at the end where the time of a step went" },
	COMPUTE_OPTIONS(compute),
	COMPUTE_THREADS(compute),
	{ "output", 'o', CNN_OPT_STR, &output, "FILE",
		"write to FILE, whole or not at all" },
	{ NULL }
};

static const struct cnn_program program = {
	"cnn-step", "[MODEL] [DATA ...]", "Trains a model on data", options, 0, -1
};

static int check_options(char *const *operands, struct cnn_error *e)
{
	bool standard = !*operands;

	for (; *operands; operands++)
		standard = standard || strcmp(*operands, "-") == 0;
	if (standard && job.val_path && strcmp(job.val_path, "-") == 0)
		return cnn_fail(e, CNN_EUSAGE, "--val: -: standard input is an operand's");
	if (stream && (train.resume || job.val_path || given[EPOCHS] || job.metrics_path ||
	    train.time_epochs))
		return cnn_fail(e, CNN_EUSAGE, "--stream goes once through data that are "
			"not kept: without --epochs, --resume, --val, --metrics and "
			"--time-epochs");
	if (stream && (strcmp(train.schedule, "linear") == 0 ||
	    strcmp(train.schedule, "cosine") == 0))
		return cnn_fail(e, CNN_EUSAGE, "--schedule: %s: --stream does not know how "
			"long the run will be", train.schedule);
	if (job.checkpoint_every && !job.checkpoint_path)
		return cnn_fail(e, CNN_EUSAGE, "--checkpoint-every: without --checkpoint");
	if (job.checkpoint_path && strcmp(job.checkpoint_path, "-") == 0)
		return cnn_fail(e, CNN_EUSAGE, "--checkpoint: -: a file is wanted");
	if (job.metrics_path && strcmp(job.metrics_path, "-") == 0)
		return cnn_fail(e, CNN_EUSAGE, "--metrics: -: a file is wanted");
	/* On a resume the optimizer may be the checkpoint's. */
	if (train.momentum > 0 && !train.resume && strcmp(train.optimizer, "sgd") != 0)
		return cnn_fail(e, CNN_EUSAGE, "--momentum: %s has none: it is sgd's",
			train.optimizer);
	if (steps_given && !given[EPOCHS])
		train.epochs = UINT64_MAX;
	/* Where --epochs says how long the run is, a rate that ends at zero is
	 * worth two tenths of a per cent; a chain of --steps has no end to aim at. */
	if (strcmp(train.schedule, "auto") == 0)
		train.schedule = stream || train.epochs == UINT64_MAX ? "constant" :
			"linear";
	return CNN_OK;
}

/* The options of struct cnn_train_options that were given, then NULL. */
static const char *const *names_given(void)
{
	static const char *names[GIVEN + 2];
	size_t count = 0;

	for (size_t i = 0; i < GIVEN; i++)
		if (given[i])
			names[count++] = given_names[i];
	if (strcmp(compute.device, "auto") != 0)
		names[count++] = "device";
	return names;
}

int main(int argc, char **argv)
{
	struct cnn_error e = { 0 };
	struct run run = { &job };
	int first = cnn_options_parse(&program, argc, argv);
	int r;

	/* An output that can't be written is told of before hours of work. */
	if ((r = check_options(argv + first, &e)) < 0 ||
	    (r = cnn_output_check(output, true, &e)) < 0 ||
	    (job.checkpoint_path &&
	     (r = cnn_output_check(job.checkpoint_path, true, &e)) < 0) ||
	    (r = compute_open(&compute, &run.plugins, &e)) < 0 ||
	    (r = cnn_isa_choose(train.isa, &train.isa, &e)) < 0 ||
	    (job.val_path && (r = cnn_load_file(&run.val, job.val_path, image, label,
		run.plugins, &e)) < 0) ||
	    (r = cnn_dataset_new(&run.data, image, label, &e)) < 0 ||
	    (r = cnn_load_open(&run.load, (const char *const *)argv + first,
		(size_t)(argc - first), run.plugins, &e)) < 0)
		goto out;
	if (job.val_path && strcmp(job.val_path, "-") == 0)
		run.load.stdin_is = "--val";
	job.program = &program;
	job.train = &train;
	job.given = names_given();
	train.on = compute.on;
	train.save_every = job.checkpoint_path ? job.checkpoint_every : 0;
	run.load.max_memory = (size_t)compute.on.max_memory;
	r = stream ? run_stream(&run, &e) : run_held(&run, &e);
	cnn_progress_end(&run.progress);
	if (r >= 0 && compute.on.profile)
		cnn_print_profile(stderr, run.trainer);
	if (cnn_metrics_close(run.metrics, &e) == CNN_OK && r == CNN_OK &&
	    cnn_trainer_save(run.trainer, &e) == CNN_OK) {
		run_check_result(&run);
		cnn_model_save(run.load.model, output, strip, &e);
	}
out:
	cnn_trainer_close(run.trainer);
	cnn_dataset_free(run.data);
	cnn_dataset_free(run.val);
	cnn_load_close(&run.load);
	cnn_plugins_close(run.plugins);
	return cnn_finish(&program, &e);
}
