/* variants.c - the same results under conditions that must not matter. */
#include "case.h"
#include "cases.h"

static uint32_t real_inputs(const struct layer_chain *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->input_count; i++)
		n += !c->index[i];
	return n;
}

/* Without the input's gradient a run may be computed in another way, whose results are
 * as near to the right ones. */
static bool are_near(const struct results *results, const struct results *wanted,
    const struct layer_chain *c, uint32_t dtype)
{
	struct bounds b = case_bounds(c, dtype);
	const char *name;
	double worst;

	/* Mean squares of errors: of twice the size */
	b.forward *= 4;
	b.backward *= 4;
	return results_near(results, wanted, b, &worst, &name);
}

int check_variants(struct trial *t, const struct subject *subject,
    const struct layer_chain *c, const struct settings *settings, const struct data *d,
    const struct results *plain, const char *what, struct cnn_error *e)
{
	static const char *const names[] = { "in place", "from another thread",
		"a second time", "without the input's gradient" };
	struct results results;
	int r = CNN_OK;

	for (int v = 0; v < 4 && r == CNN_OK; v++) {
		struct settings varied = *settings;
		struct results wanted = *plain;
		const char *complaint;

		if (v == 3 && !settings->training)
			continue;
		/* A device that is parallel within is called from one thread. */
		if (v == 1 && subject->device->flags & CNN_DEVICE_WHOLE_BATCH)
			continue;
		varied.in_place = v == 0;
		varied.other_thread = v == 1;
		varied.again = v == 2;
		varied.no_input_gradient = v == 3;
		r = results_of_run(&results, subject, c, &varied, d, &complaint, e);
		if (v == 3) { /* the output, then the parameters' */
			wanted.count = 1;
			for (size_t i = 1 + real_inputs(c); i < plain->count; i++)
				wanted.of[wanted.count++] = plain->of[i];
		}
		if (r == CNN_OK &&
		    !(v == 3 ? are_near(&results, &wanted, c, settings->dtype) :
			       results_equal(&results, &wanted)))
			claim(t, false, "%s: other results %s", what, names[v]);
		if (r == CNN_OK && complaint)
			claim(t, false, "%s: %s, %s", what, complaint, names[v]);
		results_free(&results);
	}
	return r;
}
