/* memory.h - large blocks allocated by malloc. */
#ifndef CNN_MEMORY_H
#define CNN_MEMORY_H

#include <stddef.h>

/* Asks the kernel to use huge pages (for example 2 MiB) for a block just returned by
 * malloc or realloc, if the block is large enough. Without them, page faults can take
 * half of the time to the first step. This is only a hint: the caller cannot see
 * whether it was followed. */
void cnn_prefer_huge_pages(void *block, size_t bytes);

#endif
