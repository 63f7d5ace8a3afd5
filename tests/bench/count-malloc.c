/* count-malloc - how often a program, and a library in it, ask for memory
 *
 *   cc -O2 -shared -fPIC -o count-malloc.so tests/bench/count-malloc.c
 *   COUNT_MALLOC=file COUNT_OF=libdnnl LD_PRELOAD=./count-malloc.so COMMAND ...
 *
 * Writes two numbers to the file at the end: the calls of malloc and its kin, C++'s
 * new among them, that come out of the library whose name begins with COUNT_OF, and
 * all others. glibc alone offers the names by which its own functions can still be
 * called.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
/* operator new(size_t) and operator new[](size_t) */
void *_Znwm(size_t);
void *_Znam(size_t);

static atomic_ulong of_library, of_others;

static void count(void *caller)
{
	const char *library = getenv("COUNT_OF"), *slash;
	Dl_info info = { 0 };

	if (library && dladdr(caller, &info) && info.dli_fname) {
		slash = strrchr(info.dli_fname, '/');
		if (strncmp(slash ? slash + 1 : info.dli_fname, library,
			strlen(library)) == 0) {
			of_library++;
			return;
		}
	}
	of_others++;
}

#define COUNT() count(__builtin_return_address(0))

void *malloc(size_t size)
{
	COUNT();
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	COUNT();
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	COUNT();
	return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
	COUNT();
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	COUNT();
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	COUNT();
	*out = __libc_memalign(alignment, size);
	return *out ? 0 : ENOMEM;
}

/* Must not return without memory. */
void *_Znwm(size_t size)
{
	void *p = __libc_malloc(size);

	COUNT();
	if (!p)
		abort();
	return p;
}

void *_Znam(size_t size)
{
	void *p = __libc_malloc(size);

	COUNT();
	if (!p)
		abort();
	return p;
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("COUNT_MALLOC");
	unsigned long library = of_library, others = of_others;
	FILE *f = path ? fopen(path, "w") : NULL;

	if (f) {
		fprintf(f, "%lu\t%lu\n", library, others);
		fclose(f);
	}
}
