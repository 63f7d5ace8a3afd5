/* gradients.h - a run's gradients against finite differences. */
#ifndef GRADIENTS_H
#define GRADIENTS_H

#include "check.h"

/* For a subject that computes in double: the gradient of
 *   L = sum of grad_out * output   (a loss: of its scaled outputs)
 * in each input and parameter, from the backward pass and from
 * (L(x + h) - L(x - h)) / 2h for at most 200 elements x of each. *worst: the
 * largest difference, as a part of the largest element of that gradient. */
int gradients_check(const struct subject *, const struct layer_chain *,
	const struct settings *, const struct data *, double *worst,
	const char **name, struct cnn_error *);

#endif
