/* test-memory.c - the default of --max-memory, from what /proc and /sys say; and what
 * is counted against the limit. */
#include "says.h"
#include "tap.h"

#include "base/memory.h"

#include <ftw.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/test-memory-XXXXXX";

/* Writes a file below root, and makes its folders. */
static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", root, name);
	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(path, 0777);
	}
	if ((f = fopen(path, "w"))) {
		fputs(text, f);
		fclose(f);
	}
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level > 0 ? remove(path) : 0;
}

static void clear(void)
{
	nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static bool half_is(unsigned long long mib)
{
	size_t got = cnn_memory_half(root);

	if (got != mib << 20)
		printf("# got %zu MiB\n", got >> 20);
	return got == mib << 20;
}

static void test_default(void)
{
	ok(half_is(0), "nothing is known");
	put("proc/meminfo", "MemFree: 7 kB\nMemTotal:       8388608 kB\nX: 1 kB\n");
	ok(half_is(4096), "half of the machine's memory");
	put("proc/self/cgroup", "0::/a/b\n");
	put("sys/fs/cgroup/a/b/memory.max", "max\n");
	ok(half_is(4096), "a group without a limit");
	put("sys/fs/cgroup/a/b/memory.max", "1073741824\n");
	ok(half_is(512), "version 2");
	put("sys/fs/cgroup/a/memory.max", "536870912\n");
	ok(half_is(256), "the group above has less");
	put("sys/fs/cgroup/a/memory.max", "99999999999999\n");
	put("sys/fs/cgroup/a/b/memory.max", "99999999999999\n");
	ok(half_is(4096), "more than the machine has");
	put("proc/self/cgroup", "0::/\n");
	put("sys/fs/cgroup/memory.max", "2147483648\n");
	ok(half_is(1024), "a container that has its own root");
	clear();
	put("proc/meminfo", "MemTotal:       8388608 kB\n");
	put("proc/self/cgroup",
	    "5:memory_x:/no\n4:cpu,memory:/docker/x\n1:name=systemd:/\n0::/\n");
	put("sys/fs/cgroup/memory/no/memory.limit_in_bytes", "1048576\n");
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	ok(half_is(4096), "version 1 without a limit");
	put("sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "1073741824\n");
	ok(half_is(512), "version 1");
	put("sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "0\n");
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", "4294967296\n");
	ok(half_is(2048), "a container that shows its group's name outside");
	clear();
	put("proc/self/cgroup", "rubbish\n0:\n0::\n");
	ok(half_is(0), "lines that are none");
	clear();
}

static void test_limit(void)
{
	const size_t mib = (size_t)1 << 20;
	struct cnn_error e = { 0 };

	ok(cnn_memory_left() == SIZE_MAX &&
		cnn_memory_take("x", SIZE_MAX / 4, &e) == CNN_OK,
	    "without a limit there is no end");
	cnn_memory_give_back(SIZE_MAX / 4);
	cnn_memory_limit(10 * mib, false);
	ok(cnn_memory_take("x", 6 * mib, &e) == CNN_OK && cnn_memory_left() == 4 * mib,
	    "what is taken is not left");
	ok(cnn_memory_take("the net", 4 * mib + 1, &e) == CNN_ENOMEM &&
		says(&e, CNN_ENOMEM,
		    "the net: 5 MiB beside 6 MiB that are held, more than --max-memory (10 MiB "
		    "in all)") &&
		cnn_memory_left() == 4 * mib,
	    "what does not fit is refused, and not counted");
	e = (struct cnn_error){ 0 };
	ok(cnn_memory_take("x", 4 * mib, &e) == CNN_OK && cnn_memory_left() == 0,
	    "all of it can be taken");
	cnn_memory_limit(9 * mib, true);
	ok(cnn_memory_left() == 0 && cnn_memory_take("x", 1, &e) == CNN_ENOMEM &&
		says(&e, CNN_ENOMEM,
		    "more than --max-memory (9 MiB by default; raise it"),
	    "a default is named");
	cnn_memory_give_back(10 * mib);
	cnn_memory_limit(100, false);
	ok(cnn_memory_room(0, 3, 0, 10) == 3, "the first room is what is needed");
	ok(cnn_memory_room(3, 4, 0, 10) == 6, "then it doubles");
	ok(cnn_memory_room(8, 9, 0, 10) == 13, "while others can have as much");
	ok(cnn_memory_room(0, 3, 8, 10) == 8, "what is expected is taken at once");
	ok(cnn_memory_room(0, 3, 80, 10) == 10, "but no more than there is");
	ok(cnn_memory_room(0, 30, 0, 10) == 30, "what is needed may be too much");
	ok(cnn_memory_room(20, 21, 8, 10) == 25, "it grows by half of what is left");
	cnn_memory_limit(0, false);
	ok(cnn_memory_room(SIZE_MAX / 2 + 9, SIZE_MAX - 1, 0, 1) == SIZE_MAX,
	    "no room overflows");
}

int main(void)
{
	if (!mkdtemp(root))
		return 1;
	test_default();
	test_limit();
	rmdir(root);
	return done();
}
