/* optimizer.c - the optimisers against numbers that PyTorch gave. */
#include "conformance.h"
#include "base/spec.h"
#include <math.h>
#include <string.h>

#define COUNT 6 /* parameters */
#define STEPS 5

struct recorded_optimizer {
	const char *spec; /* "sgd:momentum=0.9" */
	double lr;
	float after[STEPS * COUNT];
};

#include "recorded/optimizers.h"

/* Device arrays of floats, given and taken. */
static float *give(const struct subject *s, const float *x, size_t n)
{
	float *d = s->device->alloc(s->device_handle, n * sizeof(float));

	if (d && x)
		s->device->upload(s->device_handle, s->queue, d, x, n * sizeof(float));
	return d;
}

/* The largest difference from what was recorded, as a part of it, over all
 * steps. The gradients are given `scale` times too large and scaled back; the
 * update is made in slices of `slice`. */
static double run_recorded(struct suite *s, const struct cnn_optimizer *o,
    const struct cnn_optimizer_def *def, const struct cnn_arg_value *args,
    const struct recorded_optimizer *r, float scale, size_t slice)
{
	const struct subject *d = &s->trial.subject;
	float grads[COUNT], now[COUNT], *params = give(d, recorded_start, COUNT);
	float *g = give(d, NULL, COUNT), *moments[CNN_MAX_MOMENTS] = { NULL };
	struct cnn_state *state = d->device->alloc(d->device_handle, sizeof(*state));
	double worst = 0;

	for (uint32_t m = 0; m < def->moment_count; m++)
		moments[m] = give(d, NULL, COUNT);
	for (uint64_t t = 1; t <= STEPS; t++) {
		for (size_t i = 0; i < COUNT; i++)
			grads[i] = recorded_grads[(t - 1) * COUNT + i] * scale;
		d->device->upload(d->device_handle, d->queue, g, grads, sizeof(grads));
		d->device->upload(d->device_handle, d->queue, state,
		    &(struct cnn_state){ .updates = t - 1,
			.lr = r->lr,
			.loss_scale = scale,
			.grad_scale = 1 / scale },
		    sizeof(*state));
		for (size_t first = 0; first < COUNT; first += slice) {
			struct cnn_update u = {
				.size = sizeof(u),
				.count = COUNT - first < slice ? COUNT - first : slice,
				.params = params + first,
				.grads = g + first,
				.args = args,
				.state = state,
				.queue = d->queue,
			};

			for (uint32_t m = 0; m < def->moment_count; m++)
				u.moments[m] = moments[m] + first;
			if (o->update(&s->trial.subject.host->host, &u) != CNN_OK)
				worst = INFINITY;
		}
		d->device->download(d->device_handle, d->queue, now, params,
		    sizeof(now));
		for (size_t i = 0; i < COUNT; i++) {
			double wanted = r->after[(t - 1) * COUNT + i];
			double error = fabs(now[i] - wanted) / fmax(fabs(wanted), 0.1);

			worst = error > worst || isnan(error) ? error : worst;
		}
	}
	for (uint32_t m = 0; m < def->moment_count; m++)
		d->device->free(d->device_handle, moments[m]);
	d->device->free(d->device_handle, g);
	d->device->free(d->device_handle, state);
	d->device->free(d->device_handle, params);
	return worst;
}

static void test_optimizer(struct suite *s, const struct cnn_optimizer *o)
{
	const size_t count = sizeof(recorded_optimizers) /
	    sizeof(recorded_optimizers[0]);
	struct cnn_arg_value args[CNN_MAX_OPTIMIZER_ARGS];
	const struct cnn_optimizer_def *def;
	struct cnn_error e = { 0 };
	unsigned tried = 0;

	if (cnn_optimizer_definition(s->trial.plugins, o->name, &def, &e) < 0) {
		claim(&s->trial, false, "%s/%s %s has a definition: %s",
		    s->trial.device, s->trial.provider, o->name, e.text);
		return;
	}
	for (size_t k = 0; k < count; k++) {
		const struct recorded_optimizer *r = &recorded_optimizers[k];
		char name[CNN_SPEC_NAME];
		const char *text = cnn_spec_name(r->spec, name);
		double whole, sliced;

		if (strcmp(name, o->name) != 0)
			continue;
		if (cnn_spec_parse(def->args, def->arg_count, text, args, &e) < 0) {
			claim(&s->trial, false, "%s: %s", r->spec, e.text);
			return;
		}
		whole = run_recorded(s, o, def, args, r, 1, COUNT);
		sliced = run_recorded(s, o, def, args, r, 1024, 4);
		claim(&s->trial, whole <= 1e-6 && sliced <= 1e-6,
		    "%s/%s %s as PyTorch: lr %g (%.2g, %.2g)", s->trial.device,
		    s->trial.provider, r->spec, r->lr, whole, sliced);
		tried++;
	}
	claim(&s->trial, tried > 0, "%s/%s %s has recorded cases: %u", s->trial.device,
	    s->trial.provider, o->name, tried);
}

void test_optimizers(struct suite *s)
{
	const struct cnn_plugin *p;

	for (size_t i = 0; (p = suite_next(s, &i));)
		for (uint32_t k = 0; k < p->entry->optimizer_count; k++)
			if (suite_tests(s, p->name,
				cnn_optimizer_at(p->entry, k)->name))
				test_optimizer(s, cnn_optimizer_at(p->entry, k));
}
