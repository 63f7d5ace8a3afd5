/* shim.c - makes a program's system calls and allocations fail, one at a time.
 *
 *     LD_PRELOAD=shim.so FAULT=write FAULT_N=3 FAULT_AS=ENOSPC FAULT_FD=9 TOOL ...
 *
 * FAULT_N 0 only counts. FAULT_AS is the name of an errno. With a '+' after it, each
 * call from that number on fails, like on a disk that stays full. With "short", each of
 * the calls transfers at most one byte. FAULT_FD is open on a file that holds a struct
 * report, see shim.h, which is always up to date.
 *
 * The kernel traps the system calls where they are made (seccomp), so that those of
 * stdio and of the dynamic linker fail too, which no symbol of ours could override. (A
 * new thread would be killed by the trap during its set-up, when all signals are
 * blocked: use "mmap" only for jobs with one thread.) Writes to standard error never
 * fail, because the tools must report errors there.
 *
 * "malloc" stands for all allocation functions, if called by the program itself or by
 * an object whose path contains one of the parts of FAULT_OBJECTS (separated by
 * colons): the plugins, and libraries that pass the failure on. "thread" and "fork" are
 * pthread_create() and fork(). A child has the counts and faults of its parent.
 *
 * With SHIM_MAIN nothing fails any more once main has returned or exit is called: a
 * program built for gcov writes its counts then.
 *
 * FAULT_TICK=MICROSECONDS is independent: a timer whose signals interrupt all waits,
 * without restarting system calls. A signal that finds the stack pointer outside the
 * stack ends the program: the kernel would have written over what lies there.
 */
#include "shim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef __x86_64__
/* cppcheck-suppress preprocessorErrorDirective */
#error "registers are named as on x86-64 only"
#endif

/* The system calls of each fault. */
static const struct fault {
	const char *name;
	int calls[5];
} faults[] = {
	{ "read", { SYS_read, SYS_pread64, SYS_readv, -1 } },
	{ "write", { SYS_write, SYS_pwrite64, SYS_writev, -1 } },
	{ "open", { SYS_openat, SYS_open, -1 } },
	{ "close", { SYS_close, -1 } },
	{ "rename", { SYS_rename, SYS_renameat, SYS_renameat2, -1 } },
	{ "fsync", { SYS_fsync, SYS_fdatasync, -1 } },
	{ "mmap", { SYS_mmap, -1 } },
	{ "stat", { SYS_newfstatat, SYS_stat, SYS_fstat, SYS_statx, -1 } },
	{ "seek", { SYS_lseek, SYS_ftruncate, SYS_fchmod, -1 } },
	{ "list", { SYS_getdents64, -1 } },
};

static const struct {
	const char *name;
	int number;
} errors[] = {
	{ "EIO", EIO },
	{ "ENOSPC", ENOSPC },
	{ "EINTR", EINTR },
	{ "EACCES", EACCES },
	{ "EMFILE", EMFILE },
	{ "ENOMEM", ENOMEM },
	{ "EAGAIN", EAGAIN },
};

static struct report none, *report = &none;
static unsigned long wanted; /* number of the call that fails */
static int error;	     /* its errno; 0: short */
static bool ever_after;
static bool allocations, threads, forks;
static bool main_only;
static atomic_bool over;
static uintptr_t main_lo, main_hi, linker_lo, linker_hi;
static char objects[4096]; /* parts of the paths of other objects */

/* True if this call must fail. */
static bool due(void)
{
	unsigned long n;

	if (atomic_load(&over))
		return false;
	n = atomic_fetch_add(&report->seen, 1) + 1;
	if (wanted && (n == wanted || !error || (ever_after && n > wanted))) {
		atomic_fetch_add(&report->failed, 1);
		return true;
	}
	return false;
}

/* --- system calls ----------------------------------------------------------------- */

/* The only place from which the kernel lets these calls through: the filter knows the
 * address of its end. Arguments: number, then six. */
long fault_call(long number, long a, long b, long c, long d, long e, long f)
    __attribute__((visibility("hidden")));
extern const char fault_call_end[] __attribute__((visibility("hidden")));
__asm__(".text\n"
	".hidden fault_call\n.globl fault_call\n.type fault_call,@function\n"
	"fault_call:\n"
	"	mov %rdi, %rax\n	mov %rsi, %rdi\n	mov %rdx, %rsi\n"
	"	mov %rcx, %rdx\n	mov %r8, %r10\n	mov %r9, %r8\n"
	"	mov 8(%rsp), %r9\n	syscall\n"
	".hidden fault_call_end\n.globl fault_call_end\n"
	"fault_call_end:\n"
	"	ret\n"
	".size fault_call, . - fault_call\n");

static bool writes(int number)
{
	return number == SYS_write || number == SYS_writev || number == SYS_pwrite64;
}

/* Calls that must not fail: messages, and the dynamic linker's reads of plain files,
 * which never give short reads or EINTR. */
static bool is_spared(int number, const greg_t *r, const siginfo_t *info)
{
	uintptr_t from = (uintptr_t)info->si_call_addr;

	return (writes(number) && r[REG_RDI] == STDERR_FILENO) ||
	    ((!error || error == EINTR) && from >= linker_lo && from < linker_hi);
}

/* Async-signal-safe throughout. */
static void on_call(int signal_number, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	int number = info->si_syscall, saved = errno;
	long length = r[REG_RDX];

	(void)signal_number;
	if (!is_spared(number, r, info) && due()) {
		if (error && number == SYS_close) /* it is closed even on failure */
			fault_call(number, r[REG_RDI], 0, 0, 0, 0, 0);
		if (error) {
			r[REG_RAX] = -error;
			errno = saved;
			return;
		}
		if (length > 1 && number != SYS_readv && number != SYS_writev)
			length = 1;
	}
	r[REG_RAX] = fault_call(number, r[REG_RDI], r[REG_RSI], length, r[REG_R10],
	    r[REG_R8], r[REG_R9]);
	errno = saved;
}

static bool catch_calls(const int *calls)
{
	const struct sigaction a = { .sa_sigaction = on_call,
		.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART };
	uintptr_t end = (uintptr_t)fault_call_end;
	struct sock_filter code[16];
	struct sock_fprog program = { 0, code };
	unsigned short n = 0, count = 0;
	unsigned number;

	while (calls[count] >= 0)
		count++;
	/* Calls from fault_call are allowed. */
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, instruction_pointer));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
	    (uint32_t)end, 0, 3);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, instruction_pointer) + 4);
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
	    (uint32_t)((uint64_t)end >> 32), 0, 1);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, nr));
	for (unsigned short i = 0; i < count; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
		    (uint32_t)calls[i], (unsigned char)(count - i), 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
	program.len = n;
	/* glibc 2.41 and later map memory at the first getrandom(), with all signals
	 * blocked: mkstemp() would be killed by the trap. So do that now. */
	if (getrandom(&number, sizeof number, 0) < 0)
		return false;
	return sigaction(SIGSYS, &a, NULL) == 0 &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* --- allocations ------------------------------------------------------------------ */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

/* The loaded objects that were looked up. An object that was loaded stays loaded. */
static struct range {
	uintptr_t lo, hi;
	bool ours;
} ranges[64];
static atomic_int range_count;
static pthread_mutex_t range_lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_listed(const char *path)
{
	char part[sizeof objects];

	for (const char *s = objects; *s; s += strcspn(s, ":"), s += *s == ':') {
		snprintf(part, sizeof part, "%.*s", (int)strcspn(s, ":"), s);
		if (*part && strstr(path, part))
			return true;
	}
	return false;
}

static int find_range(struct dl_phdr_info *info, size_t size, void *context)
{
	struct range *r = context;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t lo = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD && r->lo >= lo && r->lo < lo + p->p_memsz) {
			*r = (struct range){ lo, lo + p->p_memsz,
				is_listed(info->dlpi_name) };
			return 1;
		}
	}
	return 0;
}

/* Does not hold the lock while it may wait for the dynamic linker's own lock. */
static bool is_ours(uintptr_t caller)
{
	struct range r = { caller, caller, false };
	int count = atomic_load(&range_count);

	if (caller >= main_lo && caller < main_hi)
		return true;
	for (int i = 0; i < count; i++)
		if (caller >= ranges[i].lo && caller < ranges[i].hi)
			return ranges[i].ours;
	if (dl_iterate_phdr(find_range, &r) == 0)
		return false;
	pthread_mutex_lock(&range_lock);
	count = atomic_load(&range_count);
	if (count < (int)(sizeof ranges / sizeof *ranges)) {
		ranges[count] = r;
		atomic_store(&range_count, count + 1);
	}
	pthread_mutex_unlock(&range_lock);
	return r.ours;
}

#define FAILS() \
	(allocations && is_ours((uintptr_t)__builtin_return_address(0)) && due() && \
	    (errno = ENOMEM))

void *malloc(size_t n)
{
	return FAILS() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return FAILS() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return FAILS() ? NULL : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (FAILS() || __builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(p, bytes);
}

void *aligned_alloc(size_t alignment, size_t n)
{
	return FAILS() ? NULL : __libc_memalign(alignment, n);
}

static char *copy(const char *s, size_t n)
{
	char *c = __libc_malloc(n + 1);

	if (c) {
		memcpy(c, s, n);
		c[n] = '\0';
	}
	return c;
}

char *strdup(const char *s)
{
	return FAILS() ? NULL : copy(s, strlen(s));
}

char *strndup(const char *s, size_t n)
{
	return FAILS() ? NULL : copy(s, strnlen(s, n));
}

static int format(char **text, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0 || !(*text = __libc_malloc((size_t)n + 1)))
		return -1;
	return vsnprintf(*text, (size_t)n + 1, fmt, ap);
}

int vasprintf(char **text, const char *fmt, va_list ap)
{
	return FAILS() ? -1 : format(text, fmt, ap);
}

int asprintf(char **text, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (FAILS())
		return -1;
	va_start(ap, fmt);
	n = format(text, fmt, ap);
	va_end(ap);
	return n;
}

/* These functions allocate internally. */

FILE *open_memstream(char **text, size_t *size)
{
	FILE *(*next)(char **, size_t *) = dlsym(RTLD_NEXT, "open_memstream");

	return FAILS() ? NULL : next(text, size);
}

FILE *fopen(const char *path, const char *mode)
{
	FILE *(*next)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");

	return FAILS() ? NULL : next(path, mode);
}

DIR *opendir(const char *path)
{
	DIR *(*next)(const char *) = dlsym(RTLD_NEXT, "opendir");

	return FAILS() ? NULL : next(path);
}

/* A thread cannot be started inside a signal handler, so this replaces the function and
 * not the system call. */
int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *),
    void *arg)
{
	int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
	    dlsym(RTLD_NEXT, "pthread_create");

	return threads && due() ? error : next(t, a, run, arg);
}

/* The same: it blocks all signals. */
pid_t fork(void)
{
	pid_t (*next)(void) = dlsym(RTLD_NEXT, "fork");

	if (!forks || !due())
		return next();
	errno = error;
	return -1;
}

/* --- main, and its end ------------------------------------------------------------ */

typedef int main_function(int, char **, char **);
static main_function *program;

int __libc_start_main(main_function *, int, char **, void (*)(void), void (*)(void),
    void (*)(void), void *);

static int run_program(int argc, char **argv, char **env)
{
	int status = program(argc, argv, env);

	atomic_store(&over, main_only);
	return status;
}

int __libc_start_main(main_function *run, int argc, char **argv, void (*init)(void),
    void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
	__typeof__(&__libc_start_main) next = dlsym(RTLD_NEXT, "__libc_start_main");

	program = run;
	return next(run_program, argc, argv, init, fini, rtld_fini, stack_end);
}

void exit(int status)
{
	__typeof__(&exit) next = dlsym(RTLD_NEXT, "exit");

	atomic_store(&over, main_only);
	next(status);
	_exit(status);
}

/* --- start ------------------------------------------------------------------------ */

static int find_objects(struct dl_phdr_info *info, size_t size, void *context)
{
	bool *first = context, linker = strstr(info->dlpi_name, "/ld-linux") != NULL;
	uintptr_t *lo = *first ? &main_lo : &linker_lo,
		  *hi = *first ? &main_hi : &linker_hi;

	(void)size;
	if (!*first && !linker)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD)
			continue;
		if (!*lo || at < *lo)
			*lo = at;
		if (at + p->p_memsz > *hi)
			*hi = at + p->p_memsz;
	}
	*first = false; /* the first object is the program */
	return 0;
}

static _Noreturn void die(const char *what)
{
	dprintf(STDERR_FILENO, "shim: %s: %s\n", what, strerror(errno));
	_exit(SHIM_BROKEN);
}

static uintptr_t stack_lo, stack_hi; /* of the main thread */

static void on_tick(int number, siginfo_t *info, void *context)
{
	uintptr_t sp = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RSP];

	(void)number;
	(void)info;
	if (sp < stack_lo || sp > stack_hi) {
		errno = EFAULT;
		die("a signal came while the stack pointer was outside the stack");
	}
}

/* The handler has a stack of its own, so that it can look at the program's. */
static void start_ticking(const char *microseconds)
{
	static char own[1 << 16];
	const stack_t stack = { .ss_sp = own, .ss_size = sizeof own };
	/* Without SA_RESTART */
	const struct sigaction a = { .sa_sigaction = on_tick,
		.sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct itimerval t = { .it_interval.tv_usec = atoi(microseconds) };
	pthread_attr_t attr;
	void *lo;
	size_t size;

	if ((errno = pthread_getattr_np(pthread_self(), &attr)) != 0 ||
	    (errno = pthread_attr_getstack(&attr, &lo, &size)) != 0)
		die("FAULT_TICK");
	pthread_attr_destroy(&attr);
	stack_lo = (uintptr_t)lo;
	stack_hi = stack_lo + size;
	t.it_value = t.it_interval;
	if (sigaltstack(&stack, NULL) < 0 || sigaction(SIGALRM, &a, NULL) < 0 ||
	    setitimer(ITIMER_REAL, &t, NULL) < 0)
		die("FAULT_TICK");
}

static void read_environment(const char *name)
{
	const char *as = getenv("FAULT_AS"), *fd = getenv("FAULT_FD"),
		   *n = getenv("FAULT_N");
	const char *list = getenv("FAULT_OBJECTS");
	bool first = true;
	void *page;

	main_only = getenv("SHIM_MAIN") != NULL;
	snprintf(objects, sizeof objects, "%s", list ? list : "");
	wanted = n ? strtoul(n, NULL, 10) : 0;
	for (size_t i = 0; as && i < sizeof errors / sizeof *errors; i++) {
		size_t length = strlen(errors[i].name);

		if (strncmp(errors[i].name, as, length) != 0)
			continue;
		error = errors[i].number;
		ever_after = as[length] == '+';
	}
	if (!error && (!as || strcmp(as, "short") != 0))
		die("FAULT_AS");
	if (fd) {
		page = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED,
		    atoi(fd), 0);
		if (page == MAP_FAILED)
			die("FAULT_FD");
		report = page;
		close(atoi(fd));
	}
	dl_iterate_phdr(find_objects, &first);
	threads = strcmp(name, "thread") == 0;
	allocations = strcmp(name, "malloc") == 0;
	forks = strcmp(name, "fork") == 0;
	if (threads || allocations || forks)
		return;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (strcmp(faults[i].name, name) == 0) {
			if (!catch_calls(faults[i].calls))
				die("seccomp");
			return;
		}
	errno = EINVAL;
	die(name);
}

__attribute__((constructor)) static void begin(void)
{
	const char *name = getenv("FAULT"), *tick = getenv("FAULT_TICK");

	if (tick)
		start_ticking(tick);
	if (name)
		read_environment(name);
}
