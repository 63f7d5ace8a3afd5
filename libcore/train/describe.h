/* describe.h - a model, and a profile, as tables for people. */
#ifndef CNN_DESCRIBE_H
#define CNN_DESCRIBE_H

#include "evaluate.h"
#include "stream/io.h"
#include "trainer.h"

#include <stdio.h>

/* The model's layers, their shapes, parameters, work and providers, for people.
 * training: what would train it, in place of what would evaluate it. */
int cnn_print_model(struct cnn_output *, const struct cnn_model *,
	const struct cnn_infer_options *, bool training, struct cnn_error *);

/* The table of options.on.profile: where the time of a step went. */
void cnn_print_profile(FILE *, const struct cnn_trainer *);

#endif
