/* gradients.c - a run's gradients against finite differences. */
#include "gradients.h"
#include <math.h>
#include <stdlib.h>

#define STEP 1e-5
#define MOST 200

struct attempt {
	struct runner *runner;
	const struct data *data;
	const struct layer_chain *chain;
	double *out;
	size_t out_count;
	struct cnn_error *error;
};

static int loss(struct attempt *a, double *value)
{
	int code = runner_set_params(a->runner, a->data->params, a->error);

	if (code == CNN_OK)
		code = runner_forward(a->runner, a->data->in, a->out, a->error);
	*value = 0;
	for (size_t i = 0; i < a->out_count; i++)
		*value += a->out[i] * (!a->chain->loss ? a->data->grad_out[i]
			: i % 2 == 0 ? 0.125 : 0);   /* not the hits */
	return code;
}

/* Compares `gradient` with the differences of x[0 .. n - 1], one of the data. */
static int compare(struct attempt *a, double *x, const double *gradient, size_t n,
	double *worst)
{
	const size_t stride = n / MOST + 1;
	double size = 0, difference = 0;
	int code = CNN_OK;

	for (size_t i = 0; i < n; i++)
		size = fmax(size, fabs(gradient[i]));
	for (size_t i = 0; code == CNN_OK && i < n; i += stride) {
		const double kept = x[i];
		double above, below, d;

		x[i] = kept + STEP;
		code = loss(a, &above);
		if (code == CNN_OK) {
			x[i] = kept - STEP;
			code = loss(a, &below);
		}
		x[i] = kept;
		if (code != CNN_OK)
			break;
		d = fabs((above - below) / (2 * STEP) - gradient[i]);
		difference = d > difference || isnan(d) ? d : difference;
	}
	*worst = size > 1e-9 ? difference / size : difference;
	return code;
}

int gradients_check(const struct subject *subject, const struct layer_chain *c,
	const struct settings *s, const struct data *d, double *worst,
	const char **name, struct cnn_error *e)
{
	static const char *const input_names[] = { "input 1", "input 2", "input 3",
		"input 4", "input 5", "input 6", "input 7", "input 8" };
	const size_t out_count = chain_count(&c->output) * s->samples;
	struct results results;
	struct runner runner;
	struct attempt a = { &runner, d, c, calloc(out_count + 1, sizeof(double)),
		out_count, e };
	size_t at = 1;                       /* the results begin with the output */
	int code;

	*worst = 0;
	*name = "nothing";
	code = results_of_run(&results, subject, c, s, d, NULL, e);
	if (code == CNN_OK)
		code = runner_open(&runner, subject, c, s, d->params, e);
	for (uint32_t i = 0; code == CNN_OK && i < c->input_count + c->param_count; i++) {
		uint32_t p = i - c->input_count;
		double excess = 0, *x = i < c->input_count ? d->in[i] : d->params[p];

		if (i < c->input_count && c->index[i])
			continue;
		if (i < c->input_count || c->params[p].kind == CNN_PARAM_TRAINABLE)
			code = compare(&a, x, results.of[at].x, results.of[at].n, &excess);
		if (excess > *worst || isnan(excess)) {
			*worst = excess;
			*name = i < c->input_count ? input_names[i] : c->params[p].name;
		}
		at++;
	}
	runner_close(&runner);
	results_free(&results);
	free(a.out);
	return code;
}
