/* The tree that sums microbatches. The bits are the same for any number of workers, and
 * a worker holds no more sums than cnn_reduce_depth() allows. The arrays have exactly
 * that length, so a sanitizer sees an access beyond it. */
#include "tap.h"

#include "executor/executor-private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FLOATS = 3, MOST_MICROBATCHES = 70, MOST_WORKERS = 9 };

static int additions;

static int add(void *device, void *queue, uint32_t dtype, size_t count, void *dst,
    const void *src)
{
	float *to = dst;
	const float *from = src;

	(void)device, (void)queue, (void)dtype;
	for (size_t i = 0; i < count; i++)
		to[i] += from[i];
	additions++;
	return CNN_OK;
}

/* Numbers whose sum depends on the order. */
static float value(uint32_t microbatch, int i)
{
	uint32_t x = microbatch * 2654435761u + (uint32_t)i * 40503u + 12345u;

	x ^= x >> 13;
	x *= 0x5bd1e995u;
	x ^= x >> 15;
	return ((float)(x % 20001) - 10000) / 7919 * (x & 0x20000 ? 1e4f : 1);
}

/* The definition: halves of the smallest power of two that is at least
 * `microbatches`. */
static float tree(uint32_t first, uint32_t size, uint32_t microbatches, int i)
{
	if (size == 1)
		return value(first, i);
	if (first + size / 2 >= microbatches)
		return tree(first, size / 2, microbatches, i);
	return tree(first, size / 2, microbatches, i) +
	    tree(first + size / 2, size / 2, microbatches, i);
}

static float expected(uint32_t microbatches, int i)
{
	uint32_t size = 1;

	while (size < microbatches)
		size *= 2;
	return tree(0, size, microbatches, i);
}

static void worker_open(struct cnn_worker *w, struct cnn_executor *ex, size_t depth)
{
	*w = (struct cnn_worker){ .ex = ex };
	w->spare = malloc(depth * sizeof *w->spare);
	w->stack = malloc(depth * sizeof *w->stack);
	for (; w->spare_count < depth; w->spare_count++)
		w->spare[w->spare_count] = malloc(FLOATS * sizeof(float));
}

static void worker_close(struct cnn_worker *w)
{
	while (w->stack_count > 0)
		free(w->stack[--w->stack_count].sum);
	while (w->spare_count > 0)
		free(w->spare[--w->spare_count]);
	free(w->stack);
	free(w->spare);
}

/* One step like libcore/executor/step.c: `microbatches` of at most `most`. */
static bool step(struct cnn_executor *ex, uint32_t microbatches, size_t depth)
{
	bool good = true;
	float *sum;

	ex->microbatches = microbatches;
	additions = 0;
	for (uint32_t n = 0; n < ex->worker_count; n++) {
		struct cnn_worker *w = &ex->workers[n];
		uint32_t to = microbatches * (n + 1) / ex->worker_count;

		while (w->stack_count > 0)
			w->spare[w->spare_count++] = w->stack[--w->stack_count].sum;
		good &= w->spare_count == depth;
		for (uint32_t s = microbatches * n / ex->worker_count; good && s < to;
		     s++) {
			if (!(good = w->spare_count > 0))
				break;
			sum = w->spare[--w->spare_count];
			for (int i = 0; i < FLOATS; i++)
				sum[i] = value(s, i);
			good = cnn_reduce_push(w, s, sum) == CNN_OK;
		}
	}
	if (!good)
		return false;
	sum = cnn_reduce_plan(ex);
	for (size_t m = 0; m < ex->merge_count; m++)
		add(NULL, NULL, CNN_F32, FLOATS, ex->merges[m].into,
		    ex->merges[m].from);
	for (int i = 0; i < FLOATS; i++) {
		float want = expected(microbatches, i);

		good &= memcmp(&sum[i], &want, sizeof want) == 0;
	}
	return good && additions == (int)microbatches - 1;
}

static void test_workers(uint32_t workers)
{
	static const struct cnn_device device = { .size = sizeof device, .add = add };
	bool good = true;

	for (uint32_t most = 1; most <= MOST_MICROBATCHES; most++) {
		/* No more workers than microbatches, as in the executor. */
		uint32_t count = workers < most ? workers : most;
		size_t depth = cnn_reduce_depth((most + count - 1) / count);
		struct cnn_worker all[MOST_WORKERS];
		struct cnn_executor ex = { .device_functions = &device,
			.param_floats = FLOATS,
			.workers = all,
			.worker_count = count };

		ex.merges = malloc(most * sizeof *ex.merges);
		for (uint32_t n = 0; n < count; n++)
			worker_open(&all[n], &ex, depth);
		/* A whole batch, a last one that is smaller, a whole one again. */
		good &= step(&ex, most, depth);
		for (uint32_t microbatches = 1; microbatches <= most;
		     microbatches += 1 + most / 9)
			good &= step(&ex, microbatches, depth);
		good &= step(&ex, most, depth);
		for (uint32_t n = 0; n < count; n++)
			worker_close(&all[n]);
		free(ex.merges);
		if (!good) {
			printf("# at %u microbatches\n", most);
			break;
		}
	}
	ok(good, "%u workers: the tree's own bits, for 1 to %d microbatches", workers,
	    MOST_MICROBATCHES);
}

static void test_depth(void)
{
	bool good = true;

	for (uint32_t n = 1; n < 1000; n++)
		good &= cnn_reduce_depth(n) >= 1 && cnn_reduce_depth(n) <= n + 1 &&
		    cnn_reduce_depth(n) <= cnn_reduce_depth(n + 1);
	ok(good && cnn_reduce_depth(1 << 16) < 40, "the depth grows as a logarithm");
}

static void test_order_matters(void)
{
	float sum = 0;

	for (uint32_t s = 0; s < MOST_MICROBATCHES; s++)
		sum += value(s, 0);
	ok(sum != expected(MOST_MICROBATCHES, 0), "another order would have been seen");
}

static void test_partials(void)
{
	enum { COUNT = 5 };
	bool good = true;

	for (uint32_t microbatches = 1; microbatches <= MOST_MICROBATCHES;
	     microbatches++) {
		double partials[MOST_MICROBATCHES * COUNT], reduced[COUNT];
		struct cnn_executor ex = { .microbatches = microbatches,
			.partials = partials,
			.reduced = reduced,
			.partial_count = COUNT };
		const struct cnn_kernel kernel = { .size = sizeof kernel };
		const struct cnn_instance inst = { .kernel = &kernel,
			.partial = 1,
			.plan = { .reduce_forward = 3 } };

		for (uint32_t s = 0; s < microbatches; s++)
			for (int i = 0; i < COUNT; i++)
				partials[s * COUNT + (uint32_t)i] = (double)value(s, i);
		for (int i = 0; i < COUNT; i++)
			reduced[i] = -1;
		cnn_reduce_partials(&ex, &inst, false);
		for (int i = 1; i < 4; i++) {
			double want = 0;

			for (uint32_t s = 0; s < microbatches; s++)
				want += (double)value(s, i);
			good &= reduced[i] - want < 1e-6 && want - reduced[i] < 1e-6;
		}
		good &= reduced[0] == -1 && reduced[4] == -1;
		for (uint32_t s = 0; s < microbatches;
		     s++) /* neighbours are unchanged */
			good &= partials[s * COUNT] == (double)value(s, 0) &&
			    partials[s * COUNT + 4] == (double)value(s, 4);
	}
	ok(good, "small sums in double, of those asked for alone");
}

/* Joins the means of two groups. */
static void join_means(void *instance, double *into, uint64_t into_samples,
    const double *from, uint64_t from_samples)
{
	(void)instance;
	into[0] += (from[0] - into[0]) * (double)from_samples /
	    (double)(into_samples + from_samples);
	into[1] += from[1];
}

/* combine() instead of a sum, with the right numbers of samples. */
static void test_combine(void)
{
	enum { SIZE = 3, LAST = 2 };
	const struct cnn_kernel kernel = { .size = sizeof kernel,
		.combine = join_means };
	const struct cnn_kernel older = { .size = offsetof(struct cnn_kernel, combine),
		.combine = join_means };
	struct cnn_instance inst = { .kernel = &kernel,
		.plan = { .reduce_forward = 2, .reduce_backward = 1 } };
	bool good = true;

	for (uint32_t n = 2; n <= MOST_MICROBATCHES; n++) {
		double partials[MOST_MICROBATCHES * 3], reduced[3], sum = 0, last = 0;
		struct cnn_executor ex = { .microbatches = n,
			.microbatch_size = SIZE,
			.samples = (n - 1) * SIZE + LAST,
			.partials = partials,
			.reduced = reduced,
			.partial_count = 3 };

		for (uint32_t s = 0; s < n; s++) {
			double x = (double)value(s, 0);

			partials[3 * s] = partials[3 * s + 2] = x;
			partials[3 * s + 1] = 1;
			sum += x * (s + 1 < n ? SIZE : LAST);
			last += x;
		}
		cnn_reduce_partials(&ex, &inst, false);
		good &= fabs(reduced[0] - sum / ex.samples) < 1e-9 && reduced[1] == n;
		cnn_reduce_partials(&ex, &inst, true);
		good &= fabs(reduced[2] - last) < 1e-6;
	}
	ok(good, "means are combined, and the backward sums are added");
	ok(cnn_kernel_combines(&kernel) && !cnn_kernel_combines(&older),
	    "a kernel of an older version has no combine()");
}

int main(void)
{
	test_depth();
	test_order_matters();
	for (uint32_t workers = 1; workers <= MOST_WORKERS; workers++)
		test_workers(workers);
	test_partials();
	test_combine();
	return done();
}
