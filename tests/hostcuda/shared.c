/* shared.c - the array `shared`; a launch may use its first bytes.
 *
 * The rest of its last page is poison. Pages without access follow, and one precedes
 * the array. */
#include "private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The largest page size of the supported systems, so that the array and its guards are
 * whole pages. */
#define PAGE 65536
#define ARRAY (4 * PAGE) /* 227 KiB, rounded up to a page */

__asm__(".section .bss.hostcuda_shared, \"aw\", @nobits\n"
	".balign 65536\n"
	".local hc_shared_guard\n"
	"hc_shared_guard:\n"
	"	.zero 65536\n"
	".globl shared\n"
	".type shared, @object\n"
	".size shared, 262144\n"
	"shared:\n"
	"	.zero 262144\n"
	"	.zero 65536\n"
	".previous\n");

extern unsigned char shared[ARRAY] __attribute__((visibility("default")));
extern unsigned char hc_shared_guard[] __attribute__((visibility("hidden")));

#if HC_ASAN
/* The leak check reads all data of a library. */
static void open_all(void)
{
	mprotect(hc_shared_guard, PAGE + ARRAY + PAGE, PROT_READ | PROT_WRITE);
}
#endif

static size_t usable, readable; /* bytes; the same rounded up to pages */
static bool closed;

void hc_shared_size(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t pages = (bytes + page - 1) / page * page;

	if (!closed) {
		mprotect(hc_shared_guard, PAGE + ARRAY + PAGE, PROT_NONE);
		closed = true;
#if HC_ASAN
		atexit(open_all);
#endif
	}
	if (pages > readable)
		mprotect(shared + readable, pages - readable, PROT_READ | PROT_WRITE);
	if (pages < readable)
		mprotect(shared + pages, readable - pages, PROT_NONE);
	readable = pages;
	usable = bytes;
	ASAN_UNPOISON_MEMORY_REGION(shared, readable);
	VALGRIND_MAKE_MEM_UNDEFINED(shared, readable);
	memset(shared + usable, HC_POISON, readable - usable);
	ASAN_POISON_MEMORY_REGION(shared + usable, readable - usable);
	VALGRIND_MAKE_MEM_NOACCESS(shared + usable, readable - usable);
}

void hc_shared_poison(void)
{
	memset(shared, HC_POISON, usable);
	VALGRIND_MAKE_MEM_UNDEFINED(shared, usable);
}

long hc_shared_broken(void)
{
	if (HC_ASAN || RUNNING_ON_VALGRIND)
		return -1; /* they detect such writes, and would report this read */
	for (size_t i = usable; i < readable; i++)
		if (shared[i] != HC_POISON)
			return (long)i;
	return -1;
}

bool hc_shared_offset(const void *address, long *offset)
{
	const unsigned char *p = address;

	*offset = p - shared;
	return *offset >= -PAGE && *offset < ARRAY + PAGE;
}
