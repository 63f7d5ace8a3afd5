/* barrier.c - the workers' barrier: a short spin, then a futex.
 *
 * A step has three barriers, which the workers reach some tens of microseconds apart.
 * Sleeping at once would cost a wake-up at each. Spinning without a limit would waste a
 * core that other processes of a shared machine could use. */
#include "executor-private.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPINS 4000

void cnn_barrier_init(struct cnn_barrier *b, unsigned count)
{
	atomic_init(&b->arrived, 0);
	atomic_init(&b->round, 0);
	atomic_init(&b->count, count);
}

void cnn_barrier_shrink(struct cnn_barrier *b, unsigned count)
{
	atomic_store_explicit(&b->count, count, memory_order_relaxed);
}

void cnn_barrier_wait(struct cnn_barrier *b)
{
	unsigned round = atomic_load_explicit(&b->round, memory_order_acquire);

	unsigned arrived;

	if (atomic_load_explicit(&b->count, memory_order_relaxed) == 1)
		return;
	/* Read the count after arriving: the thread that lowered it has either arrived
	 * before, which makes the new count visible, or will arrive last. */
	arrived = atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) + 1;
	if (arrived == atomic_load_explicit(&b->count, memory_order_relaxed)) {
		atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
		atomic_store_explicit(&b->round, round + 1, memory_order_release);
		syscall(SYS_futex, &b->round, FUTEX_WAKE_PRIVATE, arrived, NULL, NULL,
		    0);
		return;
	}
	for (int i = 0; i < SPINS; i++) {
		if (atomic_load_explicit(&b->round, memory_order_acquire) != round)
			return;
#if defined __x86_64__ || defined __i386__
		__builtin_ia32_pause();
#endif
	}
	while (atomic_load_explicit(&b->round, memory_order_acquire) == round)
		syscall(SYS_futex, &b->round, FUTEX_WAIT_PRIVATE, round, NULL, NULL, 0);
}
