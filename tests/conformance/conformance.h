/* conformance.h - the parts of the conformance test. */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include "tools/cnn-plugin-check/case.h"

struct suite {
	struct trial trial; /* comes first: report() needs the suite */
	/* Plugins, runs and optimizers to test, then NULL; none: all */
	char *const *names;
	unsigned sample, seed; /* one case in so many, which the seed decides */
	bool must_fail;	       /* the provider is broken: count */
	unsigned failures;     /* counted while must_fail */
};

/* Is what a plugin offers under this name (a run, an optimizer) to be tested? */
bool suite_tests(const struct suite *, const char *plugin, const char *name);
/* Plugin number i of those to be tested, opened, from *i on; NULL after the last. One
 * that cannot be opened fails a test. */
const struct cnn_plugin *suite_next(struct suite *, size_t *i);
/* The provider's kernel for a run. */
int suite_kernel(struct suite *, const char *run, struct subject *);

void test_runs(struct suite *); /* conformance.c */
void test_gradients(struct suite *);
void test_definitions(struct suite *); /* definitions.c */
void test_recorded(struct suite *);    /* recorded.c */
void test_device(struct suite *);      /* device.c */
void test_optimizers(struct suite *);  /* optimizer.c */

#endif
