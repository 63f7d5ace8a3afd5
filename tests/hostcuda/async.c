/* async.c - asynchronous copies into shared memory (PTX's cp.async). They are done as
 * late as possible, at the wait. An earlier read finds poison, and a traced build
 * reports it. */
#include "private.h"

#include <stdlib.h>
#include <string.h>

struct hc_copy {
	void *to;
	const void *from; /* NULL: zeros */
	unsigned bytes, group;
};

void hostcuda_copy_async(void *to, const void *from, size_t bytes, bool there)
{
	struct hc_thread *t = hc_run.current;
	long offset;

	if (bytes != 4 && bytes != 8 && bytes != 16)
		hc_fault("an asynchronous copy of %zu bytes, not 4, 8 or 16", bytes);
	if ((uintptr_t)to % bytes || (there && (uintptr_t)from % bytes))
		hc_fault("misaligned: an asynchronous copy of %zu bytes from %p to %p",
		    bytes, from, to);
	if (!hc_shared_offset(to, &offset))
		hc_fault("an asynchronous copy to %p, which is not in shared memory",
		    to);
	if (t->copies == t->copy_capacity) {
		unsigned capacity = t->copy_capacity ? 2 * t->copy_capacity : 16;
		struct hc_copy *more = realloc(t->copy, capacity * sizeof *more);

		if (!more)
			hc_fault("no memory for an asynchronous copy");
		t->copy = more;
		t->copy_capacity = capacity;
	}
	t->copy[t->copies++] =
	    (struct hc_copy){ to, there ? from : NULL, (unsigned)bytes, t->groups };
}

void hostcuda_copies_commit(void)
{
	hc_run.current->groups++;
}

static void do_copy(const struct hc_copy *c)
{
	if (hc_tracing) {
		if (c->from)
			hc_trace_access(c->from, c->bytes, false);
		hc_trace_access(c->to, c->bytes, true);
	}
	if (c->from)
		memcpy(c->to, c->from, c->bytes);
	else
		memset(c->to, 0, c->bytes);
}

void hostcuda_copies_wait(unsigned under_way)
{
	struct hc_thread *t = hc_run.current;
	unsigned left = 0;

	for (unsigned i = 0; i < t->copies; i++) {
		const struct hc_copy *c = &t->copy[i];

		/* Copies outside of a group are not waited for. */
		if (c->group < t->groups && t->groups - c->group > under_way)
			do_copy(c);
		else
			t->copy[left++] = *c;
	}
	t->copies = left;
}
