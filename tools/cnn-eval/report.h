/* report.h - prints an evaluation. */
#ifndef CNN_EVAL_REPORT_H
#define CNN_EVAL_REPORT_H

#include "stream/io.h"
#include "train/evaluate.h"

/* A table for people, lines of keys and a value with tabs between them, or one JSON
 * object. */
enum cnn_print { CNN_PRINT_TABLE, CNN_PRINT_TSV, CNN_PRINT_JSON };
int cnn_print_evaluation(struct cnn_output *, const struct cnn_evaluation *,
    const struct cnn_model *, enum cnn_print, struct cnn_error *);

#endif
