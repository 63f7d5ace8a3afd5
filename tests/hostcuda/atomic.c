/* atomic.c - before an atomic operation, now and then, other threads run first. */
#include "private.h"

#define SPINS (1u << 24)

/* One in eight, at random: what relies on an order of threads shall fail, and a
 * thread that spins lets go the one it waits for. Seldom where the order is fixed. */
static bool let_others(void)
{
	if (!hc_config()->seed)
		return hc_run.atomics % 1024 == 0;
	return hc_random(&hc_run.random) >> 61 == 0;
}

void hostcuda_atomic(const void *address, size_t bytes)
{
	struct hc_thread *mine = hc_run.current;

	hc_trace_atomic(address, bytes);
	if ((uintptr_t)address % bytes)
		hc_fault("misaligned: an atomic operation of %zu bytes at %p", bytes, address);
	if (++hc_run.atomics > SPINS)
		hc_fault("deadlock: it spins on an atomic operation");
	if (!let_others())
		return;
	mine->state = HC_READY;
	hc_fiber_yield();
}

void hostcuda_fence(void)
{
	hc_trace_fence();
}
