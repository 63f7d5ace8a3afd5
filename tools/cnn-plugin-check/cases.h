/* cases.h - what the conformance test tries, and how near is near enough. */
#ifndef CASES_H
#define CASES_H

#include <cnn/plugin.h>

enum values {
	DISTINCT,            /* in (-1, 1), no two equal, none near 0 */
	WIDE,                /* in (-8, 8), no two equal, none near a whole number */
	TIES,                /* of -2, -1, 0, 1, 2: exact in every type */
	NEGATIVE,            /* of -3, -2, -1 */
	NOT_FINITE,          /* as DISTINCT, with a NaN and both infinities among them:
	                      * of the forward pass alone */
};

struct test_case {
	const char *net, *inputs;            /* see chain.h */
	uint32_t samples, shard;
	enum values values;
};

extern const struct test_case test_cases[];
extern const size_t test_case_count;

/* Bounds of the normalised mean square error of a run's results in a type. */
struct bounds { double forward, backward; };
struct layer_chain;
struct bounds case_bounds(const struct layer_chain *, uint32_t dtype);

#endif
