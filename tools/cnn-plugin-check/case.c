/* case.c - what is asked of a kernel in one case. */
#include "case.h"

unsigned check_case(struct trial *t, const struct subject *subject,
    const struct layer_chain *c, const struct test_case *tried)
{
	return trial_has_reference(t, c) ? compare_case(t, subject, c, tried) :
					   check_alone(t, subject, c, tried);
}
