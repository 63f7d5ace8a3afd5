/* cases.h - what is tried of built-in types, and how near is near enough. */
#ifndef CASES_H
#define CASES_H

#include "base/error.h"
#include <cnn/plugin.h>

enum values {
	DISTINCT, /* in (-1, 1), no two equal, none near 0 */
	WIDE,	  /* in (-8, 8), no two equal, none near a whole number */
	TIES,	  /* of -2, -1, 0, 1, 2: exact in every type */
	NEGATIVE, /* of -3, -2, -1 */
	POSITIVE, /* in (0.1, 1), no two equal */
	/* As DISTINCT, with a NaN and both infinities among them: of the forward pass
	 * alone */
	NOT_FINITE,
};

struct test_case {
	const char *net, *inputs; /* see chain.h */
	uint32_t samples, microbatch;
	enum values values;
};

/* Of built-in types. */
extern const struct test_case test_cases[];
extern const size_t test_case_count;

/* Cases made from the definitions of a run's layers (make-cases.c): each argument at
 * its default and at a few values of its range, with the first shapes that fit. */
struct case_list {
	struct test_case *cases; /* with texts of their own */
	size_t count;
};
struct cnn_plugins;
int make_cases(struct case_list *, struct cnn_plugins *, const char *run,
    struct cnn_error *);
/* Adds the cases of one net: of these inputs, or NULL: of the first shapes that fit. */
int make_cases_of(struct case_list *, struct cnn_plugins *, const char *net,
    const char *inputs, struct cnn_error *);
void case_list_free(struct case_list *);

/* Bounds of the normalised mean square error of a run's results in a type. */
struct bounds {
	double forward, backward;
};
struct layer_chain;
struct bounds case_bounds(const struct layer_chain *, uint32_t dtype);

#endif
