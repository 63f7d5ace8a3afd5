/* run.h - a run of cnn-step: from the operands to the last step. */
#ifndef CNN_STEP_RUN_H
#define CNN_STEP_RUN_H

#include "formats/operand/load.h"

#include "train/metrics.h"
#include "cli/option.h"
#include "cli/progress.h"
#include "train/describe.h"
#include "train/trainer.h"

/* What the command line asks for. */
struct job {
	const struct cnn_program *program;
	struct cnn_train_options *train; /* a resume fills in the checkpoint's */
	const char *val_path, *metrics_path, *checkpoint_path;    /* or NULL */
	uint64_t checkpoint_every;       /* steps; 0: each epoch */
};

/* What a run needs; freed together. */
struct run {
	const struct job *job;
	struct cnn_plugins *plugins;
	struct cnn_load load;
	struct cnn_dataset *data, *val;
	struct cnn_trainer *trainer;
	struct cnn_metrics *metrics;
	struct cnn_progress progress;
	uint64_t done;                   /* samples of this run */
	double loss, accuracy;           /* running means, for people */
	uint64_t steps, skipped;         /* of this run */
	bool warned;                     /* that the loss is no number any more */
};

/* Reads all data, which are held in memory and known to be whole before the first
 * step, and trains on them. Where a signal stopped it, the program ends here. */
int run_held(struct run *, struct cnn_error *);
/* Trains as the records come. Beyond --steps they are only checked. */
int run_stream(struct run *, struct cnn_error *);
/* What is to be said of a model before it is written: a weight that is no finite number
 * where nothing was said of the loss (a library's relu may lose a NaN on its way there),
 * or that every step was skipped. */
void run_check_result(const struct run *);

#endif
