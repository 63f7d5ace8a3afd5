/* run.h - a run of cnn-step, from the operands to the last step. */
#ifndef CNN_STEP_RUN_H
#define CNN_STEP_RUN_H

#include "formats/operand/load.h"

#include "log.h"
#include "train/metrics.h"
#include "cli/option.h"
#include "train/describe.h"
#include "train/trainer.h"

/* Set from the command line. */
struct job {
	const struct cnn_program *program;
	struct cnn_train_options *train;		       /* updated by a resume */
	const char *val_path, *metrics_path, *checkpoint_path; /* or NULL */
	const char *output; /* NULL: standard output */
	bool strip;
	uint64_t checkpoint_every; /* in steps; 0: after each epoch */
};

/* The state of a run; all of it is freed together. */
struct run {
	const struct job *job;
	struct cnn_plugins *plugins;
	struct cnn_load load;
	struct cnn_dataset *data, *val;
	struct cnn_trainer *trainer;
	struct cnn_metrics *metrics;
	struct train_log log;
	uint64_t steps, skipped; /* in this run */
	bool warned;		 /* about a loss that is NaN */
};

/* Reads all data into memory, verified to the end, and then trains on them. If a signal
 * stopped the run, the program ends here. */
int run_held(struct run *, struct cnn_error *);
/* Trains as records arrive. Those after --steps are only verified. If a signal stopped the
 * run, the program ends here. */
int run_stream(struct run *, struct cnn_error *);
/* Prints warnings before the model is written: if every step was skipped, or if a
 * weight is not finite and there was no warning about the loss (a library's relu may
 * drop a NaN before it reaches the loss). */
void run_check_result(const struct run *);

#endif
