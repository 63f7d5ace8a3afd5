/* cnn-step - trains a model on data. */
#include "../formats/load.h"
#include "compute.h"

#include <cnn/metrics.h>
#include <cnn/progress.h>
#include <cnn/trainer.h>

#include <math.h>
#include <string.h>

static const char *image = "image", *label = "label";
static const char *output, *val_path, *metrics_path, *checkpoint_path;
static uint64_t checkpoint_every;
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
		"go N times through the data, in all", 0, 1, 1000000, .given = &given[EPOCHS] },
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
	{ "val", 0, CNN_OPT_STR, &val_path, "FILE", "evaluate on FILE after each epoch" },
	{ "metrics", 'm', CNN_OPT_STR, &metrics_path, "FILE",
		"write a line a step to FILE" },
	{ "checkpoint", 'c', CNN_OPT_STR, &checkpoint_path, "FILE",
		"keep a checkpoint in FILE" },
	{ "checkpoint-every", 0, CNN_OPT_UINT, &checkpoint_every, "STEPS",
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

/* What a run needs; freed together. */
struct run {
	struct cnn_plugins *plugins;
	struct cnn_load load;
	struct cnn_dataset *data, *val;
	struct cnn_trainer *trainer;
	struct cnn_metrics *metrics;
	struct cnn_progress progress;
	uint64_t done;                   /* samples of this run */
	double loss, accuracy;           /* running means, for people */
	bool warned;                     /* that the loss is no number any more */
};

static int validate(struct run *run, struct cnn_evaluation *v, struct cnn_error *e)
{
	struct cnn_infer_options o = { train.on, train.amp, 256 };
	struct cnn_executor *ex = NULL;
	int r = cnn_trainer_save(run->trainer, e);

	if (r == CNN_OK && (r = cnn_infer_open(&ex, run->load.model, &o, e)) == CNN_OK)
		r = cnn_evaluate(ex, run->load.model, run->val, o.batch, v, e);
	cnn_executor_close(ex);
	return r;
}

/* After each step: what the user sees and what is written besides the model. */
static int report(struct run *run, const struct cnn_train_status *s,
	struct cnn_error *e)
{
	struct cnn_evaluation v = { 0 };
	double weight = run->done ? 0.02 : 1;
	char note[120];
	int r = CNN_OK;

	run->done += s->samples;
	run->loss += weight * (s->loss - run->loss);
	run->accuracy += weight * (s->accuracy - run->accuracy);
	snprintf(note, sizeof note, "epoch %llu  loss %.4f  acc %.2f%%",
		(unsigned long long)s->epoch + !s->epoch_ends, run->loss,
		100 * run->accuracy);
	cnn_progress_update(&run->progress, run->done, "images", note);
	if (!isfinite(s->loss) && !s->skipped && !run->warned) {
		cnn_message(&program, 1, "step %llu: the loss is not a finite number: "
			"is --lr too high?", (unsigned long long)s->step);
		run->warned = true;
	}
	if (s->epoch_ends && run->val && (r = validate(run, &v, e)) == CNN_OK)
		cnn_message(&program, 1, "epoch %llu: validation loss %.4f, accuracy "
			"%.2f %%", (unsigned long long)s->epoch,
			cnn_evaluation_loss(&v), 100 * cnn_evaluation_accuracy(&v));
	if (r == CNN_OK && run->metrics)
		r = cnn_metrics_add(run->metrics, s, v.samples ? &v : NULL, e);
	cnn_evaluation_free(&v);
	if (r == CNN_OK && checkpoint_path && (checkpoint_every ?
	    s->step % checkpoint_every == 0 : s->epoch_ends) &&
	    (r = cnn_trainer_save(run->trainer, e)) == CNN_OK)
		r = cnn_model_save(run->load.model, checkpoint_path, false, e);
	return r;
}

/* Tells the plugins what they may do. */
static void hold_plugins(struct run *run)
{
	cnn_plugins_set_isa(run->plugins, train.isa);
	cnn_plugins_add_policy(run->plugins, (train.fast ? CNN_POLICY_FAST : 0) |
		(train.tf32 ? CNN_POLICY_TF32 : 0) | (train.tune ? CNN_POLICY_TUNE : 0));
}

/* One step on samples that have come. */
static int feed(struct run *run, size_t first, size_t count, struct cnn_error *e)
{
	struct cnn_train_status s;
	int r = cnn_trainer_feed(run->trainer, run->data, first, count, &s, e);

	if (r < 0)
		cnn_error_prefix(e, "%s", cnn_operands_name(run->load.in));
	return r == CNN_OK ? report(run, &s, e) : r;
}

/* Steps on the whole batches of a segment; the rest waits for what follows. */
static int stream_segment(struct run *run, const struct cnn_header *header,
	struct cnn_error *e)
{
	struct cnn_record rec;
	size_t at;
	int r, rc;

	if ((r = cnn_dataset_segment(run->data, header, true, e)) < 0)
		cnn_error_prefix(e, "%s", cnn_operands_name(run->load.in));
	while (r == CNN_OK && (r = cnn_operands_record(run->load.in, &rec, e)) == CNN_OK) {
		if ((r = cnn_dataset_append(run->data, &rec, e)) < 0)
			cnn_error_prefix(e, "%s", cnn_operands_name(run->load.in));
		for (at = 0, rc = r; rc == CNN_OK && run->data->samples - at >= train.batch;
		     at += train.batch)
			rc = feed(run, at, train.batch, e);
		if (rc < 0)
			return rc;
		cnn_dataset_drop(run->data, at);
	}
	return r;
}

/* Trains as the records come. Beyond --steps they are only checked. */
static int train_stream(struct run *run, struct cnn_error *e)
{
	const struct cnn_header *header;
	int r = cnn_load_model(&run->load, &header, e);

	hold_plugins(run);
	if (r == CNN_OK && (r = cnn_trainer_open(&run->trainer, run->load.model, NULL,
		&train, e)) == CNN_OK && !cnn_history_add(run->load.model->history, &program))
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	while (r == CNN_OK && (r = stream_segment(run, header, e)) == CNN_END)
		r = cnn_load_next(&run->load, &header, e);
	if (r == CNN_END && run->data->dropped + run->data->samples == 0)
		r = cnn_fail(e, CNN_EDATA, "the data hold no sample");
	if (r == CNN_END && run->data->samples > 0)
		r = feed(run, 0, run->data->samples, e);
	return r == CNN_END ? CNN_OK : r;
}

/* A resume takes the place of the run it goes on with in the history, so that
 * it ends with the bytes of a run that never stopped. */
static int add_history(struct cnn_model *m, struct cnn_error *e)
{
	struct cnn_value *last;
	const char *tool;
	size_t *count = &m->history->as.array.count;

	last = *count ? m->history->as.array.items[*count - 1] : NULL;
	if (train.resume && cnn_value_get_str(last, "tool", &tool) &&
	    strcmp(tool, program.name) == 0) {
		cnn_value_free(last);
		--*count;
	}
	return cnn_history_add(m->history, &program) ? CNN_OK :
		cnn_fail(e, CNN_ENOMEM, "out of memory");
}

/* Before the first epoch, not after it. */
static int check_validation(struct run *run, struct cnn_error *e)
{
	const struct cnn_graph *g = run->load.model->graph;
	int r;

	if (!run->val)
		return CNN_OK;
	if ((r = cnn_check_input(g, run->val, e)) < 0 ||
	    (r = cnn_dataset_check_labels(run->val, cnn_class_count(g), e)) < 0)
		cnn_error_prefix(e, "%s", val_path);
	return r;
}

/* What was done is kept where it can be gone on from; there is no result. */
static int interrupted(struct run *run, struct cnn_error *e)
{
	int r = CNN_OK;

	cnn_progress_end(&run->progress);
	if (checkpoint_path && (r = cnn_trainer_save(run->trainer, e)) == CNN_OK)
		r = cnn_model_save(run->load.model, checkpoint_path, false, e);
	if (r < 0 || cnn_metrics_close(run->metrics, e) < 0)
		return e->code;
	cnn_message(&program, 1, "stopped by a signal after step %llu%s%s",
		(unsigned long long)cnn_trainer_step_number(run->trainer),
		checkpoint_path ? "; --resume goes on from " : "",
		checkpoint_path ? checkpoint_path : "");
	cnn_interrupt_exit();
	return CNN_OK;
}

/* The data are held in memory and known to be whole before the first step. */
static int train_held(struct run *run, struct cnn_error *e)
{
	const char *names[GIVEN + 2];
	struct cnn_train_status s;
	struct cnn_model *m;
	size_t count = 0;
	int r = cnn_load_all(&run->load, run->data, true, e);

	if (r < 0)
		return r;
	m = run->load.model;
	for (size_t i = 0; i < GIVEN; i++)
		if (given[i])
			names[count++] = given_names[i];
	if (strcmp(compute.device, "auto") != 0)
		names[count++] = "device";
	names[count] = NULL;
	/* A checkpoint pins the instruction set, which this CPU must have. */
	if ((train.resume && ((r = cnn_train_resume(m, &train, names, e)) < 0 ||
	    (r = cnn_isa_choose(train.isa, &train.isa, e)) < 0)))
		return r;
	hold_plugins(run);
	if ((r = check_validation(run, e)) < 0 ||
	    (r = cnn_trainer_open(&run->trainer, m, run->data, &train, e)) < 0 ||
	    (r = add_history(m, e)) < 0)
		return r;
	if (metrics_path && (r = cnn_metrics_open(&run->metrics, metrics_path,
		cnn_trainer_step_number(run->trainer), e)) < 0)
		return r;
	cnn_progress_start(&run->progress, "train",
		cnn_trainer_samples(run->trainer));
	cnn_interrupt_catch();
	while ((r = cnn_trainer_step(run->trainer, &s, e)) == CNN_OK) {
		if ((r = report(run, &s, e)) < 0)
			break;
		if (cnn_interrupted())
			cnn_trainer_stop(run->trainer);
	}
	if (r == CNN_END && cnn_interrupted())
		return interrupted(run, e);
	if (r == CNN_END && run->done == 0)
		cnn_message(&program, 1, "no step is left to do; --epochs says how far");
	return r == CNN_END ? CNN_OK : r;
}

static int check_options(struct cnn_error *e)
{
	if (stream && (train.resume || val_path || given[EPOCHS] || metrics_path))
		return cnn_fail(e, CNN_EUSAGE, "--stream goes once through data that are "
			"not kept: without --epochs, --resume, --val and --metrics");
	if (stream && (strcmp(train.schedule, "linear") == 0 ||
	    strcmp(train.schedule, "cosine") == 0))
		return cnn_fail(e, CNN_EUSAGE, "--schedule: %s: --stream does not know how "
			"long the run will be", train.schedule);
	if (checkpoint_every && !checkpoint_path)
		return cnn_fail(e, CNN_EUSAGE, "--checkpoint-every: without --checkpoint");
	if (checkpoint_path && strcmp(checkpoint_path, "-") == 0)
		return cnn_fail(e, CNN_EUSAGE, "--checkpoint: -: a file is wanted");
	if (steps_given && !given[EPOCHS])
		train.epochs = UINT64_MAX;
	/* Where --epochs says how long the run is, a rate that ends at zero is
	 * worth two tenths of a per cent; a chain of --steps has no end to aim at. */
	if (strcmp(train.schedule, "auto") == 0)
		train.schedule = stream || train.epochs == UINT64_MAX ? "constant" :
			"linear";
	return CNN_OK;
}

int main(int argc, char **argv)
{
	struct cnn_error e = { 0 };
	struct run run = { 0 };
	int first = cnn_options_parse(&program, argc, argv);
	int r;

	/* An output that can't be written is told of before hours of work. */
	if ((r = check_options(&e)) < 0 || (r = cnn_output_check(output, true, &e)) < 0 ||
	    (checkpoint_path && (r = cnn_output_check(checkpoint_path, true, &e)) < 0) ||
	    (r = compute_open(&compute, &run.plugins, &e)) < 0 ||
	    (r = cnn_isa_choose(train.isa, &train.isa, &e)) < 0 ||
	    (val_path && (r = cnn_load_file(&run.val, val_path, image, label, run.plugins,
		&e)) < 0) ||
	    (r = cnn_dataset_new(&run.data, image, label, &e)) < 0 ||
	    (r = cnn_load_open(&run.load, (const char *const *)argv + first,
		(size_t)(argc - first), run.plugins, &e)) < 0)
		goto out;
	train.on = compute.on;
	train.save_every = checkpoint_path ? checkpoint_every : 0;
	run.load.max_memory = (size_t)compute.on.max_memory;
	r = stream ? train_stream(&run, &e) : train_held(&run, &e);
	cnn_progress_end(&run.progress);
	if (r >= 0 && compute.on.profile)
		cnn_print_profile(stderr, run.trainer);
	if (cnn_metrics_close(run.metrics, &e) == CNN_OK && r == CNN_OK &&
	    cnn_trainer_save(run.trainer, &e) == CNN_OK)
		cnn_model_save(run.load.model, output, strip, &e);
out:
	cnn_trainer_close(run.trainer);
	cnn_dataset_free(run.data);
	cnn_dataset_free(run.val);
	cnn_load_close(&run.load);
	cnn_plugins_close(run.plugins);
	return cnn_finish(&program, &e);
}
