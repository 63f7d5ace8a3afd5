/* pick.c - finds the samples of a list in records that arrive in another order. */
#include "pick.h"
#include "formats/operand/columns.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NOT_HELD SIZE_MAX

/* An index of a list that is not ascending. */
struct wanted {
	uint64_t index;
	size_t last; /* its last place in the list */
	size_t row;  /* in `held`, or NOT_HELD */
};

struct cnn_picker {
	const struct cnn_pick_list *list;
	size_t place; /* of the next sample to write, in the list */

	/* Each index of the list once, ascending; none if the list is ascending. */
	struct wanted *wanted;
	size_t wanted_count;
	size_t arrived; /* wanted samples that have arrived */

	struct cnn_columns held;
	struct cnn_record view; /* of held */
	size_t *unused;		/* rows of held */
	size_t unused_count, held_count;
};

/* --- the list --------------------------------------------------------------------- */

static bool is_ascending(const struct cnn_pick_list *list)
{
	for (size_t i = 1; i < list->count; i++)
		if (list->items[i] < list->items[i - 1])
			return false;
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return (x->last > y->last) - (x->last < y->last);
}

static int list_wanted(struct cnn_picker *p, struct cnn_error *e)
{
	const struct cnn_pick_list *list = p->list;
	size_t n = 0;

	p->wanted = reallocarray(NULL, list->count, sizeof *p->wanted);
	p->unused = reallocarray(NULL, list->count, sizeof *p->unused);
	if (!p->wanted || !p->unused)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t i = 0; i < list->count; i++)
		p->wanted[i] = (struct wanted){ list->items[i], i, NOT_HELD };
	qsort(p->wanted, list->count, sizeof *p->wanted, compare);
	for (size_t i = 0; i < list->count; i++) {
		if (n > 0 && p->wanted[n - 1].index == p->wanted[i].index)
			n--;
		p->wanted[n++] = p->wanted[i];
	}
	p->wanted_count = n;
	return CNN_OK;
}

int cnn_picker_open(struct cnn_picker **picker, const struct cnn_pick_list *list,
    struct cnn_error *e)
{
	struct cnn_picker *p = calloc(1, sizeof *p);
	int r = CNN_OK;

	if (!p)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	p->list = list;
	if (!is_ascending(list) && (r = list_wanted(p, e)) < 0) {
		cnn_picker_close(p);
		return r;
	}
	*picker = p;
	return CNN_OK;
}

void cnn_picker_close(struct cnn_picker *p)
{
	if (!p)
		return;
	cnn_columns_free(&p->held);
	free(p->wanted);
	free(p->unused);
	free(p);
}

/* --- segments --------------------------------------------------------------------- */

int cnn_picker_enter(struct cnn_picker *p, const struct cnn_header *header,
    struct cnn_error *e)
{
	return cnn_columns_init(&p->held, header, e);
}

int cnn_picker_leave(struct cnn_picker *p, struct cnn_error *e)
{
	size_t i = 0;

	p->unused_count = 0;
	cnn_columns_free(&p->held);
	if (!p->held_count)
		return CNN_OK;
	while (p->wanted[i].row == NOT_HELD)
		i++;
	return cnn_fail(e, CNN_EDATA,
	    "--pick: can't write sample %" PRIu64 " after sample %" PRIu64
	    ": their segments have different fields, or a model is between them",
	    p->wanted[i].index, p->list->items[p->place]);
}

int cnn_picker_check(const struct cnn_picker *p, uint64_t seen, struct cnn_error *e)
{
	/* The list goes on only if the sample at `place` did not arrive. */
	if (p->place == p->list->count)
		return CNN_OK;
	return cnn_fail(e, CNN_EDATA,
	    "--pick: there is no sample %" PRIu64 ": the operands have %" PRIu64
	    ", counted from 0",
	    p->list->items[p->place], seen);
}

/* --- samples ---------------------------------------------------------------------- */

/* The row of the sample, which is held. Does not hold it any longer after its last place
 * in the list. */
static size_t take(struct cnn_picker *p, uint64_t index)
{
	size_t low = 0, high = p->wanted_count, row;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (p->wanted[middle].index > index)
			high = middle;
		else
			low = middle;
	}
	row = p->wanted[low].row;
	if (p->wanted[low].last == p->place) {
		p->wanted[low].row = NOT_HELD;
		p->unused[p->unused_count++] = row;
		p->held_count--;
	}
	return row;
}

bool cnn_picker_next(struct cnn_picker *p, struct cnn_record *record, uint64_t begin,
    struct cnn_record **from, size_t *first, size_t *n)
{
	const struct cnn_pick_list *list = p->list;
	uint64_t end = begin + record->samples, index;

	if (p->place == list->count || (index = list->items[p->place]) >= end)
		return false;
	*n = 1;
	if (index < begin) {
		*first = take(p, index);
		cnn_columns_view(&p->held, 0, p->held.samples, &p->view);
		*from = &p->view;
		p->place++;
		return true;
	}
	*from = record;
	*first = (size_t)(index - begin);
	for (p->place++; p->place < list->count && index + *n < end &&
	     list->items[p->place] == index + *n;
	     p->place++)
		++*n;
	return true;
}

static int hold(struct cnn_picker *p, const struct cnn_record *record, size_t sample,
    size_t *row, struct cnn_error *e)
{
	struct cnn_columns *held = &p->held;
	int r;

	if (!p->unused_count) {
		r = cnn_columns_append(held, record, sample, 1, e);
		*row = held->samples - 1;
		return r;
	}
	*row = p->unused[--p->unused_count];
	for (size_t i = 0; i < held->header->field_count; i++) {
		const struct cnn_tensor *t =
		    cnn_record_find((struct cnn_record *)record,
			held->header->fields[i].name);

		if (held->row[i])
			memcpy(held->data[i] + *row * held->row[i],
			    (const unsigned char *)t->data + sample * held->row[i],
			    held->row[i]);
	}
	return CNN_OK;
}

int cnn_picker_hold(struct cnn_picker *p, struct cnn_record *record, uint64_t begin,
    struct cnn_error *e)
{
	uint64_t end = begin + record->samples;
	int r = CNN_OK;

	for (; p->arrived < p->wanted_count; p->arrived++) {
		struct wanted *w = &p->wanted[p->arrived];

		if (w->index >= end)
			break;
		if (w->last < p->place)
			continue;
		r = hold(p, record, (size_t)(w->index - begin), &w->row, e);
		if (r < 0)
			break;
		p->held_count++;
	}
	return r;
}
