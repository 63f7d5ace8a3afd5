/* describe.h - tables that describe a model or a profile. */
#ifndef CNN_DESCRIBE_H
#define CNN_DESCRIBE_H

#include "evaluate.h"
#include "stream/io.h"
#include "trainer.h"

#include <stdio.h>

/* Prints the model's layers with their shapes, parameters, operations and providers. If
 * training, shows the kernels for training rather than inference. */
int cnn_print_model(struct cnn_output *, const struct cnn_model *,
    const struct cnn_infer_options *, bool training, struct cnn_error *);

/* Prints the table of options.on.profile: the time of each part of a step. */
void cnn_print_profile(FILE *, const struct cnn_trainer *);

#endif
