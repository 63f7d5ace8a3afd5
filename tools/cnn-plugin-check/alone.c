#include "trial.h"
unsigned check_alone(struct trial *t, const struct subject *s, const struct layer_chain *c, const struct test_case *tried) { (void)t;(void)s;(void)c;(void)tried; return 0; }
