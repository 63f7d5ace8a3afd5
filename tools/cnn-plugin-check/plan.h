/* plan.h - the run that a kernel is asked to plan, and what its plan must be. */
#ifndef PLAN_H
#define PLAN_H

#include "runner.h"

/* The run under these settings. Sets edges[i] for each input; the run points to them
 * and into the chain. */
struct cnn_run plan_run(const struct layer_chain *, const struct settings *,
    struct cnn_edge *edges);
/* The plan as cost() and create() get it: everything as the run offers it. */
void plan_init(const struct layer_chain *, const struct settings *,
    const struct cnn_edge *edges, struct cnn_plan *);
/* After create(): an error if the plan has a format that no host could provide, or sums
 * that the kernel has no functions for. out_dtype: the output's type before create(). */
int plan_check(const struct runner *, uint32_t out_dtype, struct cnn_error *);
/* In place is one buffer for two tensors of equal form: have the first input and the
 * output that? */
bool plan_in_place(const struct layer_chain *, const struct cnn_plan *);

#endif
