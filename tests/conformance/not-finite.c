/* not-finite.c - NaN and the infinities go through a layer as in IEEE arithmetic. */
#include "conformance.h"
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
		noticed = noticed && !results_as_odd(r, reference, bound, false, where,
			sizeof(where));
		*x = kept;
	}
	return noticed;
}

bool check_not_finite(struct suite *s, const struct subject *subject, const struct layer_chain *c,
	const struct test_case *t, const struct element_type *type)
{
	struct settings settings = { .dtype = type->dtype, .samples = t->samples,
		.shard = t->shard, .training = true };
	struct results results = { 0 }, reference = { 0 };
	struct cnn_error e = { 0 };
	struct data data = { 0 };
	bool spreads = false;
	char where[200] = "";
	int code;

	if (!can_compute(subject, settings.dtype) || !runner_offers(subject, c, &settings))
		return false;
	for (uint32_t i = 0; i < c->node_count; i++)
		spreads |= strcmp(c->types[i], "conv2d") == 0;
	code = data_make(&data, &s->reference, c, t, settings.dtype);
	for (int training = 1; training >= 0 && code == CNN_OK; training--) {
		settings.training = training;
		if (!runner_offers(subject, c, &settings))
			continue;
		code = results_of_chain(&reference, suite_reference, s, c, &settings, &data, &e);
		if (code == CNN_OK)
			code = results_of_run(&results, subject, c, &settings, &data, NULL, &e);
		if (code == CNN_OK) {
			const double bound = settings.dtype == CNN_F32 ? 1e-4 : 0.1;
			bool good = results_as_odd(&results, &reference, bound, spreads, where,
				sizeof(where)) && notices(&results, &reference, bound);

			/* Padding holds zero times what is not finite. */
			claim(s, good, "%s/%s %s%s, not finite: %s of %s (%s)", s->device,
				s->provider, type->name, training ? "" : " evaluation",
				t->net, t->inputs, where);
		}
		results_free(&results);
		results_free(&reference);
	}
	if (code != CNN_OK)
		claim(s, false, "%s of %s, not finite: %s", t->net, t->inputs, e.text);
	data_free(&data);
	return true;
}
