/* warp.c - meetings of a warp's lanes: __syncwarp, shuffles, votes.
 *
 * CUDA's rule: every lane that is named in the mask and has not ended executes the same
 * operation with the same mask. The lanes that a block's last warp lacks count as
 * ended. */
#include "private.h"

#include <string.h>

static unsigned lane_of(const struct hc_thread *t)
{
	return hc_thread_number(t) % HC_WARP;
}

static unsigned warp_of(const struct hc_thread *t)
{
	return hc_thread_number(t) / HC_WARP;
}

struct hc_thread *hc_warp_lanes(void)
{
	return &hc_run.thread[warp_of(hc_run.current) * HC_WARP];
}

void hc_warp_prepare(void)
{
	unsigned last = hc_run.threads % HC_WARP;

	memset(hc_run.waiting, 0, sizeof hc_run.waiting);
	memset(hc_run.ended, 0, sizeof hc_run.ended);
	if (last)
		hc_run.ended[hc_run.threads / HC_WARP] = ~0u << last;
}

/* True if t, which waits, waits for the same operation. Otherwise, if t waits for this
 * lane, it would wait forever, which is reported. */
static bool agrees(const struct hc_thread *t, const struct hc_thread *mine)
{
	char place[48];

	if (t->kind == mine->kind && t->mask == mine->mask && t->line == mine->line)
		return true;
	if (t->mask >> lane_of(mine) & 1)
		hc_fault(
		    "lanes call different warp operations: it is at %s of mask %08x (%s:%d), "
		    "thread %s at %s of mask %08x (%s:%d)",
		    hc_kind_name(mine->kind), mine->mask, mine->file, mine->line,
		    hc_place(t, place), hc_kind_name(t->kind), t->mask, t->file,
		    t->line);
	return false;
}

bool hc_warp_arrive(enum hostcuda_kind kind, unsigned mask, const char *file, int line)
{
	struct hc_thread *mine = hc_run.current;
	unsigned warp = warp_of(mine);
	uint32_t me = 1u << lane_of(mine), here = me;

	mine->kind = kind;
	mine->mask = mask;
	mine->file = file;
	mine->line = line;
	if (!(mask & me))
		hc_fault("%s (%s:%d): the lane is not in its own mask %08x",
		    hc_kind_name(kind), file, line, mask);
	for (uint32_t left = mask & ~me & hc_run.waiting[warp]; left; left &= left - 1)
		if (agrees(&hc_warp_lanes()[__builtin_ctz(left)], mine))
			here |= left & -left;
	return here == (mask & ~hc_run.ended[warp]);
}

void hc_warp_wait(void)
{
	struct hc_thread *mine = hc_run.current;

	hc_run.waiting[warp_of(mine)] |= 1u << lane_of(mine);
	hc_thread_wait();
}

void hc_warp_release(unsigned mask)
{
	unsigned warp = warp_of(hc_run.current);
	uint32_t waiting = hc_run.waiting[warp] & mask;

	for (uint32_t left = waiting; left; left &= left - 1)
		hc_warp_lanes()[__builtin_ctz(left)].state = HC_READY;
	hc_run.waiting[warp] &= ~mask;
}

/* --- results ---------------------------------------------------------------------- */

/* The lane that a shuffle reads, as PTX's shfl.sync defines it. */
static unsigned source_lane(const struct hc_thread *t, unsigned lane)
{
	unsigned width = (unsigned)t->width, first = lane & ~(width - 1),
		 last = first + width - 1;
	unsigned by = (unsigned)t->lane & (HC_WARP - 1);
	unsigned from;

	switch (t->kind) {
	case HOSTCUDA_SHFL: return first | (by & (width - 1));
	case HOSTCUDA_SHFL_UP: return lane < first + by ? lane : lane - by;
	case HOSTCUDA_SHFL_DOWN: from = lane + by; break;
	default: from = lane ^ by; break;
	}
	return from > last ? lane : from;
}

/* `asked` are the lanes that have arrived. */
static void shuffle(struct hc_thread *lanes, uint32_t asked)
{
	uint32_t ended = hc_run.ended[warp_of(lanes)];

	for (uint32_t left = asked; left; left &= left - 1) {
		unsigned lane = (unsigned)__builtin_ctz(left);
		struct hc_thread *t = &lanes[lane];
		unsigned from = source_lane(t, lane);

		if (!(asked >> from & 1)) {
			hc_run.current = t;
			hc_fault_here("%s (%s:%d): reads an inactive lane: %u, %s",
			    hc_kind_name(t->kind), t->file, t->line, from,
			    !(ended >> from & 1) ? "which is not in the mask" :
				hc_thread_number(lanes) + from < hc_run.threads ?
						   "which has ended" :
						   "which the block does not have");
			return;
		}
		t->result = lanes[from].value;
	}
}

static void vote(struct hc_thread *lanes, uint32_t asked)
{
	uint32_t yes = 0;

	for (uint32_t left = asked; left; left &= left - 1)
		if (lanes[__builtin_ctz(left)].value)
			yes |= left & -left;
	for (uint32_t left = asked; left; left &= left - 1) {
		struct hc_thread *t = &lanes[__builtin_ctz(left)];

		t->result = t->kind == HOSTCUDA_BALLOT ? yes :
		    t->kind == HOSTCUDA_ANY	       ? yes != 0 :
							 yes == asked;
	}
}

/* All lanes have arrived; `t` is one of them. Returns false after a fault. */
static bool conclude(const struct hc_thread *t)
{
	struct hc_thread *lanes = hc_warp_lanes();
	uint32_t asked = t->mask & ~hc_run.ended[warp_of(t)];

	if (t->kind == HOSTCUDA_SYNCWARP)
		hc_trace_warp(warp_of(t), t->mask);
	else if (t->kind <= HOSTCUDA_SHFL_XOR)
		shuffle(lanes, asked);
	else
		vote(lanes, asked);
	return !hc_run.failed;
}

uint64_t hostcuda_warp_meeting(enum hostcuda_kind kind, unsigned mask, uint64_t value,
    int lane, int width, const char *file, int line)
{
	struct hc_thread *mine = hc_run.current;

	if (width < 1 || width > HC_WARP || width & (width - 1))
		hc_fault("%s (%s:%d): invalid width %d", hc_kind_name(kind), file, line,
		    width);
	mine->value = value;
	mine->lane = lane;
	mine->width = width;
	if (!hc_warp_arrive(kind, mask, file, line))
		hc_warp_wait();
	else if (conclude(mine))
		hc_warp_release(mask);
	else
		hc_fiber_abandon();
	return mine->result;
}

/* True if all lanes for which t waits have arrived or ended. */
static bool all_here(const struct hc_thread *t)
{
	unsigned warp = warp_of(t);
	const struct hc_thread *lanes = hc_warp_lanes();

	if (t->mask & ~hc_run.ended[warp] & ~hc_run.waiting[warp])
		return false;
	for (uint32_t left = t->mask & hc_run.waiting[warp]; left; left &= left - 1)
		if (lanes[__builtin_ctz(left)].mask != t->mask)
			return false;
	return true;
}

/* Lanes that wait for a missing lane of a WMMA are found as a deadlock. */
void hc_warp_ended(const struct hc_thread *ended)
{
	unsigned warp = warp_of(ended);

	hc_run.ended[warp] |= 1u << lane_of(ended);
	for (uint32_t left = hc_run.waiting[warp]; left; left &= left - 1) {
		struct hc_thread *t =
		    &hc_run.thread[warp * HC_WARP + (unsigned)__builtin_ctz(left)];

		hc_run.current = t;
		if (t->state != HC_WAITING || t->kind >= HOSTCUDA_WMMA_LOAD ||
		    !all_here(t))
			continue;
		if (!conclude(t))
			return;
		hc_warp_release(t->mask);
	}
}
