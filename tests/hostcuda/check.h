/* check.h - for the tests of the API: checks that a child counts, and the expected
 * output and status of a child. */
#ifndef CHECK_H
#define CHECK_H

#include "child.h"
#include "../unit/tap.h"

#include <cuda_runtime.h>

/* Counts and prints the claims that do not hold. */
static int failures;

#define CHECK(claim) \
	do { \
		if (!(claim)) { \
			failures++; \
			fprintf(stderr, "line %d: %s\n", __LINE__, #claim); \
		} \
	} while (0)
/* `call` returns `error`, and so does the last error, once. */
#define GIVES(error, call) \
	do { \
		CHECK((call) == (error)); \
		CHECK(cudaGetLastError() == (error)); \
	} while (0)

__global__ void add(float *y, float a)
{
	*y += a;
}

__attribute__((unused)) static float *array(int n)
{
	float *p = NULL;

	cudaMalloc(&p, (size_t)n * sizeof *p);
	cudaMemset(p, 0, (size_t)n * sizeof *p);
	return p;
}

__attribute__((unused)) static float at(const float *p)
{
	float x = -1;

	CHECK(cudaMemcpy(&x, p, sizeof x, cudaMemcpyDeviceToHost) == cudaSuccess);
	return x;
}

/* Runs f in a child. `word` is expected in a report or in the line of counts. */
__attribute__((unused)) static void check(const char *what, const char *environment,
    int (*f)(void *), void *data, const char *word)
{
	static struct child c;

	child_run(&c, environment, f, data);
	if (!ok(c.status == 0 && (word ? strstr(c.err, word) != NULL : !*c.err), "%s",
		what))
		child_show(&c);
}

#endif
