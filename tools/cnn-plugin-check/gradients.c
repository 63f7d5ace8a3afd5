/* gradients.c - a run's gradients against finite differences. */
#include "gradients.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST 200	  /* elements of one input or parameter */
#define MOST_FAR 50	  /* in memory of a device of its own */
#define NEAR 0.01	  /* in float: near enough, try no other step */
#define LOSS_WEIGHT 0.125 /* of each loss: see GRAD_SCALE in memory.c */

struct attempt {
	struct runner *runner;
	const struct data *data;
	const struct layer_chain *chain;
	double *middle, *above, *below; /* outputs at x, x + h, x - h */
	size_t out_count;
	struct cnn_error *error;
	double steps[3]; /* the first one first; 0: no more */
	size_t most;
	bool is_float;
};

static int outputs(struct attempt *a, double *out)
{
	int r = runner_set_params(a->runner, a->data->params, a->error);

	return r == CNN_OK ? runner_forward(a->runner, a->data->in, out, a->error) : r;
}

/* The derivative of L in output i. */
static double weight(const struct attempt *a, size_t i)
{
	if (!a->chain->loss)
		return a->data->grad_out[i];
	return i % 2 == 0 ? LOSS_WEIGHT : 0; /* not the hits */
}

/* (L(to) - L(from)) / h, and how much of it may be rounding. */
static double slope(const struct attempt *a, const double *to, const double *from,
    double h, double *noise)
{
	double difference = 0, rounding = 0;

	for (size_t i = 0; i < a->out_count; i++) {
		if (to[i] == from[i])
			continue;
		difference += weight(a, i) * (to[i] - from[i]);
		rounding += fabs(weight(a, i)) * fmax(fabs(to[i]), fabs(from[i])) *
		    0x1p-23;
	}
	*noise = a->is_float ? rounding / h : 0;
	return difference / h;
}

static double excess(double difference, double gradient, double noise)
{
	double d = fabs(difference - gradient);

	return isnan(d) ? d : fmax(0, d - noise);
}

/* What a difference is a part of. */
static double scale(const struct attempt *a, double gradient, double size)
{
	return a->is_float ? fmax(fabs(gradient), 0.1 * size) : size;
}

/* How far `gradient` is from the differences at *x, by the best step; *size grows to
 * the largest difference. */
static int compare_element(struct attempt *a, double *x, double gradient, double *size,
    double *distance)
{
	const double kept = *x;
	int r = CNN_OK;

	*distance = INFINITY;
	for (int k = 0; k < 3 && a->steps[k] > 0 && r == CNN_OK; k++) {
		double up = kept + a->steps[k], down = kept - a->steps[k], noise, d;

		if (a->is_float) {
			up = (float)up;
			down = (float)down;
		}
		*x = up;
		r = outputs(a, a->above);
		*x = down;
		if (r == CNN_OK)
			r = outputs(a, a->below);
		*x = kept;
		if (r != CNN_OK)
			break;
		d = slope(a, a->above, a->below, up - down, &noise);
		if (k == 0)
			*size = fmax(*size, fabs(d));
		*distance = fmin(*distance, excess(d, gradient, noise));
		if (a->is_float) {
			d = slope(a, a->above, a->middle, up - kept, &noise);
			*distance = fmin(*distance, excess(d, gradient, noise));
			d = slope(a, a->middle, a->below, kept - down, &noise);
			*distance = fmin(*distance, excess(d, gradient, noise));
		}
		if (*distance <= NEAR * scale(a, gradient, *size))
			break;
	}
	return r;
}

/* Compares `gradient` with the differences of x[0 .. n - 1], one of the data. */
static int compare(struct attempt *a, double *x, const double *gradient, size_t n,
    double *worst)
{
	const size_t stride = n / a->most + 1;
	double size = 0, furthest = 0;
	int r = outputs(a, a->middle);

	if (a->is_float) {
		/* Numbers of a case are 2 / n apart, and half a step from 0. */
		a->steps[0] = fmin(0x1p-9, 0.25 / (double)n);
		a->steps[1] = a->steps[0] / 8;
		a->steps[2] = a->steps[0] * 8;
	}
	for (size_t i = 0; i < n; i++)
		size = fmax(size, fabs(gradient[i]));
	for (size_t i = 0; r == CNN_OK && i < n; i += stride) {
		double distance;

		r = compare_element(a, &x[i], gradient[i], &size, &distance);
		if (isnan(gradient[i]) || isinf(distance))
			distance = NAN;
		if (size > 1e-9)
			distance /= scale(a, gradient[i], size);
		furthest = distance > furthest || isnan(distance) ? distance : furthest;
	}
	*worst = furthest;
	return r;
}

int gradients_check(const struct subject *subject, const struct layer_chain *c,
    const struct settings *s, const struct data *d, double *worst, const char **name,
    struct cnn_error *e)
{
	static const char *const input_names[] = { "input 1", "input 2", "input 3",
		"input 4", "input 5", "input 6", "input 7", "input 8" };
	const size_t n = chain_count(&c->output) * s->samples;
	double *out = calloc(3 * n + 1, sizeof(*out));
	struct results results = { 0 };
	struct runner runner = { 0 };
	struct attempt a = {
		.runner = &runner,
		.data = d,
		.chain = c,
		.out_count = n,
		.error = e,
		.steps = { 1e-5 },
		.most = subject->device->flags & CNN_DEVICE_OWN_MEMORY ? MOST_FAR :
									 MOST,
		.is_float = s->dtype != CNN_F64,
	};
	size_t at = 1; /* the results begin with the output */
	int r;

	*worst = 0;
	*name = "nothing";
	if (!out)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	a.middle = out;
	a.above = out + n;
	a.below = out + 2 * n;
	r = results_of_run(&results, subject, c, s, d, NULL, e);
	if (r == CNN_OK)
		r = runner_open(&runner, subject, c, s, d->params, e);
	for (uint32_t i = 0; r == CNN_OK && i < c->input_count + c->param_count; i++) {
		uint32_t p = i - c->input_count;
		double furthest = 0, *x = i < c->input_count ? d->in[i] : d->params[p];

		if (i < c->input_count && c->index[i])
			continue;
		if (i < c->input_count || c->params[p].kind == CNN_PARAM_TRAINABLE)
			r = compare(&a, x, results.of[at].x, results.of[at].n,
			    &furthest);
		if (furthest > *worst || isnan(furthest)) {
			*worst = furthest;
			*name = i < c->input_count ? input_names[i] : c->params[p].name;
		}
		at++;
	}
	runner_close(&runner);
	results_free(&results);
	free(out);
	return r;
}
