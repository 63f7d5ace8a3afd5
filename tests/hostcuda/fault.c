/* fault.c - faults found by the processor or by an instrumented build: accesses outside
 * open memory, misaligned accesses, divisions by zero. hooks.c has the functions that
 * instrumented code calls.
 *
 * The allocations in a launch's arguments are open. Any other allocation is opened when
 * a kernel first touches it. A signal handler runs on its own stack, and leaves a
 * faulty launch by switching to the scheduler. */
#include "private.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIGNAL_STACK (64u << 10)

static struct sigaction before[3];
static const int signals[3] = { SIGSEGV, SIGBUS, SIGFPE };

static bool in_kernel(void)
{
	return hc_run.launch && hc_run.current &&
	    pthread_equal(hc_run.runner, pthread_self());
}

static void give_up(int signal)
{
	for (int i = 0; i < 3; i++)
		if (signals[i] == signal)
			/* The instruction runs again, now with the old handler */
			sigaction(signal, &before[i], NULL);
}

static void kernel_fault(int signal, const siginfo_t *info)
{
	struct hc_allocation *a = hc_allocation_of(info->si_addr);
	char where[256];

	if (signal == SIGFPE)
		hc_fault("integer division by zero");
	/* The address may be anywhere on its pages: writes beside the allocation are
	 * found later. */
	if (!a)
		a = hc_allocation_near(info->si_addr);
	if (a && !a->freed && !a->open && a->device >= 0 &&
	    (size_t)((unsigned char *)info->si_addr - a->pages) < a->page_bytes) {
		hc_open(a);
		return;
	}
	if (!info->si_addr && info->si_code == SI_KERNEL)
		hc_fault("misaligned or impossible address");
	if (hc_fiber_overflow(info->si_addr))
		hc_fault("a thread's stack overflowed");
	hc_describe(info->si_addr, where, sizeof where);
	hc_fault("%s: %s", a && a->freed ? "use after free" : "out of bounds", where);
}

static void host_fault(int signal, const siginfo_t *info)
{
	char where[256];

	if (signal == SIGSEGV && hc_in_arena(info->si_addr)) {
		const struct hc_allocation *a = hc_allocation_near(info->si_addr);

		hc_describe(info->si_addr, where, sizeof where);
		hc_report("host code touched %s: %s",
		    a && a->device < 0 ? "pinned memory out of bounds" :
					 "device memory",
		    where);
		abort();
	}
	if (signal == SIGSEGV && hc_function)
		hc_report("address %p cannot be copied", info->si_addr);
	give_up(signal);
}

static void handle(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (in_kernel())
		kernel_fault(signal, info);
	else
		host_fault(signal, info);
}

/* Gives this thread a stack for signal handlers if it has none. */
static void give_stack(void)
{
	static _Thread_local bool given;
	stack_t stack;

	if (given)
		return;
	given = true;
	if (!sigaltstack(NULL, &stack) && !(stack.ss_flags & SS_DISABLE))
		return;
	stack = (stack_t){ .ss_size = SIGNAL_STACK };
	stack.ss_sp = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack.ss_sp != MAP_FAILED)
		sigaltstack(&stack, NULL);
}

void hc_fault_install(void)
{
	static bool installed;
	struct sigaction action = { .sa_sigaction = handle };

	give_stack();
	if (installed)
		return;
	installed = true;
	/* The signal is not blocked, since a handler may never return. */
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	for (int i = 0; i < 3; i++)
		sigaction(signals[i], &action, &before[i]);
}

/* --- code built with -fsanitize=alignment ----------------------------------------- */

void hc_misaligned(const void *address, const char *type, unsigned alignment,
    const char *file, unsigned line)
{
	char where[256];

	if (in_kernel()) {
		hc_describe(address, where, sizeof where);
		hc_fault(
		    "misaligned: %s at %p is not at a multiple of %u bytes (%s:%u), %s",
		    type, address, alignment, file, line, where);
	}
	hc_report("misaligned: %s at %p is not at a multiple of %u bytes (%s:%u)", type,
	    address, alignment, file, line);
	abort();
}

/* --- code built with -fsanitize=address ------------------------------------------- */

#if HC_ASAN
/* AddressSanitizer reports the address; this adds the thread. */
static void dying(void)
{
	if (in_kernel())
		hc_report("out of bounds, or another error that is reported above");
}

__attribute__((constructor)) static void watch(void)
{
	__sanitizer_set_death_callback(dying);
}
#endif
