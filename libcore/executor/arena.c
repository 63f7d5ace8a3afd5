/* arena.c - places buffers with different lifetimes in one block of memory.
 *
 * The largest buffers are placed first, each at the lowest offset that is free during
 * its lifetime. This is simple, and within a few per cent of the optimum for chains. */
#include "executor-private.h"

#include <stdlib.h>

static int by_size(const void *a, const void *b, void *buffers)
{
	const struct cnn_buffer *all = buffers;
	size_t i = *(const size_t *)a, j = *(const size_t *)b;

	if (all[i].bytes != all[j].bytes)
		return all[i].bytes < all[j].bytes ? 1 : -1;
	return i < j ? -1 : i > j;
}

static int by_offset(const void *a, const void *b, void *buffers)
{
	const struct cnn_buffer *all = buffers;
	size_t i = all[*(const size_t *)a].offset, j = all[*(const size_t *)b].offset;

	return i < j ? -1 : i > j;
}

int cnn_arena_place(struct cnn_buffer *buffers, size_t count, bool brief, size_t *bytes,
    struct cnn_error *e)
{
	size_t *order = calloc(count + 1, sizeof *order);
	size_t *near = calloc(count + 1, sizeof *near);
	size_t n = 0, used = 0;

	if (!order || !near) {
		free(order);
		free(near);
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < count; i++)
		if (buffers[i].first != CNN_NONE && buffers[i].brief == brief)
			order[n++] = i;
	qsort_r(order, n, sizeof *order, by_size, buffers);
	for (size_t i = 0; i < n; i++) {
		struct cnn_buffer *b = &buffers[order[i]];
		size_t near_count = 0, at = 0;

		for (size_t j = 0; j < i; j++) {
			const struct cnn_buffer *o = &buffers[order[j]];

			if (o->first <= b->last && b->first <= o->last)
				near[near_count++] = order[j];
		}
		qsort_r(near, near_count, sizeof *near, by_offset, buffers);
		for (size_t j = 0; j < near_count; j++) {
			const struct cnn_buffer *o = &buffers[near[j]];

			if (at + b->bytes <= o->offset)
				break;
			if (o->offset + o->bytes > at)
				at = o->offset + o->bytes;
		}
		b->offset = at;
		if (at + b->bytes > used)
			used = at + b->bytes;
	}
	free(order);
	free(near);
	*bytes = used;
	return CNN_OK;
}
