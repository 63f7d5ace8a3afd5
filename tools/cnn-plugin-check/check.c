/* check.c - one case of one provider against the chain of reference layers. */
#include "check.h"
#include "base/random.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the numbers ------------------------------------------------------------------ */

/* NULL: no memory. */
static double *numbers(size_t n)
{
	return calloc(n + 1, sizeof(double));
}

static int out_of_memory(struct cnn_error *e)
{
	return cnn_fail(e, CNN_ENOMEM, "out of memory");
}

/* These functions return false if memory runs out. */

/* n numbers in (-1, 1) at distances of 2/n, shuffled; none is nearer to 0 than
 * 0.5/n. */
static bool distinct(double *x, size_t n, uint32_t seed)
{
	uint32_t *order = calloc(n + 1, sizeof(*order));

	if (!order)
		return false;
	cnn_random_permutation(seed, 0, order, n);
	for (size_t i = 0; i < n; i++)
		x[i] = (2.0 * order[i] + 0.5) / (double)n - 1;
	free(order);
	return true;
}

/* The same in (-8, 8). A function may bend at a whole number, so none is nearer to one
 * than 0.01. */
static bool wide(double *x, size_t n, uint32_t seed)
{
	if (!distinct(x, n, seed))
		return false;
	for (size_t i = 0; i < n; i++) {
		x[i] *= 8;
		if (fabs(x[i] - round(x[i])) < 0.01)
			x[i] += 0.02;
	}
	return true;
}

/* n integers first .. first + kinds - 1. */
static bool integers(double *x, size_t n, uint32_t seed, int first, int kinds)
{
	float *u = calloc(n + 1, sizeof(*u));

	if (!u)
		return false;
	cnn_random_uniform(seed, 5, 0, 0, n, u);
	for (size_t i = 0; i < n; i++)
		x[i] = first + (int)(u[i] * (float)kinds);
	free(u);
	return true;
}

static bool values(double *x, size_t n, uint32_t seed, enum values kind)
{
	bool good;

	if (kind == DISTINCT || kind == NOT_FINITE || kind == POSITIVE)
		good = distinct(x, n, seed);
	else if (kind == WIDE)
		good = wide(x, n, seed);
	else if (kind == TIES)
		good = integers(x, n, seed, -2, 5);
	else
		good = integers(x, n, seed, -3, 3);
	for (size_t i = 0; kind == POSITIVE && i < n; i++)
		x[i] = 0.55 + 0.45 * x[i];
	if (kind == NOT_FINITE) {
		x[n / 7] = NAN;
		x[n / 2] = INFINITY;
		x[n - 1 - n / 5] = -INFINITY;
	}
	return good;
}

static bool param_values(double *x, const struct cnn_param *p, uint32_t seed,
    enum values kind)
{
	size_t n = chain_count(&p->shape);
	double middle = 0, reach = p->value;

	if (p->init == CNN_INIT_CONSTANT) {
		middle = strcmp(p->name, "running_var") == 0 ? 1.2 : p->value;
		reach = 0.7;
	} else if (kind == TIES || kind == NEGATIVE) {
		return integers(x, n, seed, -1, 3);
	}
	if (!distinct(x, n, seed))
		return false;
	for (size_t i = 0; i < n; i++)
		x[i] = middle + reach * x[i];
	return true;
}

static int round_to(const struct subject *s, double *x, size_t n, uint32_t dtype,
    struct cnn_error *e)
{
	const struct cnn_format plain = { CNN_F64, CNN_NCHW }, f = { dtype, CNN_NCHW };
	const struct cnn_shape shape = { 1, { n } };
	void *rounded = numbers(n);
	int r;

	if (!rounded)
		return out_of_memory(e);
	r = s->cpu->reorder(s->cpu_handle, NULL, &shape, 1, plain, x, f, rounded);
	if (r == CNN_OK)
		r = s->cpu->reorder(s->cpu_handle, NULL, &shape, 1, f, rounded, plain,
		    x);
	free(rounded);
	return cnn_host_error(s->host, r, e);
}

static void make_indices(double *x, size_t n, size_t limit)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (double)(i * 7 % limit);
}

int data_make(struct data *d, const struct subject *s, const struct layer_chain *c,
    const struct test_case *t, uint32_t dtype, struct cnn_error *e)
{
	size_t n = chain_count(&c->output) * t->samples;
	int r;

	memset(d, 0, sizeof(*d));
	d->grad_out = numbers(n);
	if (!d->grad_out || !distinct(d->grad_out, n, 99))
		return out_of_memory(e);
	if (t->values == TIES ||
	    t->values == NEGATIVE) /* of few bits, so that sums are exact */
		for (size_t i = 0; i < n; i++)
			d->grad_out[i] = round(d->grad_out[i] * 8);
	r = round_to(s, d->grad_out, n, dtype, e);
	for (uint32_t i = 0; r == CNN_OK && i < c->input_count; i++) {
		n = chain_count(&c->inputs[i]) * t->samples;
		if (!(d->in[i] = numbers(n)))
			return out_of_memory(e);
		if (c->index[i]) {
			make_indices(d->in[i], n, c->index_limit[i]);
			continue;
		}
		if (!values(d->in[i], n, 10 + i, t->values))
			return out_of_memory(e);
		r = round_to(s, d->in[i], n, dtype, e);
	}
	for (uint32_t i = 0; r == CNN_OK && i < c->param_count; i++) {
		n = chain_count(&c->params[i].shape);
		d->params[i] = numbers(n);
		if (!d->params[i] ||
		    !param_values(d->params[i], &c->params[i], 50 + i, t->values))
			return out_of_memory(e);
		r = round_to(s, d->params[i], n, dtype == CNN_F64 ? CNN_F64 : CNN_F32,
		    e);
	}
	return r;
}

void data_free(struct data *d)
{
	for (size_t i = 0; i < CNN_MAX_INPUTS; i++)
		free(d->in[i]);
	for (size_t i = 0; i < CNN_MAX_PARAMS; i++)
		free(d->params[i]);
	free(d->grad_out);
}

/* --- the results ------------------------------------------------------------------ */

static double *add_result(struct results *r, const char *name, size_t n, bool forward)
{
	snprintf(r->of[r->count].name, sizeof(r->of[0].name), "%s", name);
	r->of[r->count].n = n;
	r->of[r->count].forward = forward;
	return r->of[r->count++].x = numbers(n);
}

void results_free(struct results *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->of[i].x);
	r->count = 0;
}

/* Names and room of all results of a case, and where the passes write them. */
struct places {
	double *out, *grad_in[CNN_MAX_INPUTS];
	double *buffers[CNN_MAX_PARAMS], *grad_params[CNN_MAX_PARAMS];
};

static struct places add_all(struct results *r, const struct layer_chain *c,
    const struct settings *s)
{
	struct places p = { 0 };
	char name[48];

	r->count = 0;
	p.out = add_result(r, "output", chain_count(&c->output) * s->samples, true);
	if (!s->training)
		return p;
	for (uint32_t i = 0; i < c->input_count && !s->no_input_gradient; i++) {
		if (c->index[i])
			continue;
		snprintf(name, sizeof(name), "gradient of input %u", i + 1);
		p.grad_in[i] =
		    add_result(r, name, chain_count(&c->inputs[i]) * s->samples, false);
	}
	for (uint32_t i = 0; i < c->param_count; i++) {
		bool trainable = c->params[i].kind == CNN_PARAM_TRAINABLE;
		size_t n = chain_count(&c->params[i].shape);

		snprintf(name, sizeof(name), "%s%s", trainable ? "gradient of " : "",
		    c->params[i].name);
		*(trainable ? &p.grad_params[i] : &p.buffers[i]) =
		    add_result(r, name, n, !trainable);
	}
	return p;
}

static int make_room(struct results *r, struct places *p, const struct layer_chain *c,
    const struct settings *s, struct cnn_error *e)
{
	*p = add_all(r, c, s);
	for (size_t i = 0; i < r->count; i++)
		if (!r->of[i].x)
			return out_of_memory(e);
	return CNN_OK;
}

/* After the forward pass: the parameters that are buffers, as it left them. */
static int read_buffers(struct runner *runner, double *const *buffers,
    struct cnn_error *e)
{
	double *all[CNN_MAX_PARAMS], *unwanted[CNN_MAX_PARAMS] = { NULL };
	int r = CNN_OK;

	for (uint32_t i = 0; i < runner->chain->param_count; i++) {
		all[i] = buffers[i];
		if (buffers[i])
			continue;
		all[i] = unwanted[i] = numbers(
		    chain_count(&runner->chain->params[i].shape));
		if (!unwanted[i])
			r = out_of_memory(e);
	}
	if (r == CNN_OK)
		r = runner_get_params(runner, all, e);
	for (uint32_t i = 0; i < runner->chain->param_count; i++)
		free(unwanted[i]);
	return r;
}

int results_of_run(struct results *results, const struct subject *subject,
    const struct layer_chain *c, const struct settings *s, const struct data *d,
    const char **complaint, struct cnn_error *e)
{
	struct places p;
	struct runner runner = { 0 };
	int r = make_room(results, &p, c, s, e);

	if (r == CNN_OK)
		r = runner_open(&runner, subject, c, s, d->params, e);
	for (int pass = 0; r == CNN_OK && pass < (s->again ? 2 : 1); pass++) {
		if (pass > 0)
			r = runner_set_params(&runner, d->params, e);
		if (r == CNN_OK)
			r = runner_forward(&runner, d->in, p.out, e);
		if (r == CNN_OK && s->training)
			r = read_buffers(&runner, p.buffers, e);
		if (r == CNN_OK && s->training)
			r = runner_backward(&runner, d->grad_out, p.grad_in,
			    p.grad_params, e);
	}
	if (complaint)
		*complaint = runner.complaint;
	runner_close(&runner);
	return r;
}

int results_of_chain(struct results *results, find_layer *find, void *context,
    const struct layer_chain *c, const struct settings *s, const struct data *d,
    struct cnn_error *e)
{
	struct places p;
	struct layer_chain nodes[CNN_MAX_RUN];
	struct subject subjects[CNN_MAX_RUN];
	struct runner runners[CNN_MAX_RUN];
	struct settings of_node = *s;
	double *between[CNN_MAX_RUN + 1] = { NULL }, *grads[CNN_MAX_RUN + 1] = { NULL };
	const uint32_t count = c->node_count;
	int r = make_room(results, &p, c, s, e);

	of_node.dtype = CNN_F64;
	of_node.layout = CNN_NCHW;
	of_node.no_input_gradient = of_node.in_place = of_node.other_thread = false;
	of_node.again = false;
	of_node.spared = 0;
	memset(runners, 0, sizeof(runners));
	for (uint32_t i = 0; r == CNN_OK && i < count; i++) {
		uint32_t first = c->first_param[i];
		size_t n = chain_count(&c->nodes[i].output) * s->samples;
		double *in[CNN_MAX_INPUTS];

		memcpy(in, d->in, sizeof(in));
		if (i) {
			in[0] = between[i];
			in[1] = d->in[c->target[i]];
		}
		chain_pick(c, i, &nodes[i]);
		between[i + 1] = numbers(n);
		grads[i + 1] = numbers(n);
		r = between[i + 1] && grads[i + 1] ? CNN_OK : out_of_memory(e);
		if (r == CNN_OK)
			r = find(context, c->types[i], &subjects[i], e);
		if (r == CNN_OK)
			r = runner_open(&runners[i], &subjects[i], &nodes[i], &of_node,
			    &d->params[first], e);
		if (r == CNN_OK)
			r = runner_forward(&runners[i], in, between[i + 1], e);
		if (r == CNN_OK && s->training)
			r = read_buffers(&runners[i], &p.buffers[first], e);
	}
	if (r == CNN_OK && count > 0)
		memcpy(p.out, between[count],
		    chain_count(&c->output) * s->samples * sizeof(double));
	for (uint32_t i = count; r == CNN_OK && s->training && i-- > 0;) {
		double *unwanted[CNN_MAX_INPUTS] = { NULL };
		double *of_input[CNN_MAX_INPUTS] = { grads[i] };
		double *const *grad_in = i ? of_input : p.grad_in;

		if (i == 0 && s->no_input_gradient) {
			runners[i].settings.no_input_gradient = true;
			grad_in = unwanted;
		}
		r = runner_backward(&runners[i],
		    i + 1 == count ? d->grad_out : grads[i + 1], grad_in,
		    &p.grad_params[c->first_param[i]], e);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (runners[i].complaint && r == CNN_OK)
			r = cnn_fail(e, CNN_EPLUGIN, "reference %s %s", c->types[i],
			    runners[i].complaint);
		runner_close(&runners[i]);
		free(between[i + 1]);
		free(grads[i + 1]);
	}
	return r;
}

double nmse(const double *x, const double *y, size_t n)
{
	double error = 0, size = 0;

	for (size_t i = 0; i < n; i++) {
		if (isnan(x[i]) && isnan(y[i])) /* as a loss's hits may be */
			continue;
		error += (x[i] - y[i]) * (x[i] - y[i]);
		size += y[i] * y[i];
	}
	return size > 0 ? error / size : error;
}

bool results_near(const struct results *r, const struct results *reference,
    struct bounds bounds, double *worst, const char **name)
{
	double furthest = -1;
	bool near = true;

	*name = "nothing";
	*worst = 0;
	for (size_t i = 0; i < r->count; i++) {
		double error = nmse(r->of[i].x, reference->of[i].x, r->of[i].n);
		double bound = r->of[i].forward ? bounds.forward : bounds.backward;
		double excess = error / (bound + 1e-30);

		if (!(error <= bound)) /* a NaN is not near */
			near = false;
		if (isnan(error) || excess > furthest) {
			furthest = isnan(error) ? INFINITY : excess;
			*worst = error;
			*name = r->of[i].name;
		}
	}
	return near;
}

bool results_as_odd(const struct results *r, const struct results *reference,
    double bound, bool spreads, char *where, size_t size)
{
	for (size_t k = 0; k < r->of[0].n; k++) {
		const double x = r->of[0].x[k], want = reference->of[0].x[k];
		bool good;

		if (isnan(want))
			good = isnan(x);
		else if (isinf(want))
			good = x == want || (spreads && isnan(x));
		else
			good = isfinite(x) ?
			    fabs(x - want) <= bound * (1 + fabs(want)) :
			    spreads;
		if (!good) {
			snprintf(where, size, "%g at %zu, not %g", x, k, want);
			return false;
		}
	}
	snprintf(where, size, "%zu numbers", r->of[0].n);
	return true;
}

bool results_equal(const struct results *a, const struct results *b)
{
	for (size_t i = 0; i < a->count; i++)
		for (size_t k = 0; k < a->of[i].n; k++)
			if (a->of[i].x[k] != b->of[i].x[k] &&
			    !(isnan(a->of[i].x[k]) && isnan(b->of[i].x[k])))
				return false;
	return true;
}
