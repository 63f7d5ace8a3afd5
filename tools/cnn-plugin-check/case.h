/* case.h - what is asked of a kernel in one case. */
#ifndef CASE_H
#define CASE_H

#include "trial.h"

/* All of it: beside the reference (compare.c) or, if that lacks one of the layers,
 * alone (alone.c). Returns in how many types and layouts the kernel takes the case. */
unsigned check_case(struct trial *, const struct subject *, const struct layer_chain *,
    const struct test_case *);
unsigned compare_case(struct trial *, const struct subject *,
    const struct layer_chain *, const struct test_case *);
unsigned check_alone(struct trial *, const struct subject *, const struct layer_chain *,
    const struct test_case *);
/* One NOT_FINITE case in one type (not-finite.c). Returns whether the kernel takes
 * it. */
bool check_not_finite(struct trial *, const struct subject *,
    const struct layer_chain *, const struct test_case *, const struct element_type *);
/* The same bytes in place, from another thread, and again in the same instance; results as
 * near without the gradient of the input, which leaves those of the parameters alone
 * (variants.c). */
int check_variants(struct trial *, const struct subject *, const struct layer_chain *,
    const struct settings *, const struct data *, const struct results *plain,
    const char *what, struct cnn_error *);
/* text = why the run's results are wrong, if that shows in runs with other contents of
 * the memory that it may not read (explain.c). Returns whether it does. */
bool explain(struct trial *, const struct subject *, const struct layer_chain *,
    const struct settings *, const struct data *, char *text, size_t size);

#endif
