/* memory.h - the buffers of a run: one of each kind for the instance, and those of each
 * microbatch. */
#ifndef MEMORY_H
#define MEMORY_H

#include "runner.h"

/* Allocates everything that the plan and the run's shapes ask for, divides the samples
 * into microbatches and sets the state. On failure the rest stays empty. */
int memory_alloc(struct runner *);
void memory_free(struct runner *); /* also after a failed memory_alloc() */

/* What a buffer holds before a call that must overwrite it, and before one that finds
 * nothing in it: NaN, or what settings.spared says. */
void memory_poison_result(struct runner *, const struct buffer *);
void memory_poison(struct runner *, const struct buffer *);

#endif
