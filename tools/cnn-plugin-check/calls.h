/* calls.h - a kernel's functions, called for one microbatch or for all of them. The
 * buffers' guards are looked at afterwards; what was wrong is the runner's complaint.
 * The functions return the kernel's code, or CNN_ENOMEM with the message in the subject's
 * host. */
#ifndef CALLS_H
#define CALLS_H

#include "runner.h"

typedef int provider_function(void *instance, const struct cnn_call *);

/* One function for one microbatch, from another thread if the settings say so:
 * CNN_ENOMEM if none can be started. */
int call_provider(struct runner *, struct part *, provider_function *,
    const double *reduced);
/* Also complains if forward() changes an input. */
int call_forward(struct runner *, struct part *);
/* A reduce_ function for each microbatch; *reduced = its `count` terms, added or combined
 * over the microbatches. */
int call_reduce(struct runner *runner, provider_function *function, size_t count,
    const struct buffer *reduced);

#endif
