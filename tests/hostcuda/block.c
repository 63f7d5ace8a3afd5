/* block.c - one block: its threads in shuffled order, and its barrier.
 *
 * A thread runs until it waits or ends. The last thread to arrive releases the others.
 * If no thread can run but some wait, they wait at different places, or other threads
 * have ended. CUDA leaves this behaviour undefined, so it is reported. */
#include "private.h"

#include <string.h>

struct hc_run hc_run;
struct hostcuda_index hostcuda_index;

static struct hc_thread threads[HC_MAX_THREADS];
static uint16_t order[HC_MAX_THREADS];

const char *hc_kind_name(enum hostcuda_kind kind)
{
	static const char *const names[] = {
		[HOSTCUDA_SYNCTHREADS] = "__syncthreads",
		[HOSTCUDA_SYNCTHREADS_OR] = "__syncthreads_or",
		[HOSTCUDA_SYNCTHREADS_AND] = "__syncthreads_and",
		[HOSTCUDA_SYNCTHREADS_COUNT] = "__syncthreads_count",
		[HOSTCUDA_SYNCWARP] = "__syncwarp",
		[HOSTCUDA_SHFL] = "__shfl_sync",
		[HOSTCUDA_SHFL_UP] = "__shfl_up_sync",
		[HOSTCUDA_SHFL_DOWN] = "__shfl_down_sync",
		[HOSTCUDA_SHFL_XOR] = "__shfl_xor_sync",
		[HOSTCUDA_BALLOT] = "__ballot_sync",
		[HOSTCUDA_ANY] = "__any_sync",
		[HOSTCUDA_ALL] = "__all_sync",
		[HOSTCUDA_WMMA_LOAD] = "load_matrix_sync",
		[HOSTCUDA_WMMA_STORE] = "store_matrix_sync",
		[HOSTCUDA_WMMA_MMA] = "mma_sync",
	};

	return names[kind];
}

/* --- threads ---------------------------------------------------------------------- */

void hc_thread_main(void)
{
	hc_run.launch->run(hc_run.launch->closure);
	hc_run.current->state = HC_DONE;
}

void hc_thread_wait(void)
{
	hc_run.current->state = HC_WAITING;
	hc_fiber_yield();
}

/* Runs a thread until it waits or ends. */
static void run_thread(struct hc_thread *t)
{
	if (t->state == HC_NEW) {
		t->fiber = hc_fiber_get();
		if (!t->fiber) {
			hc_fault_here("no memory for a thread's stack");
			return;
		}
	}
	hc_run.current = t;
	hostcuda_index.thread = t->index;
	t->state = HC_READY;
	hc_fiber_resume(t->fiber);
	if (t->state == HC_DONE) {
		hc_fiber_put(t->fiber);
		t->fiber = NULL;
		hc_run.done++;
		hc_run.atomics = 0;
		hc_warp_ended(t);
	}
	hc_run.current = NULL;
}

/* --- the barrier ------------------------------------------------------------------ */

static int predicate_of_all(enum hostcuda_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < hc_run.threads; i++)
		n += threads[i].value != 0;
	return kind == HOSTCUDA_SYNCTHREADS_OR ? n > 0 :
	    kind == HOSTCUDA_SYNCTHREADS_AND   ? n == hc_run.threads :
						 (int)n;
}

static void must_be_one_barrier(const struct hc_thread *mine)
{
	char place[48];

	for (unsigned i = 0; i < hc_run.threads; i++) {
		const struct hc_thread *t = &threads[i];

		if (t->kind != mine->kind || t->line != mine->line)
			hc_fault(
			    "divergent barrier: it is at %s (%s:%d), thread %s at %s (%s:%d)",
			    hc_kind_name(mine->kind), mine->file, mine->line,
			    hc_place(t, place), hc_kind_name(t->kind), t->file,
			    t->line);
	}
}

int hostcuda_block_meeting(enum hostcuda_kind kind, int predicate, const char *file,
    int line)
{
	struct hc_thread *mine = hc_run.current;

	mine->kind = kind;
	mine->value = predicate != 0;
	mine->file = file;
	mine->line = line;
	if (++hc_run.at_barrier == hc_run.threads) {
		int result = predicate_of_all(kind);

		must_be_one_barrier(mine);
		for (unsigned i = 0; i < hc_run.threads; i++) {
			threads[i].result = (uint64_t)result;
			threads[i].state = HC_READY;
		}
		hc_run.at_barrier = 0;
		hc_run.released = true;
		hc_run.atomics = 0;
		hc_trace_barrier();
		hc_fiber_yield(); /* it continues with the others, in the new order */
	} else
		hc_thread_wait();
	return (int)mine->result;
}

static bool at_barrier(const struct hc_thread *t)
{
	return t->state == HC_WAITING && t->kind < HOSTCUDA_SYNCWARP;
}

/* True if t waits for `other` to arrive. */
static bool waits_for(const struct hc_thread *t, const struct hc_thread *other)
{
	unsigned number = hc_thread_number(other);

	if (at_barrier(t))
		return !at_barrier(other);
	return number / HC_WARP == hc_thread_number(t) / HC_WARP &&
	    t->mask >> number % HC_WARP & 1 &&
	    !(other->state == HC_WAITING && other->kind == t->kind &&
		other->line == t->line);
}

/* No thread can run: reports which threads wait for which. */
static void report_deadlock(void)
{
	struct hc_thread *t = NULL, *other = NULL;
	char place[48];

	for (unsigned i = 0; i < hc_run.threads; i++)
		if (threads[i].state == HC_WAITING &&
		    (!t || (at_barrier(&threads[i]) && !at_barrier(t))))
			t = &threads[i];
	for (unsigned i = 0; i < hc_run.threads && !other; i++)
		if (&threads[i] != t && waits_for(t, &threads[i]))
			other = &threads[i];
	hc_run.current = t;
	if (!other)
		hc_fault_here("deadlock: it waits at %s (%s:%d)", hc_kind_name(t->kind),
		    t->file, t->line);
	else if (other->state == HC_DONE)
		hc_fault_here(
		    "divergent barrier: it waits at %s (%s:%d), thread %s has ended",
		    hc_kind_name(t->kind), t->file, t->line, hc_place(other, place));
	else
		hc_fault_here(
		    "divergent barrier: it waits at %s (%s:%d), thread %s at %s (%s:%d)",
		    hc_kind_name(t->kind), t->file, t->line, hc_place(other, place),
		    hc_kind_name(other->kind), other->file, other->line);
	hc_run.current = NULL;
}

/* --- the block -------------------------------------------------------------------- */

static void shuffle(void)
{
	if (!hc_config()->seed)
		return;
	for (unsigned i = hc_run.threads; i > 1; i--) {
		/* 32 random bits times i; the upper word is below i. */
		unsigned j = (unsigned)((hc_random(&hc_run.random) >> 32) * i >> 32);
		uint16_t o = order[i - 1];

		order[i - 1] = order[j];
		order[j] = o;
	}
}

void hc_block_prepare(void)
{
	dim3 b = hc_run.launch->block;
	unsigned i = 0;

	hc_run.thread = threads;
	hc_run.threads = b.x * b.y * b.z;
	for (unsigned z = 0; z < b.z; z++)
		for (unsigned y = 0; y < b.y; y++)
			for (unsigned x = 0; x < b.x; x++, i++) {
				order[i] = (uint16_t)i;
				threads[i].index = (uint3){ x, y, z };
				threads[i].fiber = NULL;
			}
}

bool hc_block_run(void)
{
	hc_run.done = hc_run.at_barrier = 0;
	hc_warp_prepare();
	for (unsigned i = 0; i < hc_run.threads; i++) {
		threads[i].state = HC_NEW;
		threads[i].copies = threads[i].groups = 0;
	}
	while (hc_run.done < hc_run.threads) {
		bool ran = false;

		shuffle();
		hc_run.released = false;
		for (unsigned i = 0; i < hc_run.threads && !hc_run.released; i++) {
			struct hc_thread *t = &threads[order[i]];

			if (t->state != HC_NEW && t->state != HC_READY)
				continue;
			run_thread(t);
			if (hc_run.failed)
				return false;
			ran = true;
		}
		if (!ran) {
			report_deadlock();
			return false;
		}
	}
	return true;
}

void hc_block_leave(void)
{
	for (unsigned i = 0; i < hc_run.threads; i++) {
		if (!threads[i].fiber)
			continue;
		hc_fiber_reset(threads[i].fiber);
		hc_fiber_put(threads[i].fiber);
		threads[i].fiber = NULL;
	}
	hc_run.current = NULL;
}
