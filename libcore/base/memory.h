/* memory.h - large blocks from malloc. */
#ifndef CNN_MEMORY_H
#define CNN_MEMORY_H

#include <stddef.h>

/* Asks the system for huge pages (2 MiB and the like) under a block fresh from malloc
 * or realloc, where it is large enough for some: filling 47 MiB for the first time
 * costs 12,000 faults otherwise, half the time to the first step. A wish: nothing
 * tells whether it was granted. */
void cnn_prefer_huge_pages(void *block, size_t bytes);

#endif
