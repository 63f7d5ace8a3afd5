/* gradients.h - a run's gradients against finite differences. */
#ifndef GRADIENTS_H
#define GRADIENTS_H

#include "check.h"

/* The gradient of
 *   L = sum of grad_out * output   (a loss: of its scaled outputs)
 * in each input and parameter, from the backward pass and from differences of L, for
 * some elements x of each. *worst: the largest difference, as a part of the largest
 * element of that gradient (in float: of the element itself, if it is more than a tenth
 * of that); *name: of which input or parameter.
 *
 * In double: (L(x + h) - L(x - h)) / 2h with h = 1e-5. A right gradient differs by less
 * than 1e-6.
 *
 * In float the outputs are rounded. L is summed in double over those outputs alone that
 * x changes, so that their rounding alone disturbs it: at most 2^-23 of each, divided
 * by h. This much of a difference is forgiven, and h is so large that it is small. A
 * bend of the function within h of x would spoil (L(x + h) - L(x - h)) / 2h, but not
 * both one-sided differences. So the nearest of the three counts, for the best of three
 * steps. A right gradient then differs by less than 0.01. */
int gradients_check(const struct subject *, const struct layer_chain *,
    const struct settings *, const struct data *, double *worst, const char **name,
    struct cnn_error *);

#endif
