/* metrics.h - a training run as a table: one line per step, tab-separated.
 *
 *     step epoch samples loss accuracy lr val_loss val_accuracy
 *
 * The last two are "-" except on the last line of an epoch with --val. No column
 * depends on the clock, so equal runs have equal tables.
 */
#ifndef CNN_METRICS_H
#define CNN_METRICS_H

#include "evaluate.h"
#include "trainer.h"

struct cnn_metrics;

/* Starts the table. If after > 0 (a resume), an existing table is truncated after the
 * line of that step and continued. */
int cnn_metrics_open(struct cnn_metrics **, const char *path, uint64_t after,
    struct cnn_error *);
/* val may be NULL. */
int cnn_metrics_add(struct cnn_metrics *, const struct cnn_train_status *,
    const struct cnn_evaluation *val, struct cnn_error *);
int cnn_metrics_close(struct cnn_metrics *, struct cnn_error *);

#endif
