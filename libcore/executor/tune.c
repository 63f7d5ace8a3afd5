/* tune.c - times kernels and reorders instead of predicting what they cost (--tune).
 *
 * One worker runs each candidate by itself on made-up numbers: forward, and backward in
 * training. The least time of a few runs counts. A candidate whose predicted cost is
 * far above that of another one for the same nodes is left out, so that ref's plain
 * loops do not take the most time. */
#include "assign.h"

#include "base/random.h"
#include "base/tensor.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

#define FAR_ABOVE 20 /* times the predicted cost of another candidate */
#define LEAST_RUNS 3 /* besides the first, which builds things that others reuse */
#define MOST_RUNS 20
#define ENOUGH_TIME 10e-3 /* seconds: no more than LEAST_RUNS beyond it */
#define LONG_TIME 0.1	  /* seconds: no other run beyond it */
#define MAX_BLOCKS (2 * CNN_MAX_INPUTS + 2 * CNN_MAX_PARAMS + 10)

struct timed_reorder {
	struct cnn_shape shape;
	struct cnn_format from, to;
	double cost;
};

struct cnn_tuned {
	struct timed_reorder *reorders;
	size_t count, room;
};

/* What is timed: memory of the device, freed at the end, and what runs in it. */
struct timing {
	struct cnn_executor *ex;
	struct cnn_error *e;
	void *blocks[MAX_BLOCKS];
	size_t bytes[MAX_BLOCKS];
	uint32_t block_count;
	/* A run. */
	const struct cnn_kernel *kernel;
	struct cnn_instance inst;
	struct cnn_call forward, backward;
	const void *in[CNN_MAX_INPUTS], *kept[CNN_MAX_INPUTS];
	void *grad_in[CNN_MAX_INPUTS];
	void *params[CNN_MAX_PARAMS], *grad_params[CNN_MAX_PARAMS];
	/* A reorder. */
	struct cnn_shape shape;
	struct cnn_format from, to;
	void *src, *dst;
};

/* --- memory ----------------------------------------------------------------------- */

static int take(struct timing *t, void **p, size_t bytes)
{
	int r = cnn_executor_take(t->ex, p, bytes, t->e);

	if (r == CNN_OK) {
		t->blocks[t->block_count] = *p;
		t->bytes[t->block_count++] = bytes;
	}
	return r;
}

static void give_all_back(struct timing *t)
{
	while (t->block_count-- > 0)
		cnn_executor_give_back(t->ex, t->blocks[t->block_count],
		    t->bytes[t->block_count]);
}

static int failed(struct timing *t, int r)
{
	return r < 0 ? cnn_host_error(&t->ex->host, r, t->e) : CNN_OK;
}

/* `count` floats of the device = numbers from `low` to 1, in a fixed order. */
static int fill_floats(struct timing *t, float low, size_t count, void *dst)
{
	const struct cnn_device *d = t->ex->device_functions;
	float *x = malloc(count * sizeof *x + 1);
	int r;

	if (!x)
		return cnn_fail(t->e, CNN_ENOMEM, "out of memory");
	cnn_random_uniform(1, 0, 0, 0, count, x);
	for (size_t i = 0; i < count; i++)
		x[i] = low + (1 - low) * x[i];
	r = failed(t,
	    d->upload(t->ex->device, t->ex->queue, dst, x, count * sizeof *x));
	free(x);
	return r;
}

static size_t tensor_bytes(const struct timing *t, const struct cnn_shape *shape,
    struct cnn_format f)
{
	return cnn_layout_count(shape, f.layout, t->ex->microbatch_size) *
	    cnn_dtype_size((enum cnn_dtype)f.dtype);
}

/* A tensor of a microbatch. Numbers are from -1 to 1; indices are 0. */
static int take_tensor(struct timing *t, const struct cnn_shape *shape,
    struct cnn_format f, void **p)
{
	const struct cnn_format plain = { CNN_F32, CNN_NCHW };
	const struct cnn_device *d = t->ex->device_functions;
	const size_t bytes = tensor_bytes(t, shape, plain);
	void *floats;
	int r = take(t, p, tensor_bytes(t, shape, f));

	if (r < 0 || f.dtype == CNN_I32)
		return r;
	if ((r = cnn_executor_take(t->ex, &floats, bytes, t->e)) < 0)
		return r;
	r = fill_floats(t, -1, bytes / sizeof(float), floats);
	if (r == CNN_OK)
		r = failed(t,
		    d->reorder(t->ex->device, t->ex->queue, shape,
			t->ex->microbatch_size, plain, floats, f, *p));
	cnn_executor_give_back(t->ex, floats, bytes);
	return r;
}

/* --- time ------------------------------------------------------------------------- */

/* *cost = the microseconds that work(t) takes. */
static int measure(struct timing *t, int (*work)(const struct timing *), double *cost)
{
	double least = DBL_MAX, spent = 0, seconds;
	int r = failed(t, work(t));

	for (int i = 0; i < MOST_RUNS && r == CNN_OK; i++) {
		if (spent > LONG_TIME || (spent > ENOUGH_TIME && i >= LEAST_RUNS))
			break;
		if ((r = cnn_executor_mark(t->ex, false, t->e)) < 0 ||
		    (r = failed(t, work(t))) < 0 ||
		    (r = cnn_executor_mark(t->ex, true, t->e)) < 0 ||
		    (r = cnn_executor_marked(t->ex, &seconds, t->e)) < 0)
			return r;
		spent += seconds;
		least = seconds < least ? seconds : least;
	}
	/* A clock may stand still; a cost is above 0. */
	*cost = least > 1e-9 ? 1e6 * least : 1e-3;
	return r;
}

/* --- reorders --------------------------------------------------------------------- */

static int run_reorder(const struct timing *t)
{
	return t->ex->device_functions->reorder(t->ex->device, t->ex->queue, &t->shape,
	    t->ex->microbatch_size, t->from, t->src, t->to, t->dst);
}

static bool same_format(struct cnn_format a, struct cnn_format b)
{
	return a.dtype == b.dtype && a.layout == b.layout;
}

static bool same_shape(const struct cnn_shape *a, const struct cnn_shape *b)
{
	return a->rank == b->rank &&
	    memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
}

double cnn_tune_reorder(const struct cnn_assigner *a, const struct cnn_shape *shape,
    struct cnn_format from, struct cnn_format to)
{
	struct cnn_tuned *tuned = a->tuned;
	struct cnn_error e = { 0 };
	struct timing t = { .ex = a->ex,
		.e = &e,
		.shape = *shape,
		.from = from,
		.to = to };
	double cost;

	for (size_t i = 0; i < tuned->count; i++)
		if (same_format(tuned->reorders[i].from, from) &&
		    same_format(tuned->reorders[i].to, to) &&
		    same_shape(&tuned->reorders[i].shape, shape))
			return tuned->reorders[i].cost;
	if (take_tensor(&t, shape, from, &t.src) < 0 ||
	    take(&t, &t.dst, tensor_bytes(&t, shape, to)) < 0 ||
	    measure(&t, run_reorder, &cost) < 0)
		cost = a->ex->device_functions->reorder_cost(shape,
		    a->ex->microbatch_size, from, to);
	give_all_back(&t);
	if (tuned->count == tuned->room) {
		size_t room = tuned->room * 2 + 16;
		struct timed_reorder *more =
		    realloc(tuned->reorders, room * sizeof *more);

		if (!more) /* it is timed again next time */
			return cost;
		tuned->reorders = more;
		tuned->room = room;
	}
	tuned->reorders[tuned->count++] =
	    (struct timed_reorder){ *shape, from, to, cost };
	return cost;
}

/* --- kernels ---------------------------------------------------------------------- */

static int run_kernel(const struct timing *t)
{
	const struct cnn_kernel *k = t->kernel;
	void *handle = t->inst.handle;
	int r = CNN_OK;

	if (t->inst.across)
		r = k->reduce_forward(handle, &t->forward);
	if (r >= 0)
		r = k->forward(handle, &t->forward);
	if (r >= 0 && t->forward.training && t->inst.across)
		r = k->reduce_backward(handle, &t->backward);
	if (r >= 0 && t->forward.training)
		r = k->backward(handle, &t->backward);
	return r;
}

/* What backward gets and gives. */
static int take_gradients(struct timing *t)
{
	struct cnn_instance *inst = &t->inst;
	const struct cnn_plan *plan = &inst->plan;
	void *p = NULL;
	int r = CNN_OK;

	t->backward = t->forward;
	t->backward.in = t->kept;
	if (!(plan->flags & CNN_KEEP_OUTPUT))
		t->backward.out = NULL;
	if (!inst->is_loss) {
		r = take_tensor(t, &inst->run.output, plan->output, &p);
		t->backward.grad_out = p;
	}
	for (uint32_t i = 0; r == CNN_OK && i < inst->run.input_count; i++) {
		t->kept[i] = plan->flags & CNN_KEEP_INPUT ? t->in[i] : NULL;
		if (inst->edges[i].wants_gradient)
			r = take(t, &t->grad_in[i],
			    tensor_bytes(t, &inst->edges[i].shape, plan->inputs[i]));
	}
	for (uint32_t i = 0; r == CNN_OK && i < inst->run.param_count; i++)
		if (inst->params[i].kind == CNN_PARAM_TRAINABLE)
			r = take(t, &t->grad_params[i],
			    plan->param_counts[i] * sizeof(float));
	t->backward.grad_in = t->grad_in;
	t->backward.grad_params = t->grad_params;
	return r;
}

static int take_sums(struct timing *t)
{
	const struct cnn_plan *plan = &t->inst.plan;
	void *p = NULL;
	int r = take(t, &p,
	    (plan->reduce_forward + plan->reduce_backward) * sizeof(double));

	if (r == CNN_OK) {
		t->forward.partial = p;
		t->backward.partial = (double *)p + plan->reduce_forward;
		t->forward.reduced = t->forward.partial;
		t->backward.reduced = t->backward.partial;
	}
	return r;
}

static int take_state(struct timing *t)
{
	const struct cnn_state state = { .seed = 1, .loss_scale = 1, .grad_scale = 1 };
	const struct cnn_device *d = t->ex->device_functions;
	void *p;
	int r = take(t, &p, sizeof state);

	if (r == CNN_OK)
		r = failed(t,
		    d->upload(t->ex->device, t->ex->queue, p, &state, sizeof state));
	t->forward.state = p;
	return r;
}

/* All memory of a created instance. Parameters are above 0, as variances must be. */
static int take_run(struct timing *t)
{
	struct cnn_instance *inst = &t->inst;
	const struct cnn_plan *plan = &inst->plan;
	void *packed;
	int r;

	t->forward = (struct cnn_call){
		.size = sizeof t->forward,
		.samples = t->ex->microbatch_size,
		.training = t->ex->options.training,
		.in = t->in,
		.params = t->params,
		.total = t->ex->microbatch_size,
		.queue = t->ex->queue,
	};
	for (uint32_t i = 0; i < inst->run.input_count; i++) {
		void *p;

		if ((r = take_tensor(t, &inst->edges[i].shape, plan->inputs[i], &p)) <
		    0)
			return r;
		t->in[i] = p;
	}
	for (uint32_t i = 0; i < inst->run.param_count; i++)
		if ((r = take(t, &t->params[i],
			 plan->param_counts[i] * sizeof(float))) < 0 ||
		    (r = fill_floats(t, 0.01f, plan->param_counts[i], t->params[i])) <
			0)
			return r;
	if ((r = take(t, &t->forward.out,
		 tensor_bytes(t, &inst->run.output, plan->output))) < 0 ||
	    (r = take(t, &t->forward.saved, plan->saved_bytes)) < 0 ||
	    (r = take(t, &t->forward.scratch, plan->scratch_bytes)) < 0 ||
	    (r = take(t, &packed, plan->packed_bytes)) < 0 || (r = take_state(t)) < 0)
		return r;
	t->forward.packed = packed;
	if (t->kernel->pack &&
	    (r = failed(t,
		 t->kernel->pack(inst->handle, t->ex->queue, t->params, packed))) < 0)
		return r;
	if (t->ex->options.training && (r = take_gradients(t)) < 0)
		return r;
	return inst->across ? take_sums(t) : CNN_OK;
}

static const char *const layout_names[CNN_LAYOUTS] = { "nchw", "nhwc", "nchw8c",
	"nchw16c" };

/* Sets the candidate's cost. CNN_END: the kernel cannot be had. */
static int time_candidate(struct cnn_assigner *a, const struct cnn_chain *c,
    struct cnn_candidate *o)
{
	struct cnn_executor *ex = a->ex;
	const double predicted = o->cost;
	struct timing t = { .ex = ex, .e = a->e, .kernel = o->kernel };
	struct cnn_instance *inst = &t.inst;
	int r;

	cnn_describe_run(a, &c->nodes[o->at], o->count, inst);
	inst->plugin = o->plugin;
	inst->kernel = o->kernel;
	for (uint32_t i = 0; i < inst->run.input_count; i++)
		inst->edges[i].format.layout = o->inputs[i];
	r = cnn_instance_create(ex, inst, a->e);
	if (r == CNN_OK && o->kernel->prepare)
		r = failed(&t, o->kernel->prepare(inst->handle, ex->microbatch_size));
	if (r == CNN_OK && (r = take_run(&t)) == CNN_OK)
		r = measure(&t, run_kernel, &o->cost);
	if (r == CNN_OK)
		ex->host.host.log(&ex->host.host, 2,
		    "--tune: %s: %s/%s/%s, %s to %s: %.1f us (predicted: %.1f)",
		    inst->nodes[0].name, o->plugin->device, o->plugin->provider,
		    o->kernel->run, layout_names[o->inputs[0]], layout_names[o->output],
		    o->cost, predicted);
	o->kernel->destroy(inst->handle);
	give_all_back(&t);
	return r;
}

/* --- candidates ------------------------------------------------------------------- */

enum progress { WAITS, TIMED, OUT };

static bool same_place(const struct cnn_candidate *a, const struct cnn_candidate *b)
{
	return a->at == b->at && a->count == b->count;
}

/* True if both run the same kernel on the same formats: they differ in what is
 * offered, which the host reorders. */
static bool same_work(const struct cnn_candidate *a, const struct cnn_candidate *b)
{
	return same_place(a, b) && a->kernel == b->kernel && a->output == b->output &&
	    memcmp(a->inputs, b->inputs, sizeof a->inputs) == 0;
}

/* The candidate for the place of number `first` that waits and is predicted to cost
 * least; SIZE_MAX: none waits. */
static size_t next_of(const struct cnn_chain *c, const enum progress *progress,
    size_t first)
{
	size_t next = SIZE_MAX;

	for (size_t i = first; i < c->candidate_count; i++)
		if (progress[i] == WAITS &&
		    same_place(&c->candidates[i], &c->candidates[first]) &&
		    (next == SIZE_MAX ||
			c->candidates[i].cost < c->candidates[next].cost))
			next = i;
	return next;
}

/* Times the candidates for the place of number `first`, the most promising first. */
static int tune_place(struct cnn_assigner *a, struct cnn_chain *c,
    enum progress *progress, size_t first)
{
	double limit = DBL_MAX;
	size_t n;

	while ((n = next_of(c, progress, first)) != SIZE_MAX) {
		struct cnn_candidate *o = &c->candidates[n];
		const double predicted = o->cost;
		int r;

		if (predicted > limit) {
			progress[n] = OUT;
			continue;
		}
		if ((r = time_candidate(a, c, o)) < 0)
			return r;
		if (r == CNN_OK)
			limit = predicted * FAR_ABOVE < limit ? predicted * FAR_ABOVE :
								limit;
		progress[n] = r == CNN_OK ? TIMED : OUT;
		for (size_t i = first; i < c->candidate_count; i++) {
			struct cnn_candidate *other = &c->candidates[i];

			if (progress[i] == WAITS && r == CNN_OK &&
			    same_work(other, o)) {
				other->cost = o->cost;
				progress[i] = TIMED;
			} else if (progress[i] == WAITS && r == CNN_END &&
			    same_place(other, o) && other->kernel == o->kernel)
				progress[i] = OUT;
		}
	}
	return CNN_OK;
}

int cnn_tune(struct cnn_assigner *a, struct cnn_chain *c)
{
	enum progress *progress = calloc(c->candidate_count + 1, sizeof *progress);
	size_t left = 0;
	int r = CNN_OK;

	if (!progress)
		return cnn_fail(a->e, CNN_ENOMEM, "out of memory");
	for (size_t i = 0; i < c->candidate_count; i++)
		if (c->candidates[i].fixed)
			progress[i] = TIMED;
	for (size_t i = 0; r == CNN_OK && i < c->candidate_count; i++)
		r = tune_place(a, c, progress, i);
	for (size_t i = 0; i < c->candidate_count; i++)
		if (progress[i] != OUT)
			c->candidates[left++] = c->candidates[i];
	c->candidate_count = left;
	free(progress);
	return r;
}

int cnn_tune_open(struct cnn_assigner *a)
{
	a->tuned = calloc(1, sizeof *a->tuned);
	return a->tuned ? CNN_OK : cnn_fail(a->e, CNN_ENOMEM, "out of memory");
}

void cnn_tune_close(struct cnn_assigner *a)
{
	if (a->tuned)
		free(a->tuned->reorders);
	free(a->tuned);
}
