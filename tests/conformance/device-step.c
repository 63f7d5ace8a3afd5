/* device-step.c - what a device does at the end of a step, and how it records one. */
#include "device.h"
#include <math.h>
#include <string.h>

/* The sums of two losses, with the hits of the first. */
static void test_total(struct suite *s)
{
	enum { SAMPLES = 300 };
	const struct subject *d = &s->trial.subject;
	static float first[SAMPLES][2], second[SAMPLES][2];
	struct cnn_result got, *out = give(d, NULL, sizeof(*out)), want = { 0 };
	const float *losses[2];
	void *a, *b;
	int r;

	for (int i = 0; i < SAMPLES; i++) {
		first[i][0] = (float)(i * 7 % 64) / 64;
		first[i][1] = i % 3 ? 0.5f : 1;
		second[i][0] = (float)(i * 5 % 32) / 32;
		second[i][1] = 77;
		want.loss += (double)first[i][0] + (double)second[i][0];
		want.hits += (double)first[i][1];
	}
	losses[0] = a = give(d, first, sizeof(first));
	losses[1] = b = give(d, second, sizeof(second));
	r = d->device->total(d->device_handle, d->queue, losses, 2, SAMPLES, out);
	take(d, &got, out, sizeof(got));
	claim(&s->trial, r == CNN_OK && got.hits == want.hits && got.loss == want.loss,
	    "total: hits %g of %g, loss %g of %g", got.hits, want.hits, got.loss,
	    want.loss);
	d->device->free(d->device_handle, a);
	d->device->free(d->device_handle, b);
}

enum { NORM_COUNT = 2 * CNN_NORM_BLOCK + 1003 };

static void test_norm(struct suite *s)
{
	static const float odd[] = { INFINITY, -INFINITY, NAN, 3e38f, 1e-42f };
	static const size_t places[] = { 0, 1, CNN_NORM_BLOCK, NORM_COUNT - 1 };
	const struct subject *d = &s->trial.subject;
	struct cnn_state before = { .seed = 3, .step = 9, .loss_scale = 2 }, after;
	static float x[NORM_COUNT];
	double sums[3], again[3], worst = 0;
	double *dsums = give(d, NULL, sizeof(sums));
	bool right = true;
	void *dx;

	for (size_t i = 0; i < NORM_COUNT; i++)
		x[i] = (float)((i * 2654435761u >> 8) % 1000) / 250 - 2;
	dx = give(d, x, sizeof(x));
	d->device->norm(d->device_handle, d->queue, NORM_COUNT, dx, dsums, NULL);
	d->device->download(d->device_handle, d->queue, sums, dsums, sizeof(sums));
	for (size_t b = 0; b < 3; b++) {
		double sum = 0;

		for (size_t i = b * CNN_NORM_BLOCK;
		     i < NORM_COUNT && i < (b + 1) * CNN_NORM_BLOCK; i++)
			sum += (double)x[i] * (double)x[i];
		worst = fmax(worst, fabs(sums[b] - sum) / sum);
	}
	claim(&s->trial, worst <= 1e-12, "norm: sums of squares of blocks (%.2g)",
	    worst);
	/* A block alone gives what it gives among others. */
	d->device->norm(d->device_handle, d->queue, CNN_NORM_BLOCK,
	    (float *)dx + CNN_NORM_BLOCK, dsums + 1, NULL);
	d->device->download(d->device_handle, d->queue, again, dsums, sizeof(again));
	claim(&s->trial, memcmp(sums, again, sizeof(sums)) == 0,
	    "norm: the same bytes by parts");
	d->device->free(d->device_handle, dx);

	for (size_t k = 0; k < 5; k++)
		for (size_t p = 0; p < 4; p++) {
			struct cnn_state *state = give(d, &before, sizeof(before));
			struct cnn_state want = before;

			memset(x, 0, sizeof(x));
			x[places[p]] = odd[k];
			dx = give(d, x, sizeof(x));
			right = right &&
			    d->device->norm(d->device_handle, d->queue, NORM_COUNT, dx,
				dsums, state) == CNN_OK;
			want.bad = k < 3;
			/* It is not taken back by a later slice that is good. */
			right = right &&
			    d->device->norm(d->device_handle, d->queue, 0, dx, dsums,
				state) == CNN_OK;
			take(d, &after, state, sizeof(after));
			right = right && memcmp(&after, &want, sizeof(want)) == 0;
			d->device->free(d->device_handle, dx);
		}
	claim(&s->trial, right,
	    "norm: inf and nan wherever they stand, and nothing else");
	d->device->free(d->device_handle, dsums);
}

/* Of gradients whose squares come to 4, 4, 4, 4 and 9 a block, the norm is 5. */
static void test_clip(struct suite *s)
{
	static const double sums[5] = { 4, 4, 4, 4, 9 };
	static const struct {
		float scale;
		double most, want;
	} cases[] = {
		{ 1, 5.5, 1 },
		{ 1, 2.5, 2.5 / (5 + 1e-6) },
		{ 1, 1e-3, 1e-3 / (5 + 1e-6) },
		{ 0.125f, 1, 0.125 },
		{ 0.125f, 0.25, 0.125 * 0.25 / (0.625 + 1e-6) },
	};
	const struct subject *d = &s->trial.subject;
	double worst = 0;
	bool nan_stays = false;

	for (size_t i = 0; i <= sizeof(cases) / sizeof(*cases); i++) {
		const bool is_nan = i == sizeof(cases) / sizeof(*cases);
		struct cnn_state state = { .grad_scale = is_nan ? 1 : cases[i].scale },
				 *ds;
		double odd[5], *dsums;

		memcpy(odd, sums, sizeof(odd));
		odd[3] = is_nan ? NAN : odd[3];
		dsums = give(d, odd, sizeof(odd));
		ds = give(d, &state, sizeof(state));
		d->device->clip(d->device_handle, d->queue, 5, dsums,
		    is_nan ? 1 : cases[i].most, ds);
		take(d, &state, ds, sizeof(state));
		if (is_nan)
			nan_stays = isnan(state.grad_scale);
		else
			worst = fmax(worst,
			    fabs((double)state.grad_scale / cases[i].want - 1));
		d->device->free(d->device_handle, dsums);
	}
	claim(&s->trial, worst <= 1e-7,
	    "clip: the scale is most / norm, and never grows (%.2g)", worst);
	claim(&s->trial, nan_stays, "clip: what is not a number stays that");
}

/* Five steps, the third of them bad, with the loss scale one good step short of
 * doubling at first. */
static void test_advance(struct suite *s)
{
	const struct subject *d = &s->trial.subject;
	const struct cnn_result results[] = { { 1.5, 3.25 }, { 0.25, 2 } };
	const double rates[] = { 5, 4, 3, 2, 1, 0.5, 0.25 };
	struct cnn_state state = { .seed = 77,
		.updates = 10,
		.loss_scale = 1024,
		.good_steps = 1999,
		.step = 12,
		.lr = 4,
		.rate = 1,
		.cursor = 40 };
	struct cnn_step_record records[4];
	void *dstate = give(d, &state, sizeof(state)), *drecords;
	void *dresults = give(d, results, sizeof(results));
	void *drates = give(d, rates, sizeof(rates));
	bool right = true;

	memset(records, 0xee, sizeof(records));
	drecords = give(d, records, sizeof(records));
	for (uint32_t i = 0; i < 5; i++) {
		struct cnn_advance a = { .size = sizeof(a),
			.samples = 8,
			.microbatches = 2,
			.scaling = 1,
			.results = dresults,
			.rates = drates,
			.records = drecords,
			.record_count = 4 };
		const float used = i == 0 ? 1024 : i < 3 ? 2048 : 1024;
		const struct cnn_step_record *r = &records[(12 + i) % 4];

		d->device->download(d->device_handle, d->queue, &state, dstate,
		    sizeof(state));
		right = right && state.lr == rates[1 + i] && state.loss_scale == used;
		state.bad = i == 2;
		d->device->upload(d->device_handle, d->queue, dstate, &state,
		    sizeof(state));
		right = right &&
		    d->device->advance(d->device_handle, d->queue, dstate, &a) ==
			CNN_OK;
		d->device->download(d->device_handle, d->queue, records, drecords,
		    sizeof(records));
		right = right && r->loss == 1.75 && r->hits == 5.25 &&
		    r->step == 12 + i && r->skipped == (i == 2) &&
		    r->loss_scale == used;
	}
	take(d, &state, dstate, sizeof(state));
	right = right && state.seed == 77 && state.updates == 14 && state.step == 17 &&
	    state.cursor == 80 && state.rate == 6 && state.lr == 0.25 &&
	    state.good_steps == 2 && state.bad == 0 && state.loss_scale == 1024;
	claim(&s->trial, right, "advance: records, loss scale, step, rate and cursor");
	d->device->free(d->device_handle, dresults);
	d->device->free(d->device_handle, drates);
	d->device->free(d->device_handle, drecords);
}

/* The loss scale after one good step more, or a bad one. */
static float scale_after(struct suite *s, float scale, bool bad)
{
	const struct subject *d = &s->trial.subject;
	const struct cnn_result result = { 1, 1 };
	const double rates[] = { 1, 1 };
	struct cnn_state state = { .loss_scale = scale,
		.good_steps = 1999,
		.bad = bad };
	struct cnn_step_record record = { 0 };
	void *dstate = give(d, &state, sizeof(state)),
	     *dresult = give(d, &result, sizeof(result));
	void *drates = give(d, rates, sizeof(rates)),
	     *drecord = give(d, &record, sizeof(record));
	const struct cnn_advance a = { .size = sizeof(a),
		.samples = 1,
		.microbatches = 1,
		.scaling = 1,
		.results = dresult,
		.rates = drates,
		.records = drecord,
		.record_count = 1 };
	int r = d->device->advance(d->device_handle, d->queue, dstate, &a);

	take(d, &state, dstate, sizeof(state));
	d->device->free(d->device_handle, dresult);
	d->device->free(d->device_handle, drates);
	d->device->free(d->device_handle, drecord);
	return r == CNN_OK && state.good_steps == 0 ? state.loss_scale : -1;
}

static void test_extreme_scales(struct suite *s)
{
	claim(&s->trial,
	    scale_after(s, 0x1p126f, false) == 0x1p127f &&
		scale_after(s, 0x1p127f, false) == 0x1p127f,
	    "advance: the loss scale grows to 2^127, and not to infinity");
	claim(&s->trial,
	    scale_after(s, 0x1p-125f, true) == 0x1p-126f &&
		scale_after(s, 0x1p-126f, true) == 0x1p-126f,
	    "advance: the loss scale falls to 2^-126, and not to zero");
}

/* --- recording -------------------------------------------------------------------- */

static void test_capture(struct suite *s)
{
	const struct subject *d = &s->trial.subject;
	const float one[3] = { 1, 2, 3 };
	float sum[3], before[3];
	void *graph = NULL, *a, *b;
	int r;

	if (!d->device->capture)
		return;
	a = give(d, one, sizeof(one));
	b = give(d, one, sizeof(one));
	r = d->device->capture(d->device_handle, d->queue);
	for (int i = 0; r == CNN_OK && i < 2; i++)
		r = d->device->add(d->device_handle, d->queue, CNN_F32, 3, a, b);
	if (r == CNN_OK)
		r = d->device->captured(d->device_handle, d->queue, &graph);
	d->device->download(d->device_handle, d->queue, before, a, sizeof(before));
	for (int i = 0; r == CNN_OK && i < 3; i++)
		r = d->device->replay(d->device_handle, d->queue, graph);
	take(d, sum, a, sizeof(sum));
	claim(&s->trial, r == CNN_OK && before[2] == 3 && sum[0] == 7 && sum[2] == 21,
	    "what is captured is not done, what is replayed is");
	d->device->release(d->device_handle, graph);
	d->device->release(d->device_handle, NULL);
	d->device->free(d->device_handle, b);
}

static void test_marks(struct suite *s)
{
	const struct subject *d = &s->trial.subject;
	const float one[3] = { 0 };
	void *a, *b;
	double seconds = -1;
	int r;

	if (!d->device->mark)
		return;
	a = give(d, one, sizeof(one)), b = give(d, one, sizeof(one));
	r = d->device->mark(d->device_handle, d->queue, 0);
	d->device->add(d->device_handle, d->queue, CNN_F32, 3, a, b);
	if (r == CNN_OK)
		r = d->device->mark(d->device_handle, d->queue, 65535);
	if (r == CNN_OK)
		r = d->device->elapsed(d->device_handle, 0, 65535, &seconds);
	claim(&s->trial, r == CNN_OK && seconds >= 0 && seconds < 10, "marks: %g s",
	    seconds);
	d->device->free(d->device_handle, a);
	d->device->free(d->device_handle, b);
}

void test_steps(struct suite *s)
{
	test_total(s);
	test_norm(s);
	test_clip(s);
	test_advance(s);
	test_extreme_scales(s);
	test_capture(s);
	test_marks(s);
}
