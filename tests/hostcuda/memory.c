/* memory.c - device and pinned memory: one reserved range of addresses, in which each
 * allocation has its own pages between pages without access.
 *
 * An allocation begins at a multiple of 256 bytes, as CUDA promises, and ends at most
 * 255 bytes before the guard page. Addresses are not reused until all are used up, so
 * that a freed allocation stays known. Device memory is accessible only to kernels,
 * copies and fills; pinned memory always is. */
#include "private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALIGNMENT 256
#define DEVICES 64

static unsigned char *arena;
static size_t arena_bytes, arena_used;
static bool full;		    /* the range is used up: search for gaps */
static struct hc_allocation **list; /* by address, including freed ones */
static size_t list_count, list_capacity;
static struct hc_allocation *open_list;
static size_t used[DEVICES], used_all, peak;
static size_t page;

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static unsigned char *end_of(const struct hc_allocation *a)
{
	return a->start + a->bytes;
}

static unsigned char *pages_end(const struct hc_allocation *a)
{
	return a->pages + a->page_bytes;
}

/* --- finding ---------------------------------------------------------------------- */

bool hc_in_arena(const void *address)
{
	const unsigned char *p = address;

	return arena && p >= arena && p < arena + arena_bytes;
}

/* The index of the last allocation that starts at or before the address, plus 1. */
static size_t find(const void *address)
{
	size_t low = 0, high = list_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list[middle]->pages <= (const unsigned char *)address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct hc_allocation *hc_allocation_of(const void *address)
{
	const unsigned char *p = address;
	size_t i;

	if (!hc_in_arena(address))
		return NULL;
	i = find(address);
	if (!i || list[i - 1]->freed || p < list[i - 1]->start ||
	    p >= end_of(list[i - 1]))
		return NULL;
	return list[i - 1];
}

struct hc_allocation *hc_allocation_near(const void *address)
{
	const unsigned char *p = address;
	size_t i;

	if (!hc_in_arena(address))
		return NULL;
	i = find(address);
	if (i < list_count && (!i || list[i]->pages - p < p - pages_end(list[i - 1])))
		return list[i]; /* in the guard, and nearer to the next allocation */
	return i ? list[i - 1] : NULL;
}

/* Writes " (argument 2)" if the running launch has a pointer to it. */
static void name_argument(const struct hc_allocation *a, char *text, size_t bytes)
{
	const struct hostcuda_launch *l = hc_run.launch;

	*text = '\0';
	for (size_t i = 0; l && i < l->argument_count; i++) {
		const unsigned char *p;

		if (l->arguments[i].kind != HOSTCUDA_POINTER)
			continue;
		memcpy(&p, (const char *)l->closure + l->arguments[i].offset, sizeof p);
		if (p >= a->start && p < end_of(a)) {
			snprintf(text, bytes, " (argument %zu)", i + 1);
			return;
		}
	}
}

void hc_describe(const void *address, char *text, size_t bytes)
{
	const unsigned char *p = address;
	const struct hc_allocation *a = hc_allocation_near(address);
	const char *what;
	char argument[48];
	long offset;

	if (hc_shared_offset(address, &offset)) {
		snprintf(text, bytes,
		    "byte %ld of shared memory, but the launch has %zu", offset,
		    hc_run.launch ? hc_run.launch->shared_bytes : 0);
		return;
	}
	if (!a) {
		snprintf(text, bytes, "address %p (%s)", address,
		    (uintptr_t)address < 65536 ? "a null pointer" :
						 "not device memory");
		return;
	}
	what = a->device < 0 ? "pinned allocation" : "device allocation";
	name_argument(a, argument, sizeof argument);
	if (p < a->start)
		snprintf(text, bytes,
		    "%td bytes before the start of the %s of %zu bytes%s%s",
		    a->start - p, what, a->bytes, argument,
		    a->freed ? ", which was freed" : "");
	else if (p >= end_of(a))
		snprintf(text, bytes,
		    "%td bytes past the end of the %s of %zu bytes%s%s", p - end_of(a),
		    what, a->bytes, argument, a->freed ? ", which was freed" : "");
	else
		snprintf(text, bytes, "byte %td of the %s of %zu bytes%s%s",
		    p - a->start, what, a->bytes, argument,
		    a->freed ? ", which was freed" : "");
}

/* --- opening and closing ---------------------------------------------------------- */

void hc_open(struct hc_allocation *a)
{
	if (a->open || a->device < 0)
		return;
	mprotect(a->pages, a->page_bytes, PROT_READ | PROT_WRITE);
	a->open = true;
	a->next_open = open_list;
	open_list = a;
}

void hc_close_all(void)
{
	for (struct hc_allocation *a = open_list; a; a = a->next_open) {
		mprotect(a->pages, a->page_bytes, PROT_NONE);
		a->open = false;
	}
	open_list = NULL;
}

/* Returns the first byte of [from, to) that is no longer poison, or NULL. */
static const unsigned char *broken(const unsigned char *from, const unsigned char *to)
{
	for (; from < to; from++)
		if (*from != HC_POISON)
			return from;
	return NULL;
}

bool hc_border_broken(struct hc_allocation **which, long *offset)
{
	if (HC_ASAN || RUNNING_ON_VALGRIND)
		/* They detect such writes, and would report this read */
		return false;
	for (struct hc_allocation *a = open_list; a; a = a->next_open) {
		const unsigned char *before =
		    a->start - a->pages > ALIGNMENT ? a->start - ALIGNMENT : a->pages;
		const unsigned char *p = broken(end_of(a), pages_end(a));

		if (!p)
			p = broken(before, a->start);
		if (!p)
			continue;
		*which = a;
		*offset = p - a->start;
		return true;
	}
	return false;
}

/* --- allocating ------------------------------------------------------------------- */

static bool reserve(void)
{
	if (arena)
		return true;
	page = (size_t)sysconf(_SC_PAGESIZE);
	for (arena_bytes = hc_config()->addresses; arena_bytes >= (size_t)1 << 20;
	     arena_bytes /= 2) {
		void *p = mmap(NULL, arena_bytes, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (p != MAP_FAILED) {
			arena = p;
			return true;
		}
	}
	return false;
}

/* Forgets freed allocations and continues in the first gap that is large enough.
 * Returns SIZE_MAX if there is none. */
static size_t find_gap(size_t bytes)
{
	size_t kept = 0, at = 0;

	for (size_t i = 0; i < list_count; i++) {
		if (list[i]->freed)
			free(list[i]);
		else
			list[kept++] = list[i];
	}
	list_count = kept;
	for (size_t i = 0; i < list_count; i++) {
		if ((size_t)(list[i]->pages - arena) >= at + bytes + page)
			return at;
		at = (size_t)(pages_end(list[i]) - arena);
	}
	return arena_bytes - at >= bytes + page ? at : SIZE_MAX;
}

/* The offset of a place in the arena with a guard page before and after it. */
static size_t place(size_t bytes)
{
	size_t at = arena_used, need = page + bytes + page;

	if (need > arena_bytes)
		return SIZE_MAX;
	full = full || at > arena_bytes - need;
	if (full)
		at = find_gap(bytes + page);
	else
		arena_used += page + bytes;
	return at == SIZE_MAX ? SIZE_MAX : at + page;
}

static bool insert(struct hc_allocation *a)
{
	size_t i;

	if (list_count == list_capacity) {
		size_t capacity = list_capacity ? 2 * list_capacity : 256;
		struct hc_allocation **more = realloc(list, capacity * sizeof *list);

		if (!more)
			return false;
		list = more;
		list_capacity = capacity;
	}
	i = find(a->pages);
	memmove(&list[i + 1], &list[i], (list_count - i) * sizeof *list);
	list[i] = a;
	list_count++;
	return true;
}

/* Opens the pages, fills them with poison, and marks the bytes outside the
 * allocation. */
static bool fill(struct hc_allocation *a)
{
	if (mprotect(a->pages, a->page_bytes, PROT_READ | PROT_WRITE))
		return false;
	memset(a->pages, HC_POISON, a->page_bytes);
	VALGRIND_MAKE_MEM_UNDEFINED(a->start, a->bytes);
	VALGRIND_MAKE_MEM_NOACCESS(a->pages, a->start - a->pages);
	VALGRIND_MAKE_MEM_NOACCESS(end_of(a), pages_end(a) - end_of(a));
	ASAN_POISON_MEMORY_REGION(a->pages, a->start - a->pages);
	ASAN_POISON_MEMORY_REGION(end_of(a), pages_end(a) - end_of(a));
	return a->device < 0 || !mprotect(a->pages, a->page_bytes, PROT_NONE);
}

cudaError_t hc_allocate(void **pointer, size_t bytes, int device)
{
	size_t rounded = round_up(bytes, ALIGNMENT), at;
	size_t *mine = &used[device < 0 ? DEVICES - 1 : device];
	struct hc_allocation *a;

	*pointer = NULL;
	if (!bytes)
		return cudaSuccess;
	if (bytes > SIZE_MAX / 2 || !reserve())
		return cudaErrorMemoryAllocation;
	hc_fault_install();
	if (device >= 0 && rounded > hc_config()->memory - *mine)
		return cudaErrorMemoryAllocation;
	a = calloc(1, sizeof *a);
	if (!a)
		return cudaErrorMemoryAllocation;
	a->bytes = bytes;
	a->device = device;
	a->page_bytes = round_up(rounded, page);
	at = place(a->page_bytes);
	if (at == SIZE_MAX) {
		free(a);
		return cudaErrorMemoryAllocation;
	}
	a->pages = arena + at;
	a->start = a->pages + a->page_bytes - rounded;
	if (!insert(a)) {
		free(a);
		return cudaErrorMemoryAllocation;
	}
	if (!fill(a)) {
		a->freed = true;
		return cudaErrorMemoryAllocation;
	}
	hc_trace_allocated(a);
	*mine += rounded;
	if (device >= 0) {
		used_all += bytes;
		if (used_all > peak)
			peak = used_all;
	}
	*pointer = a->start;
	return cudaSuccess;
}

cudaError_t hc_release(void *pointer, bool pinned, const char *function)
{
	struct hc_allocation *a;
	char where[256];

	if (!pointer)
		return cudaSuccess;
	a = hc_allocation_of(pointer);
	if (!a || a->start != pointer || (a->device < 0) != pinned) {
		hc_describe(pointer, where, sizeof where);
		hc_report_call(function, "not an allocation: %s", where);
		return cudaErrorInvalidValue;
	}
	ASAN_UNPOISON_MEMORY_REGION(a->pages, a->page_bytes);
	/* Replaces the pages by new ones, which drops their contents. The kernel merges
	 * them with the reservation. */
	if (mmap(a->pages, a->page_bytes, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		0) == MAP_FAILED)
		mprotect(a->pages, a->page_bytes, PROT_NONE);
	hc_trace_freed(a);
	a->freed = true;
	used[pinned ? DEVICES - 1 : a->device] -= round_up(a->bytes, ALIGNMENT);
	if (!pinned)
		used_all -= a->bytes;
	return cudaSuccess;
}

size_t hc_memory_used(int device)
{
	return device < 0 ? used_all : used[device];
}

size_t hc_memory_peak(void)
{
	return peak;
}
