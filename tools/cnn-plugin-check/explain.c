/* explain.c - why results are wrong: a run may only depend on what the contract lets it
 * read. */
#include "case.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
	uint32_t spared;
	const char *message;
} faults[] = {
	{ SPARED_INPUT, "backward reads its input, but the plan lacks CNN_KEEP_INPUT" },
	{ SPARED_OUTPUT,
	    "backward reads its output, but the plan lacks CNN_KEEP_OUTPUT" },
	{ SPARED_MEMORY,
	    "reads saved, scratch or packed memory that it has not written" },
	{ SPARED_RESULTS, NULL }, /* see say_unwritten() */
};

static void append(char *text, size_t size, const char *more)
{
	size_t n = strlen(text);

	snprintf(text + n, size - n, "%s%s", n ? "; " : "", more);
}

/* The results that must be overwritten depend on what was there: were they left alone,
 * or added to? zero and marked: runs into memory of zeros, and of another number. */
static void say_unwritten(const struct results *zero, const struct results *marked,
    char *text, size_t size)
{
	char message[150];
	bool found = false;

	for (size_t i = 0; i < zero->count; i++) {
		size_t others = 0, kept = 0;

		for (size_t k = 0; k < zero->of[i].n; k++) {
			double x = zero->of[i].x[k], y = marked->of[i].x[k];

			others += x != y && !(isnan(x) && isnan(y));
			kept += x != y && x == 0;
		}
		if (others == 0)
			continue;
		found = true;
		if (kept == others)
			snprintf(message, sizeof(message),
			    "leaves %zu of %zu elements of the %s unwritten", kept,
			    zero->of[i].n, zero->of[i].name);
		else
			snprintf(message, sizeof(message),
			    "adds to the %s instead of setting it", zero->of[i].name);
		append(text, size, message);
	}
	if (!found)
		append(text, size, "reads what it must overwrite");
}

static int run(struct trial *t, struct results *r, const struct subject *subject,
    const struct layer_chain *c, const struct settings *settings, const struct data *d,
    uint32_t spared)
{
	struct settings varied = *settings;
	struct cnn_error e = { 0 };
	int code;

	varied.spared = spared;
	code = results_of_run(r, subject, c, &varied, d, NULL, &e);
	trial_ran_out(t, &e);
	return code;
}

bool explain(struct trial *t, const struct subject *subject,
    const struct layer_chain *c, const struct settings *settings, const struct data *d,
    char *text, size_t size)
{
	struct results calm = { 0 }, other = { 0 };
	int r = run(t, &calm, subject, c, settings, d, SPARED_ALL);

	*text = '\0';
	if (r == CNN_OK)
		r = run(t, &other, subject, c, settings, d, SPARED_ALL);
	if (r == CNN_OK && !results_equal(&calm, &other))
		append(text, size,
		    "the same call gives other results the second time: it keeps "
		    "state outside of its instance, or reads memory that nobody wrote");
	if (*text)
		r = CNN_END; /* the rest would not mean anything */
	for (size_t i = 0; r == CNN_OK && i < sizeof(faults) / sizeof(faults[0]); i++) {
		results_free(&other);
		r = run(t, &other, subject, c, settings, d,
		    SPARED_ALL & ~faults[i].spared);
		if (r != CNN_OK || results_equal(&calm, &other))
			continue;
		if (faults[i].message) {
			append(text, size, faults[i].message);
			continue;
		}
		results_free(&other);
		r = run(t, &other, subject, c, settings, d,
		    SPARED_ALL | MARKED_RESULTS);
		if (r == CNN_OK)
			say_unwritten(&calm, &other, text, size);
	}
	results_free(&calm);
	results_free(&other);
	return *text != '\0';
}
