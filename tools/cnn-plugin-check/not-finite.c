/* not-finite.c - NaN and the infinities go through a layer as in IEEE arithmetic. */
#include "case.h"
#include <math.h>
#include <string.h>

/* A NaN that became a number, and a number that became infinite, must be noticed. */
static bool notices(struct results *r, const struct results *reference, double bound)
{
	bool noticed = true;
	char where[200];

	for (size_t k = 0; k < r->of[0].n; k++) {
		double *x = &r->of[0].x[k], kept = *x;

		if (!isnan(reference->of[0].x[k]) && k > 0)
			continue;
		*x = isnan(kept) ? 0 : INFINITY;
		noticed = noticed &&
		    !results_as_odd(r, reference, bound, false, where, sizeof(where));
		*x = kept;
	}
	return noticed;
}

bool check_not_finite(struct trial *t, const struct subject *subject,
    const struct layer_chain *c, const struct test_case *tried,
    const struct element_type *type)
{
	struct settings settings = { .dtype = type->dtype,
		.samples = tried->samples,
		.microbatch = tried->microbatch,
		.training = subject->kernel->backward };
	struct results results = { 0 }, reference = { 0 };
	struct cnn_error e = { 0 };
	struct data data = { 0 };
	bool spreads = false;
	char what[300], where[200] = "";
	int r;

	name_case(t, tried, type->name, CNN_NCHW, what, sizeof(what));
	if (t->begin)
		t->begin(t, what);

	if (!trial_takes(t, subject, c, &settings))
		return false;
	for (uint32_t i = 0; i < c->node_count; i++)
		spreads |= strcmp(c->types[i], "conv2d") == 0;
	r = data_make(&data, &t->reference, c, tried, settings.dtype, &e);
	for (int training = settings.training; training >= 0 && r == CNN_OK;
	     training--) {
		settings.training = training;
		if (!trial_takes(t, subject, c, &settings))
			continue;
		r = results_of_chain(&reference, trial_reference, t, c, &settings,
		    &data, &e);
		if (r == CNN_OK)
			r = results_of_run(&results, subject, c, &settings, &data, NULL,
			    &e);
		if (r == CNN_OK) {
			const double bound = settings.dtype == CNN_F32 ? 1e-4 : 0.1;
			bool good = results_as_odd(&results, &reference, bound, spreads,
					where, sizeof(where)) &&
			    notices(&results, &reference, bound);

			/* Padding holds zero times what is not finite. */
			claim(t, good, "%s%s, not finite: %s", what,
			    training ? "" : ", evaluation", where);
		}
		results_free(&results);
		results_free(&reference);
	}
	if (r != CNN_OK)
		claim_failed(t, &e, "%s, not finite", what);
	data_free(&data);
	return true;
}
