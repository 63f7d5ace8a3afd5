/* recorded.c - the layers against numbers that PyTorch gave. */
#include "conformance.h"
#include <stdlib.h>
#include <string.h>

struct recorded_layer {
	const char *net, *inputs;
	uint32_t samples;
	const double *in[CNN_MAX_INPUTS], *params[CNN_MAX_PARAMS];
	const double *grad_out, *out;
	const double *grad_in[CNN_MAX_INPUTS];
	const double *after[CNN_MAX_PARAMS]; /* gradients; buffers' new values */
	int32_t labels[8];
};

#include "recorded/layers.h"

static double *copy(const double *x, size_t n)
{
	double *y = calloc(n + 1, sizeof(*y));

	memcpy(y, x, n * sizeof(*y));
	return y;
}

/* Each recorded loss, and whether the label has the largest input. */
static double *losses_of(const struct recorded_layer *l, const struct layer_chain *c)
{
	const size_t classes = chain_count(&c->inputs[0]);
	double *x = calloc(2 * l->samples + 1, sizeof(*x));

	for (uint32_t n = 0; n < l->samples; n++) {
		const double *logits = l->in[0] + n * classes;
		size_t best = 0;

		for (size_t k = 1; k < classes; k++)
			best = logits[k] > logits[best] ? k : best;
		x[2 * n] = l->out[n];
		x[2 * n + 1] = best == (size_t)l->labels[n];
	}
	return x;
}

/* Recorded inputs, and what was recorded of the results in their order. */
static void read_recorded(const struct recorded_layer *l, const struct layer_chain *c,
    struct data *d, struct results *results)
{
	size_t n = chain_count(&c->output) * l->samples;

	memset(d, 0, sizeof(*d));
	results->count = 0;
	results->of[results->count].x = c->loss ? losses_of(l, c) : copy(l->out, n);
	results->of[results->count++].n = n;
	d->grad_out = copy(l->grad_out, c->loss ? 0 : n); /* a loss has none */
	for (uint32_t i = 0; i < c->input_count; i++) {
		n = chain_count(&c->inputs[i]) * l->samples;
		if (c->index[i]) {
			d->in[i] = calloc(n + 1, sizeof(double));
			for (size_t k = 0; k < n; k++)
				d->in[i][k] = l->labels[k];
			continue;
		}
		d->in[i] = copy(l->in[i], n);
		results->of[results->count].x = copy(l->grad_in[i], n);
		results->of[results->count++].n = n;
	}
	for (uint32_t i = 0; i < c->param_count; i++) {
		n = chain_count(&c->params[i].shape);
		d->params[i] = copy(l->params[i], n);
		results->of[results->count].x = copy(l->after[i], n);
		results->of[results->count++].n = n;
	}
}

static void test_layer(struct suite *s, const struct recorded_layer *l, uint32_t dtype)
{
	const struct bounds bounds = dtype == CNN_F64 ?
	    (struct bounds){ 1e-24, 1e-24 } :
	    (struct bounds){ 1e-10, 1e-10 };
	const struct settings settings = { .dtype = dtype,
		.samples = l->samples,
		.microbatch = l->samples > 1 ? l->samples - 1 : 1,
		.training = true };
	struct results results = { 0 }, recorded = { 0 };
	struct cnn_error e = { 0 };
	struct subject subject;
	struct layer_chain c;
	struct data data;
	const char *name = "";
	double worst = 0;
	bool near;
	int r;

	if (chain_parse(&c, s->trial.oracle, l->net, l->inputs, &e) != CNN_OK) {
		claim(&s->trial, false, "recorded %s: %s", l->net, e.text);
		return;
	}
	if (dtype == CNN_F64) {
		if (trial_reference(&s->trial, c.types[0], &subject, &e) != CNN_OK) {
			claim(&s->trial, false, "recorded %s: %s", l->net, e.text);
			return;
		}
	} else if (suite_kernel(s, c.types[0], &subject) != CNN_OK ||
	    !trial_takes(&s->trial, &subject, &c, &settings))
		return; /* not offered */
	read_recorded(l, &c, &data, &recorded);
	r = results_of_run(&results, &subject, &c, &settings, &data, NULL, &e);
	near = r == CNN_OK && results_near(&results, &recorded, bounds, &worst, &name);
	claim(&s->trial, near, "%s/%s %s as PyTorch: %s of %s (%s: %.2g)%s%s",
	    s->trial.device, s->trial.provider, dtype == CNN_F64 ? "f64" : "f32",
	    l->net, l->inputs, name, worst, e.code ? ": " : "", e.text);
	results_free(&results);
	results_free(&recorded);
	data_free(&data);
}

void test_recorded(struct suite *s)
{
	const size_t count = sizeof(recorded_layers) / sizeof(recorded_layers[0]);
	const bool oracle = strcmp(s->trial.device, "cpu") == 0 &&
	    strcmp(s->trial.provider, "ref") == 0;

	for (size_t i = 0; i < count; i++) {
		if (oracle)
			test_layer(s, &recorded_layers[i], CNN_F64);
		test_layer(s, &recorded_layers[i], CNN_F32);
	}
}
