/* trace.c - races, uninitialised reads and exact bounds, for code that is built with
 * -fsanitize=thread: the compiler calls hooks.c before each access.
 *
 * Each byte of device and shared memory has a cell: the last write and the last read.
 * Time consists of intervals, from one barrier to the next, numbered through all blocks
 * and launches. Within an interval, a warp counts its __syncwarps as steps. Two
 * accesses, of which at least one is a write, are a race
 *   - in two blocks of a launch, unless the earlier block executed __threadfence and
 *     an atomic operation, and the later one an atomic operation;
 *   - in one interval of a block, unless they are by one thread, or by lanes of a warp
 *     that met in __syncwarp in between, or both are atomic.
 * Shuffles and votes do not order accesses: CUDA guarantees that only for
 * __syncwarp. */
#include "private.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define WARPS (HC_MAX_THREADS / HC_WARP)
#define HOST 1 /* the interval in which the host writes */

enum {
	ATOMIC = 1,
	MANY_WARPS = 2, /* in one interval: `lanes` is incomplete */
	MANY_BLOCKS = 4 /* other blocks of this launch came before */
};

struct access {
	uint32_t interval; /* 0: never */
	uint32_t lanes;
	uint16_t step;
	uint8_t warp, flags;
};

struct cell {
	struct access write, read;
};

bool hc_tracing;

static uint32_t interval = HOST, launch_first, block_first;
static uint16_t step[WARPS]; /* number of __syncwarps in this interval */
static uint16_t met[WARPS][HC_WARP][HC_WARP]; /* the last step that two lanes shared */
static bool stepped;			      /* some of these are not 0 */
static bool fenced, published, acquired, all_published;
static struct cell shared_cells[HC_SHARED_MAX];
static struct hc_allocation *recent;

/* --- time ------------------------------------------------------------------------- */

static void next_interval(void)
{
	interval++;
	if (!stepped)
		return;
	memset(step, 0, sizeof step);
	memset(met, 0, sizeof met);
	stepped = false;
}

void hc_trace_launch(void)
{
	launch_first = interval + 1;
	all_published = published = true;
}

void hc_trace_block(void)
{
	next_interval();
	block_first = interval;
	all_published &= published;
	fenced = published = acquired = false;
}

void hc_trace_barrier(void)
{
	if (hc_tracing)
		next_interval();
}

void hc_trace_warp(unsigned warp, unsigned mask)
{
	uint16_t now;

	if (!hc_tracing)
		return;
	if (step[warp] == UINT16_MAX) {
		next_interval(); /* may miss races, never invents one */
		return;
	}
	now = ++step[warp];
	stepped = true;
	for (unsigned i = 0; i < HC_WARP; i++)
		for (unsigned j = 0; j < HC_WARP; j++)
			if (mask >> i & mask >> j & 1)
				met[warp][i][j] = now;
}

void hc_trace_fence(void)
{
	fenced = true;
}

/* --- order of accesses ------------------------------------------------------------ */

/* The running thread's access at this moment. */
static struct access access_now(bool atomic)
{
	unsigned me = hc_thread_number(hc_run.current);

	return (struct access){ interval, 1u << me % HC_WARP, step[me / HC_WARP],
		(uint8_t)(me / HC_WARP), atomic ? ATOMIC : 0 };
}

/* True if all accesses in `a`, which is of this launch or block, happened before the
 * running thread's current access. */
static bool ordered(const struct access *a, const struct access *now)
{
	unsigned lane = (unsigned)__builtin_ctz(now->lanes);

	if ((a->flags & MANY_BLOCKS || a->interval < block_first) &&
	    !(acquired && all_published))
		return false;
	if (a->interval < interval)
		return true;
	if (a->flags & MANY_WARPS || a->warp != now->warp)
		return false;
	for (uint32_t others = a->lanes & ~now->lanes; others; others &= others - 1)
		if (met[now->warp][lane][__builtin_ctz(others)] <= a->step)
			return false;
	return true;
}

/* True if they may be concurrent. Accesses older than `first` do not count. */
static inline bool races(const struct access *a, const struct access *now,
    uint32_t first)
{
	return a->interval >= first && !ordered(a, now);
}

/* Records an access. An unordered one of the same interval stays recorded with it. */
static inline void note(struct access *a, const struct access *now, uint32_t first)
{
	struct access old = *a;

	*a = *now;
	if (old.interval < first)
		return;
	if (old.interval < block_first || old.flags & MANY_BLOCKS)
		a->flags |= MANY_BLOCKS;
	if (old.interval < interval || ordered(&old, now))
		return;
	if (old.warp == now->warp && !(old.flags & MANY_WARPS))
		a->lanes |= old.lanes;
	else
		a->flags |= MANY_WARPS;
}

/* --- reports ---------------------------------------------------------------------- */

static const char *verb(bool write, bool atomic)
{
	return atomic ? "updates" : write ? "writes" : "reads";
}

/* Names the thread of the other access, as far as it is known. */
static const char *other_of(const struct access *a, char text[64])
{
	unsigned me = hc_thread_number(hc_run.current), lane;
	uint32_t lanes = a->lanes;
	char place[48];

	if (a->interval < block_first || a->flags & MANY_BLOCKS)
		return "another block";
	if (a->flags & MANY_WARPS)
		return "another warp";
	if (a->warp == me / HC_WARP)
		lanes &= ~(1u << me % HC_WARP);
	lane = (unsigned)__builtin_ctz(lanes ? lanes : 1);
	snprintf(text, 64, "thread %s",
	    hc_place(&hc_run.thread[a->warp * HC_WARP + lane], place));
	return text;
}

static void race(const void *at, size_t bytes, const char *how, const struct access *a,
    const char *what)
{
	char where[256], other[64];
	const char *between = a->interval < block_first ? "in the same launch" :
							  "with no barrier in between";

	hc_describe(at, where, sizeof where);
	hc_fault("race: it %s %zu bytes, %s, which %s has %s %s", how, bytes, where,
	    other_of(a, other), what, between);
}

static void outside(const void *at, size_t bytes, const char *how)
{
	const struct hc_allocation *a = hc_allocation_near(at);
	char where[256];

	hc_describe(at, where, sizeof where);
	hc_fault("%s: it %s %zu bytes, %s",
	    a && a->freed ? "use after free" : "out of bounds", how, bytes, where);
}

/* --- an access -------------------------------------------------------------------- */

/* The cells of an access, after the bounds check; NULL: it has no cells. */
static struct cell *global_cells(const void *at, size_t bytes, const char *how,
    bool *initialised)
{
	const unsigned char *p = at;
	struct hc_allocation *a = recent;

	if (!a || p < a->start || p >= a->start + a->bytes)
		a = recent = hc_allocation_of(at);
	if (!a) {
		outside(at, bytes, how);
		return NULL;
	}
	if (bytes > a->bytes - (size_t)(p - a->start))
		outside(a->start + a->bytes, bytes, how);
	*initialised = a->initialised || a->device < 0;
	return a->shadow ? (struct cell *)a->shadow + (p - a->start) : NULL;
}

static void must_be_written(const struct cell *c, const void *at, size_t bytes,
    const char *how)
{
	char where[256];

	if (hc_config()->ignore_uninitialised)
		return;
	hc_describe(at, where, sizeof where);
	hc_fault("uninitialised: it %s %zu bytes, %s was never written%s", how, bytes,
	    where, c->write.interval ? " by this block" : "");
}

static void check(const void *at, size_t bytes, bool write, bool atomic)
{
	const char *how = verb(write, atomic);
	struct access now;
	struct cell *cells;
	uint32_t first = launch_first, written = HOST;
	bool initialised = false;
	long offset;

	if (hc_in_arena(at))
		cells = global_cells(at, bytes, how, &initialised);
	else if (hc_shared_offset(at, &offset)) {
		if (offset < 0 || (size_t)offset + bytes > hc_run.launch->shared_bytes)
			outside(at, bytes, how);
		cells = &shared_cells[offset < 0 ? 0 : offset];
		first = written = block_first; /* new in each block */
	} else
		return;
	now = access_now(atomic);
	for (size_t i = 0; cells && i < bytes; i++) {
		struct cell *c = &cells[i];

		if ((!write || atomic) && c->write.interval < written && !initialised)
			must_be_written(c, (const char *)at + i, bytes, how);
		if (!(atomic && c->write.flags & ATOMIC) &&
		    races(&c->write, &now, first))
			race(at, bytes, how, &c->write, "written");
		if (write && races(&c->read, &now, first))
			race(at, bytes, how, &c->read, "read");
		note(write ? &c->write : &c->read, &now, first);
	}
}

void hc_trace_access(const void *at, size_t bytes, bool write)
{
	if (hc_run.current && pthread_equal(hc_run.runner, pthread_self()))
		check(at, bytes, write, false);
}

void hc_trace_atomic(const void *at, size_t bytes)
{
	if (!hc_tracing)
		return;
	published |= fenced;
	acquired = true;
	check(at, bytes, true, true);
}

/* --- accesses by the host --------------------------------------------------------- */

void hc_trace_allocated(struct hc_allocation *a)
{
	void *shadow;

	if (!hc_tracing || a->device < 0)
		return;
	shadow = mmap(NULL, a->bytes * sizeof(struct cell), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (shadow != MAP_FAILED)
		a->shadow = shadow;
}

void hc_trace_freed(struct hc_allocation *a)
{
	if (a->shadow)
		munmap(a->shadow, a->bytes * sizeof(struct cell));
	a->shadow = NULL;
	if (recent == a)
		recent = NULL;
}

void hc_trace_written(struct hc_allocation *a, const void *at, size_t bytes)
{
	struct cell *c = a->shadow;

	if (!c || a->initialised)
		return;
	if (bytes == a->bytes) {
		a->initialised = true; /* completely: no need to touch the cells */
		return;
	}
	c += (const unsigned char *)at - a->start;
	for (size_t i = 0; i < bytes; i++)
		if (!c[i].write.interval)
			c[i].write.interval = HOST;
}

/* A copy of uninitialised bytes is uninitialised. */
void hc_trace_copied(struct hc_allocation *to, const void *at,
    struct hc_allocation *from, const void *source, size_t bytes)
{
	struct cell *t = to->shadow, *f = from->shadow;

	if (!t || !f || from->initialised) {
		hc_trace_written(to, at, bytes);
		return;
	}
	if (to->initialised)
		return;
	t += (const unsigned char *)at - to->start;
	f += (const unsigned char *)source - from->start;
	for (size_t i = 0; i < bytes; i++)
		t[i].write.interval = f[i].write.interval ? HOST : 0;
}
