/* fiber.c - a stack for each CUDA thread that waits, and the switch between them.
 *
 * A switch saves only the registers that the calling convention preserves, and makes no
 * system call. All switches are between the scheduler and one fiber. Threads use a
 * stack one after the other; only threads that wait hold one each. */
#include "private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if !defined __x86_64__ && !defined __aarch64__ && !defined HC_UCONTEXT
#define HC_UCONTEXT
#endif
#ifdef HC_UCONTEXT
#include <ucontext.h>
#endif

#define STACK (HC_ASAN ? 256u << 10 : 64u << 10)

struct hc_fiber {
	void *sp;
	void *fake; /* AddressSanitizer's */
	const void *bottom;
	size_t bytes;
	unsigned char *map; /* a guard page, then the stack */
	struct hc_fiber *next;
	unsigned number;
#ifdef HC_UCONTEXT
	ucontext_t context;
#endif
};

static struct hc_fiber scheduler;
static struct hc_fiber *running;
static struct hc_fiber *idle; /* a list */
static struct hc_fiber *all[HC_MAX_THREADS];
static unsigned count;

static size_t guard_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* --- the switch ------------------------------------------------------------------- */

#ifdef HC_UCONTEXT

static void change(struct hc_fiber *from, struct hc_fiber *to)
{
	swapcontext(&from->context, &to->context);
}

#else

/* hc_change(save, load): pushes the preserved registers, stores the stack pointer in
 * *save, and continues where `load` was stored. */
void hc_change(void **save, void *load) __attribute__((visibility("hidden")));

#ifdef __x86_64__
#define KEPT 6 /* words below the return address */
__asm__(".text\n"
	".p2align 4\n"
	".hidden hc_change\n"
	".globl hc_change\n"
	".type hc_change, @function\n"
	"hc_change:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size hc_change, . - hc_change\n");
#else
#define KEPT 20 /* x19 to x30, d8 to d15 */
__asm__(".text\n"
	".p2align 4\n"
	".hidden hc_change\n"
	".globl hc_change\n"
	".type hc_change, %function\n"
	"hc_change:\n"
	"	sub sp, sp, #160\n"
	"	stp x19, x20, [sp, #0]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n"
	"	str x9, [x0]\n"
	"	mov sp, x1\n"
	"	ldp x19, x20, [sp, #0]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n"
	"	ret\n"
	".size hc_change, . - hc_change\n");
#endif

static void change(struct hc_fiber *from, struct hc_fiber *to)
{
	hc_change(&from->sp, to->sp);
}

#endif

/* --- with AddressSanitizer notified ----------------------------------------------- */

static void switch_to(struct hc_fiber *from, struct hc_fiber *to, bool for_good)
{
#if HC_ASAN
	__sanitizer_start_switch_fiber(for_good ? NULL : &from->fake, to->bottom,
	    to->bytes);
#else
	(void)for_good;
#endif
	change(from, to);
#if HC_ASAN
	/* Resumed. A fiber is told the scheduler's stack, which is that of the
	 * launching thread. */
	if (from == &scheduler)
		__sanitizer_finish_switch_fiber(from->fake, NULL, NULL);
	else
		__sanitizer_finish_switch_fiber(from->fake, &scheduler.bottom,
		    &scheduler.bytes);
#endif
}

void hc_fiber_resume(struct hc_fiber *fiber)
{
	running = fiber;
	switch_to(&scheduler, fiber, false);
	running = NULL;
}

void hc_fiber_yield(void)
{
	switch_to(running, &scheduler, false);
}

void hc_fiber_abandon(void)
{
	switch_to(running, &scheduler, true);
	abort(); /* never resumed */
}

/* The outermost function of each stack: runs one thread after another. */
static void fiber_main(void)
{
#if HC_ASAN
	__sanitizer_finish_switch_fiber(NULL, &scheduler.bottom, &scheduler.bytes);
#endif
	for (;;) {
		hc_thread_main();
		hc_fiber_yield();
	}
}

/* --- stacks ----------------------------------------------------------------------- */

void hc_fiber_reset(struct hc_fiber *f)
{
	/* Without the stagger, the stacks would use the same cache sets. */
	size_t stagger = f->number % 61 * 64;

	ASAN_UNPOISON_MEMORY_REGION(f->map + guard_bytes(), STACK);
	f->fake = NULL;
#ifdef HC_UCONTEXT
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->map + guard_bytes();
	f->context.uc_stack.ss_size = STACK - stagger;
	f->context.uc_link = NULL;
	makecontext(&f->context, fiber_main, 0);
#else
	void **top = (void **)(void *)(f->map + guard_bytes() + STACK - stagger);
	void **sp;

#ifdef __x86_64__
	*--top = NULL; /* fiber_main's return address, for unwinders */
	*--top = (void *)(uintptr_t)fiber_main;
	sp = top - KEPT;
	memset(sp, 0, KEPT * sizeof *sp);
#else
	sp = top - KEPT;
	memset(sp, 0, KEPT * sizeof *sp);
	sp[11] = (void *)(uintptr_t)fiber_main; /* x30 */
#endif
	f->sp = sp;
#endif
}

static struct hc_fiber *create(void)
{
	struct hc_fiber *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->map = mmap(NULL, guard_bytes() + STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (f->map == MAP_FAILED) {
		free(f);
		return NULL;
	}
	mprotect(f->map, guard_bytes(), PROT_NONE);
	f->bottom = f->map + guard_bytes();
	f->bytes = STACK;
	f->number = count;
	(void)VALGRIND_STACK_REGISTER(f->map + guard_bytes(),
	    f->map + guard_bytes() + STACK - 1);
	hc_fiber_reset(f);
	return f;
}

struct hc_fiber *hc_fiber_get(void)
{
	struct hc_fiber *f = idle;

	if (f) {
		idle = f->next;
		return f;
	}
	if (count == HC_MAX_THREADS)
		return NULL;
	f = create();
	if (f)
		all[count++] = f;
	return f;
}

void hc_fiber_put(struct hc_fiber *f)
{
	f->next = idle;
	idle = f;
}

bool hc_fiber_overflow(const void *address)
{
	const unsigned char *p = address;

	for (unsigned i = 0; i < count; i++)
		if (p >= all[i]->map && p < all[i]->map + guard_bytes())
			return true;
	return false;
}
