/* atomic.c - before an atomic operation, other threads sometimes run first. */
#include "private.h"

#define SPINS (1u << 24)

/* True for one in eight, at random, so that code that relies on an order of threads
 * fails, and a spinning thread lets the thread that it waits for run. Rarely true if
 * the order is fixed. */
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
		hc_fault("misaligned: an atomic operation of %zu bytes at %p", bytes,
		    address);
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
