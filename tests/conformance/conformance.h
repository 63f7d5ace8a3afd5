/* conformance.h - the parts of the conformance test. */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include "tools/cnn-plugin-check/check.h"

struct suite {
	struct cnn_plugins *plugins;         /* of what is tested */
	struct cnn_plugins *oracle;          /* cpu/ref in double */
	struct cnn_plugin_host hosts[2];     /* of the subject and the oracle */
	const char *device, *provider;
	char *const *names;                  /* plugins, runs and optimizers to test,
	                                      * then NULL; none: all */
	struct subject subject, reference;   /* except the kernel */
	unsigned sample, seed;               /* one case in so many, which the seed decides */
	bool must_fail;                      /* the provider is broken: count */
	unsigned failures;                   /* counted while must_fail */
};

/* One claim: a TAP line, or while must_fail only a count of those that are not
 * true. Returns `good`. */
__attribute__((format(printf, 3, 4)))
bool claim(struct suite *, bool good, const char *fmt, ...);

/* A find_layer (check.h) of cpu/ref in double; the context is the suite. */
int suite_reference(void *suite, const char *type, struct subject *,
	struct cnn_error *);
/* Is what a plugin offers under this name (a run, an optimizer) to be tested? */
bool suite_tests(const struct suite *, const char *plugin, const char *name);
/* Plugin number i of those to be tested, opened, from *i on; NULL after the last. One
 * that cannot be opened fails a test. */
const struct cnn_plugin *suite_next(struct suite *, size_t *i);
/* The provider's kernel for a run. */
int suite_kernel(struct suite *, const char *run, struct subject *);

/* What a provider is tried in. */
struct element_type {
	uint32_t dtype;
	const char *name;
};

/* Does the device compute in this type? No provider is held to one that it lacks. */
bool can_compute(const struct subject *, uint32_t dtype);
/* One NOT_FINITE case of a provider in one type. Returns whether it offers this at all. */
bool check_not_finite(struct suite *, const struct subject *, const struct layer_chain *,
	const struct test_case *, const struct element_type *);

void test_runs(struct suite *);          /* conformance.c */
void test_gradients(struct suite *);
void test_definitions(struct suite *);   /* definitions.c */
void test_recorded(struct suite *);      /* recorded.c */
void test_device(struct suite *);        /* device.c */
void test_optimizers(struct suite *);    /* optimizer.c */

#endif
