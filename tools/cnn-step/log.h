/* log.h - what cnn-step says while it trains: a progress bar, one line per epoch, and a
 * summary at the end. -q turns all of it off. */
#ifndef CNN_STEP_LOG_H
#define CNN_STEP_LOG_H

#include "cli/option.h"
#include "cli/progress.h"
#include "train/evaluate.h"
#include "train/trainer.h"

/* The steps that one line of the log describes. Loss and accuracy are sums over the
 * samples of those steps that were not skipped. */
struct log_part {
	uint64_t steps, samples, counted;
	double loss, accuracy;
};

struct train_log {
	const struct cnn_program *program;
	struct cnn_progress progress;
	struct log_part part;	 /* since the last line */
	bool stream;		 /* the data are not divided into epochs */
	double loss, accuracy;	 /* running means, for the progress bar */
	uint64_t steps, samples; /* in this run */
	uint64_t counted;	 /* of these samples, those in the means */
	uint64_t step, epoch;	 /* with those of earlier runs */
	uint64_t start_ns, total_ns;
	uint64_t busy_ns; /* time of training since the last line, until mark_ns */
	uint64_t mark_ns; /* 0: paused */
};

/* Call it before the first step. samples: the number that the run will train on; 0 for
 * --stream, which knows neither that number nor epochs. The program must outlive the
 * log. */
void log_begin(struct train_log *, const struct cnn_program *, uint64_t samples);
/* Counts a step and updates the progress bar. */
void log_step(struct train_log *, const struct cnn_train_status *);
/* Prints the line of an epoch, after its last step. val: the evaluation on --val, or
 * NULL. */
void log_epoch(struct train_log *, const struct cnn_evaluation *val);
/* What the caller does between these two calls (validation, checkpoints) does not count
 * as training in the rate of an epoch. */
void log_pause(struct train_log *);
void log_resume(struct train_log *);
/* Erases the progress bar and prints a line about the steps that belong to no finished
 * epoch. Does nothing if no step was done since the last line. */
void log_end(struct train_log *);
/* Prints the last line of a successful run, unless it did no step. Call it after
 * log_end(). */
void log_summary(const struct train_log *);

#endif
