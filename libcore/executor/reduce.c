/* reduce.c - sums over microbatches along one fixed binary tree.
 *
 * Node (l, i) of the tree is node (l-1, 2i) + node (l-1, 2i+1), or node (l-1, 2i) alone
 * if the other covers no microbatch. A worker has consecutive microbatches and folds
 * them like a binary counter carries. If the sibling belongs to another worker, the
 * addition is done after all workers have finished. The additions are the same
 * whichever thread does them, so the bits of the sum depend only on the number of
 * microbatches. */
#include "executor-private.h"

#include <string.h>

size_t cnn_reduce_depth(uint32_t microbatches)
{
	size_t bits = 0, most;

	while (microbatches >> bits)
		bits++;
	/* At most one sum per level on the way up and one on the way down, and the
	 * microbatch that is being computed. */
	most = 2 * bits + 1;
	return most < (size_t)microbatches + 1 ? most : (size_t)microbatches + 1;
}

int cnn_reduce_push(struct cnn_worker *w, uint32_t microbatch, float *sum)
{
	const struct cnn_executor *ex = w->ex;
	struct cnn_partial *top;
	int r;

	w->stack[w->stack_count++] = (struct cnn_partial){ 0, microbatch, sum };
	while (w->stack_count > 1) {
		top = &w->stack[w->stack_count - 1];
		if (top[-1].level != top->level || top->index % 2 == 0 ||
		    top[-1].index + 1 != top->index)
			break;
		r = ex->device_functions->add(ex->device, ex->queue, CNN_F32,
		    ex->param_floats, top[-1].sum, top->sum);
		if (r < 0)
			return r;
		w->spare[w->spare_count++] = top->sum;
		top[-1].level++;
		top[-1].index /= 2;
		w->stack_count--;
	}
	return CNN_OK;
}

/* --- the additions that are left after all workers -------------------------------- */

static float *find(struct cnn_executor *ex, uint32_t level, uint32_t index)
{
	for (uint32_t w = 0; w < ex->worker_count; w++)
		for (size_t i = 0; i < ex->workers[w].stack_count; i++) {
			const struct cnn_partial *p = &ex->workers[w].stack[i];

			if (p->level == level && p->index == index)
				return p->sum;
		}
	return NULL;
}

static float *merge(struct cnn_executor *ex, uint32_t level, uint32_t index)
{
	float *sum = find(ex, level, index), *right;

	if (sum || level == 0)
		return sum;
	sum = merge(ex, level - 1, 2 * index);
	if ((uint64_t)(2 * index + 1) << (level - 1) < ex->microbatches) {
		right = merge(ex, level - 1, 2 * index + 1);
		ex->merges[ex->merge_count++] = (struct cnn_merge){ sum, right };
	}
	return sum;
}

float *cnn_reduce_plan(struct cnn_executor *ex)
{
	uint32_t level = 0;

	while ((uint64_t)1 << level < ex->microbatches)
		level++;
	ex->merge_count = 0;
	return merge(ex, level, 0);
}

/* --- small sums in double --------------------------------------------------------- */

/* The samples of `count` microbatches from number `first` on. */
static uint64_t samples_of(const struct cnn_executor *ex, size_t first, size_t count)
{
	const uint64_t from = (uint64_t)first * ex->microbatch_size;
	const uint64_t to = from + (uint64_t)count * ex->microbatch_size;

	return (to < ex->samples ? to : ex->samples) - from;
}

void cnn_reduce_partials(struct cnn_executor *ex, const struct cnn_instance *inst,
    bool backward)
{
	const struct cnn_plan *plan = &inst->plan;
	const size_t at = inst->partial + (backward ? plan->reduce_forward : 0);
	const size_t count = backward ? plan->reduce_backward : plan->reduce_forward;
	const size_t stride = ex->partial_count;
	double *all = ex->partials + at;

	if (ex->reduced == ex->partials) /* there is one microbatch */
		return;
	for (size_t step = 1; step < ex->microbatches; step *= 2)
		for (size_t s = 0; s + step < ex->microbatches; s += 2 * step) {
			double *into = all + s * stride;
			const double *from = all + (s + step) * stride;

			if (!backward && cnn_kernel_combines(inst->kernel))
				inst->kernel->combine(inst->handle, into,
				    samples_of(ex, s, step), from,
				    samples_of(ex, s + step, step));
			else
				for (size_t i = 0; i < count; i++)
					into[i] += from[i];
		}
	memcpy(ex->reduced + at, all, count * sizeof *all);
}
