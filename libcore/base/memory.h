/* memory.h - large blocks of memory: how many there may be, and of what pages. */
#ifndef CNN_MEMORY_H
#define CNN_MEMORY_H

#include "error.h"
#include <stdbool.h>
#include <stddef.h>

/* Asks the kernel to use huge pages (for example 2 MiB) for a block just returned by
 * malloc or realloc, if the block is large enough. Without them, page faults can take
 * half of the time to the first step. This is only a hint: the caller cannot see
 * whether it was followed. */
void cnn_prefer_huge_pages(void *block, size_t bytes);

/* --- the limit of --max-memory ----------------------------------------------------
 *
 * Code that holds samples, parameters or the memory of a net, which an input can make
 * large, counts them here, for the whole process. Results do not depend on the limit: either
 * there is enough, or the tool fails. Any thread may call these functions. */

/* Half of the memory that this process can have: of the machine's, or of the limit of
 * its cgroup (v1 or v2) or one of the groups above, if that is less. `root` is "" or,
 * in a test, a folder with proc and sys. 0: unknown. */
size_t cnn_memory_half(const char *root);
/* Sets the limit, in bytes; 0: none, which is so at the start. by_default: the user has
 * not chosen it, which messages say. */
void cnn_memory_limit(size_t bytes, bool by_default);
/* How much may still be taken; SIZE_MAX: there is no limit. */
size_t cnn_memory_left(void);
/* Fails with "WHAT: N MiB, more than --max-memory ...". */
int cnn_memory_refuse(const char *what, size_t bytes, struct cnn_error *);
/* Counts a block that is about to be allocated. CNN_ENOMEM if it does not fit: then it
 * is not counted. */
int cnn_memory_take(const char *what, size_t bytes, struct cnn_error *);
/* Counts a block that was freed, or could not be allocated. */
void cnn_memory_give_back(size_t bytes);
/* The room, in rows, for a block that must grow to `need` rows: the expected number if
 * there is one, or else the double, but no more than fits. */
size_t cnn_memory_room(size_t room, size_t need, size_t expected, size_t row);

#endif
