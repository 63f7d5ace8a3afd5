/* memory.c - see memory.h. */
#include "memory.h"

#include <stdint.h>
#include <sys/mman.h>

#define HUGE ((size_t)2 << 20)

void cnn_prefer_huge_pages(void *block, size_t bytes)
{
#ifdef MADV_HUGEPAGE
	uintptr_t from = ((uintptr_t)block + HUGE - 1) & ~(HUGE - 1);
	uintptr_t to = ((uintptr_t)block + bytes) & ~(HUGE - 1);

	if (bytes >= 2 * HUGE && from < to)
		(void)madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
	(void)block;
	(void)bytes;
#endif
}
