/* memory.c - see memory.h. */
#include "memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* --- what this process can have --------------------------------------------------- */

static void least(uint64_t *most, uint64_t bytes)
{
	if (bytes > 0 && (*most == 0 || bytes < *most))
		*most = bytes;
}

/* Lowers *most to MemTotal. */
static void read_machine(const char *root, uint64_t *most)
{
	char path[512], line[256];
	unsigned long long kib;
	FILE *f;

	snprintf(path, sizeof path, "%s/proc/meminfo", root);
	if (!(f = fopen(path, "re")))
		return;
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "MemTotal: %llu kB", &kib) == 1)
			least(most, (uint64_t)kib << 10);
	fclose(f);
}

/* Lowers *most to the number in a file. "max", or a file that is not there, is no
 * limit. */
static void read_limit(const char *path, uint64_t *most)
{
	unsigned long long bytes;
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	if (fscanf(f, "%llu", &bytes) == 1)
		least(most, bytes);
	fclose(f);
}

/* Lowers *most to the limits of a group and of those above it. A container may show the
 * name that its group has outside: then only the upper end is there. */
static void read_groups(const char *mount, char *group, const char *file,
    uint64_t *most)
{
	char path[4352], *slash;

	do {
		snprintf(path, sizeof path, "%s%s/%s", mount, group, file);
		read_limit(path, most);
		if ((slash = strrchr(group, '/')))
			*slash = '\0';
	} while (slash);
}

/* Whether "a,memory,b" has memory. */
static bool controls_memory(const char *list)
{
	const char *at = strstr(list, "memory");

	return at && (at == list || at[-1] == ',') && (at[6] == ',' || at[6] == '\0');
}

/* A line is NUMBER:CONTROLLERS:GROUP. Version 2 has no controllers there. */
static void read_cgroup(const char *root, uint64_t *most)
{
	char path[512], mount[512], line[4096], *controllers, *group;
	FILE *f;

	snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
	if (!(f = fopen(path, "re")))
		return;
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!(controllers = strchr(line, ':')) ||
		    !(group = strchr(++controllers, ':')))
			continue;
		*group++ = '\0';
		if (!*controllers) {
			snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
			read_groups(mount, group, "memory.max", most);
		} else if (controls_memory(controllers)) {
			snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/memory", root);
			read_groups(mount, group, "memory.limit_in_bytes", most);
		}
	}
	fclose(f);
}

size_t cnn_memory_half(const char *root)
{
	uint64_t most = 0;

	read_machine(root, &most);
	read_cgroup(root, &most);
	return (size_t)(most / 2);
}

/* --- the limit -------------------------------------------------------------------- */

static size_t limit;
static bool is_default;
static _Atomic size_t used;

void cnn_memory_limit(size_t bytes, bool by_default)
{
	limit = bytes;
	is_default = by_default;
}

size_t cnn_memory_left(void)
{
	const size_t now = used;

	return limit == 0 ? SIZE_MAX : now < limit ? limit - now : 0;
}

int cnn_memory_refuse(const char *what, size_t bytes, struct cnn_error *e)
{
	const size_t mib = (size_t)1 << 20, held = used / mib;
	char beside[64] = "";

	if (held > 0)
		snprintf(beside, sizeof beside, " beside %zu MiB that are held", held);
	return cnn_fail(e, CNN_ENOMEM,
	    "%s: %zu MiB%s, more than --max-memory (%zu MiB%s)", what,
	    bytes / mib + (bytes % mib > 0), beside, limit / mib,
	    is_default ? " by default; raise it if there is more" : " in all");
}

int cnn_memory_take(const char *what, size_t bytes, struct cnn_error *e)
{
	size_t now = used;

	do {
		if (limit > 0 && (now > limit || bytes > limit - now))
			return cnn_memory_refuse(what, bytes, e);
	} while (!atomic_compare_exchange_weak(&used, &now, now + bytes));
	return CNN_OK;
}

void cnn_memory_give_back(size_t bytes)
{
	used -= bytes;
}

size_t cnn_memory_room(size_t room, size_t need, size_t expected, size_t row)
{
	const size_t left = cnn_memory_left() / (row ? row : 1);
	/* Leave some to others: this may be more than will be needed. */
	size_t more = room < left / 2 ? room : left / 2;

	if (room < expected)
		more = expected - room < left ? expected - room : left;
	if (more > SIZE_MAX - room)
		more = SIZE_MAX - room;
	return room + more > need ? room + more : need;
}
