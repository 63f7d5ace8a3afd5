/* metrics.h - a training run as a table: one line per step, tab-separated.
 *
 *     step epoch samples loss accuracy lr val_loss val_accuracy
 *
 * The last two are "-" except on the last line of an epoch with --val. No column
 * depends on the clock, so equal runs have equal tables.
 *
 * A checkpoint must not be newer than the table, and is written before the validation
 * of its epoch. So a line whose validation follows is written in two parts, and a
 * resume from that checkpoint adds the second.
 */
#ifndef CNN_METRICS_H
#define CNN_METRICS_H

#include "evaluate.h"
#include "trainer.h"

struct cnn_metrics;

/* Starts the table. If after > 0 (a resume), an existing table is truncated after the
 * line of that step and continued; if `validates`, and that line has no validation, it
 * waits for cnn_metrics_validated(). A regular file is locked until it is closed;
 * CNN_EIO if another run has locked it. */
int cnn_metrics_open(struct cnn_metrics **, const char *path, uint64_t after,
    bool validates, struct cnn_error *);
/* Whether the last line waits for cnn_metrics_validated(). */
bool cnn_metrics_waits(const struct cnn_metrics *);
/* Adds a line; if `validates`, it waits for cnn_metrics_validated(). */
int cnn_metrics_add(struct cnn_metrics *, const struct cnn_train_status *,
    bool validates, struct cnn_error *);
/* Completes the line that waits. */
int cnn_metrics_validated(struct cnn_metrics *, const struct cnn_evaluation *,
    struct cnn_error *);
/* Completes a line that waits with "-". NULL is allowed. */
int cnn_metrics_close(struct cnn_metrics *, struct cnn_error *);

#endif
