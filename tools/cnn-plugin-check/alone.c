/* alone.c - one case of a kernel of a new layer type, which no reference has.
 *
 * Its gradients are compared with finite differences of its own forward pass, and its
 * results with its own under other conditions that must not matter: microbatches,
 * layouts, threads, memory of other contents. */
#include "case.h"
#include "gradients.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define GRADIENT_BOUND 0.01 /* gradients.h */
#define F32_BOUND 1e-10	    /* mean square, as case_bounds() */
#define NAN_ELEMENTS 8	    /* of an input, set to NaN one at a time */

/* Beside its own results in float, on numbers that the type holds: the results are
 * rounded, and steps within the layer may be. 40 times the u^2/3 of cases.c. */
static const double half_bounds[3] = { 0, 2.4e-4, 3.8e-6 };

struct alone {
	struct trial *trial;
	const struct subject *subject;
	const struct layer_chain *chain;
	struct test_case tried;
	struct settings settings;
	struct data data;
	struct results plain;
	char what[300];
};

static bool is_finite(const double *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return false;
	return true;
}

/* Are the results under these settings those of `wanted`, within `bound`? A claim only
 * if not. how: ", in one microbatch". */
static void check_same(struct alone *a, const struct settings *settings,
    const struct data *d, const struct results *wanted, double bound, const char *how)
{
	struct results results = { 0 };
	struct cnn_error e = { 0 };
	const char *complaint = NULL, *name;
	char why[300] = "";
	double worst;
	int r =
	    results_of_run(&results, a->subject, a->chain, settings, d, &complaint, &e);

	if (r != CNN_OK)
		claim_failed(a->trial, &e, "%s%s", a->what, how);
	else if (complaint)
		claim(a->trial, false, "%s%s: %s", a->what, how, complaint);
	else if (!results_near(&results, wanted, (struct bounds){ bound, bound },
		     &worst, &name)) {
		explain(a->trial, a->subject, a->chain, settings, d, why, sizeof(why));
		claim(a->trial, false,
		    *why ? "%s%s: another %s (%.2g): %s" : "%s%s: another %s (%.2g)%s",
		    a->what, how, name, worst, why);
	}
	results_free(&results);
}

/* Is the run offered with these settings? */
static bool is_taken(const struct alone *a, const struct settings *s)
{
	return trial_takes(a->trial, a->subject, a->chain, s);
}

static void check_microbatches(struct alone *a)
{
	struct settings varied = a->settings;

	varied.microbatch = varied.samples;
	if (is_taken(a, &varied))
		check_same(a, &varied, &a->data, &a->plain, F32_BOUND,
		    ", in one microbatch");
	varied.microbatch = (varied.samples + MAX_MICROBATCHES - 1) / MAX_MICROBATCHES;
	if (is_taken(a, &varied))
		check_same(a, &varied, &a->data, &a->plain, F32_BOUND,
		    ", in small microbatches");
}

static unsigned check_layouts(struct alone *a)
{
	struct settings varied = a->settings;
	unsigned taken = 0;

	if (a->chain->inputs[0].rank != 3)
		return 0;
	for (uint32_t layout = CNN_NHWC; layout <= CNN_NCHW16C; layout++) {
		varied.layout = layout;
		if (!is_taken(a, &varied))
			continue;
		name_case(a->trial, &a->tried, "f32", layout, a->what, sizeof(a->what));
		if (a->trial->begin)
			a->trial->begin(a->trial, a->what);
		check_same(a, &varied, &a->data, &a->plain, F32_BOUND, "");
		taken++;
	}
	return taken;
}

/* In half precision: near the results in float, of the same numbers. */
static unsigned check_halves(struct alone *a)
{
	unsigned taken = 0;

	for (int i = 1; i < 3; i++) {
		struct settings varied = a->settings;
		struct results wanted = { 0 };
		struct cnn_error e = { 0 };
		struct data d = { 0 };

		varied.dtype = element_types[i].dtype;
		if (!is_taken(a, &varied))
			continue;
		name_case(a->trial, &a->tried, element_types[i].name, CNN_NCHW, a->what,
		    sizeof(a->what));
		if (a->trial->begin)
			a->trial->begin(a->trial, a->what);
		taken++;
		if (data_make(&d, &a->trial->reference, a->chain, &a->tried,
			varied.dtype, &e) != CNN_OK ||
		    results_of_run(&wanted, a->subject, a->chain, &a->settings, &d,
			NULL, &e) != CNN_OK)
			claim_failed(a->trial, &e, "%s, its numbers in f32", a->what);
		else
			check_same(a, &varied, &d, &wanted, half_bounds[i], "");
		results_free(&wanted);
		data_free(&d);
	}
	return taken;
}

/* The run outside training may compute something else, but by the same rules. */
static void check_evaluation(struct alone *a)
{
	struct settings evaluating = a->settings;
	struct results results = { 0 };
	const char *complaint = NULL;
	struct cnn_error e = { 0 };
	char why[300];

	evaluating.training = false;
	if (!is_taken(a, &evaluating))
		return;
	if (results_of_run(&results, a->subject, a->chain, &evaluating, &a->data,
		&complaint, &e) != CNN_OK)
		claim_failed(a->trial, &e, "%s, evaluation", a->what);
	else if (complaint)
		claim(a->trial, false, "%s, evaluation: %s", a->what, complaint);
	else if (explain(a->trial, a->subject, a->chain, &evaluating, &a->data, why,
		     sizeof(why)))
		claim(a->trial, false, "%s, evaluation: %s", a->what, why);
	results_free(&results);
}

static void check_gradients(struct alone *a)
{
	struct cnn_error e = { 0 };
	const char *name;
	double worst;

	if (!a->settings.training || a->trial->no_gradients)
		return;
	if (gradients_check(a->subject, a->chain, &a->settings, &a->data, &worst, &name,
		&e) != CNN_OK)
		claim_failed(a->trial, &e, "%s", a->what);
	else if (!(worst <= GRADIENT_BOUND))
		claim(a->trial, false,
		    "%s: the gradient of %s is not that of finite differences: "
		    "off by %.2g of it",
		    a->what, name, worst);
}

/* Does a NaN at this element of an input reach the output? */
static bool keeps_nan(struct alone *a, double *x)
{
	struct results results = { 0 };
	struct cnn_error e = { 0 };
	const double kept = *x;
	bool good;

	*x = NAN;
	good = results_of_run(&results, a->subject, a->chain, &a->settings, &a->data,
		   NULL, &e) != CNN_OK ||
	    !is_finite(results.of[0].x, results.of[0].n);
	*x = kept;
	trial_ran_out(a->trial, &e);
	results_free(&results);
	return good;
}

/* Where an output depends on an element, as the gradient says, a NaN there makes
 * one. */
static void check_nan(struct alone *a)
{
	const struct layer_chain *c = a->chain;
	size_t at = 1; /* the results begin with the output */

	for (uint32_t i = 0; a->settings.training && i < c->input_count; i++) {
		const struct results *r = &a->plain;
		const double *gradient = r->of[at].x;
		unsigned tried = 0;
		double size = 0;

		if (c->index[i])
			continue;
		for (size_t k = 0; k < r->of[at].n; k++)
			size = fmax(size, fabs(gradient[k]));
		for (size_t k = 0; k < r->of[at].n && tried < NAN_ELEMENTS;
		     k += 1 + k / 8) {
			if (fabs(gradient[k]) <= 0.01 * size)
				continue;
			tried++;
			if (!keeps_nan(a, &a->data.in[i][k])) {
				claim(a->trial, false,
				    "%s: a NaN in input %u (element %zu) leaves "
				    "none in the output",
				    a->what, i + 1, k);
				break;
			}
		}
		at++;
	}
}

/* The numbers of the case, and the results: of positive numbers if a function such as
 * the logarithm has no finite values elsewhere. */
static bool compute(struct alone *a)
{
	const char *complaint = NULL;
	struct cnn_error e = { 0 };
	bool finite = false;
	char why[300] = "";

	for (int pass = 0; pass < 2 && !finite; pass++) {
		data_free(&a->data);
		results_free(&a->plain);
		a->tried.values = pass == 0 ? DISTINCT : POSITIVE;
		if (data_make(&a->data, &a->trial->reference, a->chain, &a->tried,
			CNN_F32, &e) != CNN_OK ||
		    results_of_run(&a->plain, a->subject, a->chain, &a->settings,
			&a->data, &complaint, &e) != CNN_OK) {
			claim_failed(a->trial, &e, "%s", a->what);
			return false;
		}
		if (complaint)
			return claim(a->trial, false, "%s: %s", a->what, complaint);
		if (explain(a->trial, a->subject, a->chain, &a->settings, &a->data, why,
			sizeof(why)))
			return claim(a->trial, false, "%s: %s", a->what, why);
		finite = true;
		for (size_t i = 0; i < a->plain.count; i++)
			finite = finite &&
			    (is_finite(a->plain.of[i].x, a->plain.of[i].n) ||
				(a->chain->loss && i == 0)); /* hits may be NaN */
	}
	return finite ||
	    claim(a->trial, false,
		"%s: its results are not finite, neither for "
		"inputs in (-1, 1) nor in (0.1, 1)",
		a->what);
}

unsigned check_alone(struct trial *t, const struct subject *subject,
    const struct layer_chain *c, const struct test_case *tried)
{
	struct alone a = {
		.trial = t,
		.subject = subject,
		.chain = c,
		.tried = *tried,
		.settings = { .dtype = CNN_F32,
		    .samples = tried->samples,
		    .microbatch = tried->microbatch,
		    .training = subject->kernel->backward },
	};
	struct cnn_error e = { 0 };
	unsigned taken = 1;

	name_case(t, tried, "f32", CNN_NCHW, a.what, sizeof(a.what));
	if (t->begin)
		t->begin(t, a.what);
	if (!is_taken(&a, &a.settings)) {
		a.settings.training = false;
		if (!is_taken(&a, &a.settings))
			return 0;
	}
	if (compute(&a)) {
		claim(t, true, "%s", a.what);
		if (check_variants(t, subject, c, &a.settings, &a.data, &a.plain,
			a.what, &e) != CNN_OK)
			claim_failed(t, &e, "%s", a.what);
		check_gradients(&a);
		check_microbatches(&a);
		check_evaluation(&a);
		check_nan(&a);
		taken += check_layouts(&a);
		taken += check_halves(&a);
	}
	data_free(&a.data);
	results_free(&a.plain);
	return taken;
}
