/* compare.c - one case of a kernel beside the reference, layer by layer. */
#include "case.h"
#include <math.h>
#include <string.h>

/* A result with one element wrong must be told from a right one, or the bounds
 * are no test: the largest, 1 % off in float, of the other sign in half (all of
 * them where the bound forgives one). */
static bool notices_errors(const struct results *r, const struct results *reference,
    struct bounds bounds, uint32_t dtype)
{
	double worst;
	const char *name;

	for (size_t i = 0; i < r->count; i++) {
		double *x = r->of[i].x, kept;
		size_t largest = 0, n = r->of[i].n;
		bool noticed;

		for (size_t k = 1; k < n; k++)
			if (fabs(x[k]) > fabs(x[largest]))
				largest = k;
		kept = x[largest];
		if (kept == 0)
			x[largest] = 1;
		else
			x[largest] *= dtype == CNN_F32 ? 1.01 : -1;
		noticed = !results_near(r, reference, bounds, &worst, &name);
		x[largest] = kept;
		for (size_t k = 0; !noticed && k < n; k++)
			x[k] = -x[k];
		noticed = noticed ||
		    (dtype != CNN_F32 &&
			!results_near(r, reference, bounds, &worst, &name));
		if (x[largest] != kept) /* all were turned: turn them back */
			for (size_t k = 0; k < n; k++)
				x[k] = -x[k];
		if (!noticed)
			return false;
	}
	return true;
}

/* Outside training the run is another one. */
static int check_evaluation(struct trial *t, const struct subject *subject,
    const struct layer_chain *c, const struct settings *settings, const struct data *d,
    struct bounds bounds, const char *what, struct cnn_error *e)
{
	struct results results = { 0 }, reference = { 0 };
	struct settings evaluating = *settings;
	const char *complaint = NULL, *name;
	double worst;
	int r;

	evaluating.training = false;
	if (!trial_takes(t, subject, c, &evaluating))
		return CNN_OK;
	r = results_of_run(&results, subject, c, &evaluating, d, &complaint, e);
	if (r == CNN_OK)
		r = results_of_chain(&reference, trial_reference, t, c, &evaluating, d,
		    e);
	if (r == CNN_OK &&
	    (!results_near(&results, &reference, bounds, &worst, &name) || complaint))
		claim(t, false, "%s: evaluation (%.2g)%s%s", what, worst,
		    complaint ? ": " : "", complaint ? complaint : "");
	results_free(&results);
	results_free(&reference);
	return r;
}

/* Returns whether the kernel takes this at all. */
static bool compare_in(struct trial *t, const struct subject *subject,
    const struct layer_chain *c, const struct test_case *tried,
    const struct element_type *type, uint32_t layout)
{
	const struct settings settings = { .dtype = type->dtype,
		.layout = layout,
		.samples = tried->samples,
		.microbatch = tried->microbatch,
		.training = subject->kernel->backward };
	const struct bounds bounds = case_bounds(c, settings.dtype);
	struct results results = { 0 }, reference = { 0 };
	const char *complaint = NULL, *name = "";
	struct cnn_error e = { 0 };
	struct data data = { 0 };
	char what[300], why[300] = "";
	double worst = 0;
	bool near = false, comparable;
	int r;

	name_case(t, tried, type->name, layout, what, sizeof(what));
	if (t->begin)
		t->begin(t, what);
	/* A kernel that wants another layout would compute the same again. */
	if (layout == CNN_NCHW || layout == CNN_NHWC ?
		!trial_takes(t, subject, c, &settings) :
		!trial_keeps_layout(t, subject, c, &settings))
		return false;
	r = data_make(&data, &t->reference, c, tried, settings.dtype, &e);
	if (r == CNN_OK)
		r = results_of_chain(&reference, trial_reference, t, c, &settings,
		    &data, &e);
	comparable = r == CNN_OK;
	if (!comparable) /* not the subject's fault */
		claim_failed(t, &e, "%s: the reference", what);
	else
		r = results_of_run(&results, subject, c, &settings, &data, &complaint,
		    &e);
	if (r == CNN_OK) {
		near = results_near(&results, &reference, bounds, &worst, &name);
		if (!near)
			explain(t, subject, c, &settings, &data, why, sizeof(why));
		claim(t, near, *why ? "%s (%s: %.2g): %s" : "%s (%s: %.2g)%s", what,
		    name, worst, why);
	}
	if (complaint)
		claim(t, false, "%s: %s", what, complaint);
	if (near) {
		claim(t, notices_errors(&results, &reference, bounds, settings.dtype),
		    "%s: a wrong element would be noticed", what);
		r = check_variants(t, subject, c, &settings, &data, &results, what, &e);
	}
	if (r == CNN_OK)
		r = check_evaluation(t, subject, c, &settings, &data, bounds, what, &e);
	if (r != CNN_OK && comparable)
		claim_failed(t, &e, "%s", what);
	results_free(&results);
	results_free(&reference);
	data_free(&data);
	return true;
}

unsigned compare_case(struct trial *t, const struct subject *subject,
    const struct layer_chain *c, const struct test_case *tried)
{
	unsigned taken = 0;

	for (int i = 0; i < 3; i++)
		taken += tried->values == NOT_FINITE ?
		    check_not_finite(t, subject, c, tried, &element_types[i]) :
		    compare_in(t, subject, c, tried, &element_types[i], CNN_NCHW);
	if (tried->values == NOT_FINITE || c->inputs[0].rank != 3 ||
	    c->inputs[0].dims[0] == 1)
		return taken;
	taken += compare_in(t, subject, c, tried, &element_types[0], CNN_NHWC);
	for (uint32_t layout = CNN_NCHW8C; layout <= CNN_NCHW16C; layout++)
		for (int i = 0; i < 2; i++)
			taken +=
			    compare_in(t, subject, c, tried, &element_types[i], layout);
	return taken;
}
