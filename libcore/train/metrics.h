/* metrics.h - a training run as a table: one line a step, tab-separated.
 *
 *     step epoch samples loss accuracy lr val_loss val_accuracy
 *
 * The last two are "-" but at the end of an epoch with --val. No column hangs
 * on the clock, so equal runs have equal tables.
 */
#ifndef CNN_METRICS_H
#define CNN_METRICS_H

#include "evaluate.h"
#include "trainer.h"

struct cnn_metrics;

/* Starts the table; with after > 0 (a resume) an existing one is cut behind the
 * line of that step and goes on. */
int cnn_metrics_open(struct cnn_metrics **, const char *path, uint64_t after,
	struct cnn_error *);
/* val may be NULL. */
int cnn_metrics_add(struct cnn_metrics *, const struct cnn_train_status *,
	const struct cnn_evaluation *val, struct cnn_error *);
int cnn_metrics_close(struct cnn_metrics *, struct cnn_error *);

#endif
