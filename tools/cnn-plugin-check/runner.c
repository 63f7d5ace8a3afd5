/* runner.c - drives one kernel's instance of a run as the executor would. */
#include "border.h"
#include "base/tensor.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GRAD_SCALE 0.125f /* of a loss: loss scale / samples */

static void doing(const struct runner *runner, const char *what)
{
	if (runner->subject->doing)
		*runner->subject->doing = what;
}

/* Before a call that must overwrite it. */
static void poison_result(struct runner *runner, const struct buffer *b)
{
	border_fill(runner, b,
	    runner->settings.spared & MARKED_RESULTS	 ? 0x40 :
		runner->settings.spared & SPARED_RESULTS ? 0 :
							   0xff);
}

/* Before a call that finds nothing in it. */
static void poison_memory(struct runner *runner, const struct buffer *b)
{
	border_fill(runner, b, runner->settings.spared & SPARED_MEMORY ? 0 : 0xff);
}

/* --- the instance ----------------------------------------------------------------- */

static struct cnn_run describe(const struct layer_chain *c, const struct settings *s,
    struct cnn_edge *edges)
{
	for (uint32_t i = 0; i < c->input_count; i++)
		edges[i] = (struct cnn_edge){
			.shape = c->inputs[i],
			.format = { c->index[i] ? (uint32_t)CNN_I32 : s->dtype,
			    c->inputs[i].rank == 3 ? s->layout : CNN_NCHW },
			.wants_gradient = s->training && !s->no_input_gradient &&
			    !c->index[i],
		};
	return (struct cnn_run){
		.size = sizeof(struct cnn_run),
		.node_count = c->node_count,
		.nodes = c->nodes,
		.input_count = c->input_count,
		.inputs = edges,
		.output = c->output,
		.param_count = c->param_count,
		.params = c->params,
		.dtype = s->dtype,
		.batch = s->microbatch,
		.workers = 1,
		.training = s->training,
	};
}

static void init_plan(const struct layer_chain *c, const struct settings *s,
    const struct cnn_edge *edges, struct cnn_plan *plan)
{
	*plan = (struct cnn_plan){ .size = sizeof(*plan) };
	for (uint32_t i = 0; i < c->input_count; i++)
		plan->inputs[i] = edges[i].format;
	plan->output = plan->inputs[0];
	if (c->output.rank != 3)
		plan->output.layout = CNN_NCHW;
	if (c->loss && s->dtype != CNN_F64)
		plan->output.dtype = CNN_F32;
	for (uint32_t i = 0; i < c->param_count; i++)
		plan->param_counts[i] = chain_count(&c->params[i].shape);
}

bool runner_offers(const struct subject *subject, const struct layer_chain *c,
    const struct settings *s)
{
	const struct cnn_host *host = &subject->host->host;
	const struct cnn_kernel *k = subject->kernel;
	struct cnn_edge edges[CNN_MAX_INPUTS];
	const struct cnn_run run = describe(c, s, edges);
	struct cnn_plan plan;
	void *instance = NULL;
	int r;

	if (subject->doing)
		*subject->doing = "cost";
	init_plan(c, s, edges, &plan);
	if (!(k->cost(host, k, &run, &plan) > 0))
		return false;
	if (subject->doing)
		*subject->doing = "create";
	init_plan(c, s, edges, &plan);
	r = k->create(host, k, &run, &plan, &instance);
	if (r == CNN_OK)
		k->destroy(instance);
	return r != CNN_END;
}

static size_t tensor_bytes(const struct cnn_shape *s, struct cnn_format f, uint32_t n)
{
	return cnn_layout_count(s, f.layout, n) * cnn_dtype_size(f.dtype);
}

static int alloc_microbatch(struct runner *runner, struct part *s)
{
	const struct layer_chain *c = runner->chain;
	const struct cnn_plan *p = &runner->plan;
	const uint32_t batch = runner->settings.microbatch;
	size_t out = tensor_bytes(&c->output, p->output, batch);
	int r = CNN_OK;

	for (uint32_t i = 0; r == CNN_OK && i < c->input_count; i++) {
		size_t in = tensor_bytes(&c->inputs[i], p->inputs[i], batch);

		r = border_alloc(runner, &s->in[i], in, "writes outside of its input");
		if (r == CNN_OK && runner->settings.training && !c->index[i])
			r = border_alloc(runner, &s->grad_in[i], in,
			    "writes outside of the input's gradient");
	}
	if (r == CNN_OK)
		r = border_alloc(runner, &s->out, out, "writes outside of its output");
	if (r == CNN_OK && runner->settings.training)
		r = border_alloc(runner, &s->grad_out, out,
		    "writes outside of grad_out");
	if (r == CNN_OK)
		r = border_alloc(runner, &s->saved, p->saved_bytes,
		    "writes more than the saved_bytes of its plan");
	for (uint32_t i = 0; r == CNN_OK && i < c->param_count; i++)
		if (runner->settings.training &&
		    c->params[i].kind == CNN_PARAM_TRAINABLE)
			r = border_alloc(runner, &s->grad_params[i],
			    p->param_counts[i] * border_real_size(runner),
			    "writes outside of a parameter's gradient");
	return r;
}

static int alloc_all(struct runner *runner)
{
	const struct cnn_state state = { .seed = 42,
		.step = 7,
		.loss_scale = GRAD_SCALE * (float)runner->settings.samples };
	const struct cnn_plan *p = &runner->plan;
	const struct settings *s = &runner->settings;
	int r = border_alloc(runner, &runner->state, sizeof(state),
	    "writes outside of the state");

	if (r == CNN_OK)
		r = border_upload(runner->subject, runner->state.data, &state,
		    sizeof(state));
	for (uint32_t i = 0; r == CNN_OK && i < runner->chain->param_count; i++)
		r = border_alloc(runner, &runner->params[i],
		    p->param_counts[i] * border_real_size(runner),
		    "writes outside of a parameter");
	if (r == CNN_OK)
		r = border_alloc(runner, &runner->packed, p->packed_bytes,
		    "writes more than the packed_bytes of its plan");
	if (r == CNN_OK)
		r = border_alloc(runner, &runner->scratch, p->scratch_bytes,
		    "writes more than the scratch_bytes of its plan");
	if (r == CNN_OK)
		r = border_alloc(runner, &runner->reduced,
		    p->reduce_forward * sizeof(double), "writes outside of reduced");
	if (r == CNN_OK)
		r = border_alloc(runner, &runner->reduced_backward,
		    p->reduce_backward * sizeof(double), "writes outside of reduced");
	if (r == CNN_OK)
		r = border_alloc(runner, &runner->partial,
		    (p->reduce_forward > p->reduce_backward ? p->reduce_forward :
							      p->reduce_backward) *
			sizeof(double),
		    "writes more sums than its plan has");
	for (uint32_t n = 0; r == CNN_OK && n < s->samples; n += s->microbatch) {
		struct part *microbatch =
		    &runner->microbatches[runner->microbatch_count++];

		microbatch->first = n;
		microbatch->samples = s->samples - n < s->microbatch ? s->samples - n :
								       s->microbatch;
		r = alloc_microbatch(runner, microbatch);
	}
	return r;
}

/* Are these formats that a host could provide? */
static bool right_format(const struct cnn_shape *s, struct cnn_format f, uint32_t dtype)
{
	return f.dtype == dtype && f.layout <= CNN_NCHW16C &&
	    (f.layout == CNN_NCHW || s->rank == 3);
}

static int check_plan(const struct runner *runner, uint32_t out_dtype,
    struct cnn_error *e)
{
	const struct layer_chain *c = runner->chain;
	const struct cnn_kernel *k = runner->subject->kernel;
	bool good = right_format(&c->output, runner->plan.output, out_dtype);

	for (uint32_t i = 0; i < c->input_count; i++)
		good = good &&
		    right_format(&c->inputs[i], runner->plan.inputs[i],
			runner->edges[i].format.dtype);
	if (!good)
		return cnn_fail(e, CNN_EPLUGIN,
		    "create: the plan has a format of another "
		    "type than the run's, or a layout that the shape cannot have");
	if (runner->plan.reduce_forward + runner->plan.reduce_backward > 0 &&
	    !(k->reduce_forward && k->reduce_backward))
		return cnn_fail(e, CNN_EPLUGIN,
		    "create: the plan has sums over the batch, but "
		    "the kernel lacks reduce_forward or reduce_backward");
	return CNN_OK;
}

static bool same_format(struct cnn_format a, struct cnn_format b)
{
	return a.dtype == b.dtype && a.layout == b.layout;
}

int runner_open(struct runner *runner, const struct subject *subject,
    const struct layer_chain *c, const struct settings *s, double *const *params,
    struct cnn_error *e)
{
	const struct cnn_host *host = &subject->host->host;
	struct cnn_run run;
	uint32_t out_dtype;
	bool same;
	int r;

	memset(runner, 0, sizeof(*runner));
	runner->subject = subject;
	runner->chain = c;
	runner->settings = *s;
	if ((s->samples + s->microbatch - 1) / s->microbatch > MAX_MICROBATCHES)
		return cnn_fail(e, CNN_EUSAGE, "too many microbatches");
	run = describe(c, s, runner->edges);

	init_plan(c, s, runner->edges, &runner->plan);
	out_dtype = runner->plan.output.dtype;
	doing(runner, "create");
	r = subject->kernel->create(host, subject->kernel, &run, &runner->plan,
	    &runner->instance);
	if (r != CNN_OK) {
		cnn_host_error(subject->host, r, e);
		cnn_error_prefix(e, "create");
		return r;
	}
	if ((r = check_plan(runner, out_dtype, e)) != CNN_OK)
		return r;

	/* In place is a matter of one buffer for two tensors of equal form. */
	same = same_format(runner->plan.inputs[0], runner->plan.output) &&
	    tensor_bytes(&c->inputs[0], runner->plan.inputs[0], 1) ==
		tensor_bytes(&c->output, runner->plan.output, 1);
	runner->in_place_forward = s->in_place && same &&
	    runner->plan.flags & CNN_INPLACE_FORWARD;
	runner->in_place_backward = s->in_place && same &&
	    runner->plan.flags & CNN_INPLACE_BACKWARD;
	if (runner->plan.flags & CNN_KEEP_INPUT &&
	    runner->plan.flags & CNN_INPLACE_FORWARD)
		runner->complaint = "keeps an input that it may overwrite";

	if ((r = alloc_all(runner)) != CNN_OK)
		return cnn_host_error(subject->host, r, e);
	return runner_set_params(runner, params, e);
}

void runner_close(struct runner *runner)
{
	if (!runner->subject)
		return;
	for (uint32_t k = 0; k < runner->microbatch_count; k++) {
		struct part *s = &runner->microbatches[k];

		for (uint32_t i = 0; i < CNN_MAX_INPUTS; i++) {
			border_free(runner, &s->in[i]);
			border_free(runner, &s->grad_in[i]);
		}
		for (uint32_t i = 0; i < CNN_MAX_PARAMS; i++)
			border_free(runner, &s->grad_params[i]);
		border_free(runner, &s->out);
		border_free(runner, &s->grad_out);
		border_free(runner, &s->saved);
	}
	for (uint32_t i = 0; i < CNN_MAX_PARAMS; i++)
		border_free(runner, &runner->params[i]);
	border_free(runner, &runner->packed);
	border_free(runner, &runner->scratch);
	border_free(runner, &runner->partial);
	border_free(runner, &runner->reduced);
	border_free(runner, &runner->reduced_backward);
	border_free(runner, &runner->state);
	doing(runner, "destroy");
	runner->subject->kernel->destroy(runner->instance);
	runner->subject = NULL;
}

/* The error of a function of the plugin. */
static int fail_in(struct runner *runner, const char *function, int code,
    struct cnn_error *e)
{
	if (code == CNN_OK)
		return CNN_OK;
	code = cnn_host_error(runner->subject->host, code, e);
	cnn_error_prefix(e, "%s", function);
	return code;
}

int runner_set_params(struct runner *runner, double *const *params, struct cnn_error *e)
{
	const struct cnn_kernel *p = runner->subject->kernel;
	void *data[CNN_MAX_PARAMS] = { NULL };
	int r = CNN_OK;

	for (uint32_t i = 0; r == CNN_OK && i < runner->chain->param_count; i++) {
		r = border_put_param(runner, i, &runner->params[i], params[i]);
		data[i] = runner->params[i].data;
	}
	if (r == CNN_OK && p->pack) {
		poison_memory(runner, &runner->packed);
		doing(runner, "pack");
		r = p->pack(runner->instance, runner->subject->queue, data,
		    runner->packed.data);
		border_check(runner, &runner->packed);
	}
	return fail_in(runner, p->pack ? "pack" : "param_import", r, e);
}

int runner_get_params(struct runner *runner, double *const *params, struct cnn_error *e)
{
	int r = CNN_OK;

	for (uint32_t i = 0; r == CNN_OK && i < runner->chain->param_count; i++) {
		memset(params[i], 0,
		    chain_count(&runner->chain->params[i].shape) * sizeof(double));
		r = border_add_param(runner, i, &runner->params[i], params[i]);
	}
	return fail_in(runner, "param_export", r, e);
}

/* --- calls ------------------------------------------------------------------------ */

typedef int provider_function(void *instance, const struct cnn_call *);

struct errand {
	provider_function *function;
	void *instance;
	const struct cnn_call *call;
	int code;
};

static void *run_errand(void *arg)
{
	struct errand *e = arg;

	e->code = e->function(e->instance, e->call);
	return NULL;
}

static int call_provider(struct runner *runner, struct part *s,
    provider_function *function, const double *reduced)
{
	const void *in[CNN_MAX_INPUTS];
	void *grad_in[CNN_MAX_INPUTS] = { NULL }, *params[CNN_MAX_PARAMS];
	void *grad_params[CNN_MAX_PARAMS];
	struct cnn_call call = {
		.size = sizeof(call),
		.samples = s->samples,
		.training = runner->settings.training,
		.in = in,
		.out = runner->in_place_forward ? s->in[0].data : s->out.data,
		.grad_out = s->grad_out.data,
		.grad_in = grad_in,
		.params = params,
		.grad_params = grad_params,
		.packed = runner->packed.data,
		.saved = s->saved.data,
		.scratch = runner->scratch.data,
		.total = runner->settings.samples,
		.partial = runner->partial.data,
		.reduced = reduced,
		.state = runner->state.data,
		.first_sample = s->first,
		.queue = runner->subject->queue,
	};
	struct errand errand = { function, runner->instance, &call, CNN_OK };
	pthread_t thread;

	for (uint32_t i = 0; i < CNN_MAX_INPUTS; i++) {
		in[i] = s->in[i].data;
		if (!runner->settings.no_input_gradient)
			grad_in[i] = i == 0 && runner->in_place_backward ?
			    s->grad_out.data :
			    s->grad_in[i].data;
	}
	for (uint32_t i = 0; i < CNN_MAX_PARAMS; i++) {
		params[i] = runner->params[i].data;
		grad_params[i] = s->grad_params[i].data;
	}
	poison_memory(runner, &runner->scratch);
	if (runner->settings.other_thread &&
	    pthread_create(&thread, NULL, run_errand, &errand) == 0)
		pthread_join(thread, NULL);
	else
		run_errand(&errand);
	border_check(runner, &runner->scratch);
	border_check(runner, &s->saved);
	for (uint32_t i = 0; i < runner->chain->input_count; i++)
		border_check(runner, &s->in[i]);
	return errand.code;
}

/* Sums a reduce_ function's terms over all microbatches. */
static int reduce(struct runner *runner, provider_function *function, size_t count,
    const struct buffer *reduced)
{
	const struct subject *s = runner->subject;
	double *sum = calloc(count + 1, sizeof(*sum));
	double *partial = calloc(count + 1, sizeof(*partial));
	int r = CNN_OK;

	for (uint32_t k = 0; r == CNN_OK && k < runner->microbatch_count; k++) {
		poison_memory(runner, &runner->partial);
		r = call_provider(runner, &runner->microbatches[k], function, NULL);
		if (r == CNN_OK)
			r = border_download(s, partial, runner->partial.data,
			    count * sizeof(double));
		for (size_t i = 0; i < count; i++)
			sum[i] += partial[i];
	}
	border_check(runner, &runner->partial);
	if (r == CNN_OK)
		r = border_upload(s, reduced->data, sum, count * sizeof(double));
	free(sum);
	free(partial);
	return r;
}

/* A copy of input i, to see whether forward changes it; NULL if it is not in the host's
 * memory, or is the output. */
static void *copy_input(const struct runner *runner, const struct part *s, uint32_t i)
{
	void *copy;

	if (runner->subject->device->flags & CNN_DEVICE_OWN_MEMORY || !s->in[i].data ||
	    (i == 0 && runner->in_place_forward))
		return NULL;
	copy = malloc(s->in[i].bytes);
	if (copy)
		memcpy(copy, s->in[i].data, s->in[i].bytes);
	return copy;
}

static int call_forward(struct runner *runner, struct part *s)
{
	void *before[CNN_MAX_INPUTS] = { NULL };
	int r;

	for (uint32_t i = 0; i < runner->chain->input_count; i++)
		before[i] = copy_input(runner, s, i);
	r = call_provider(runner, s, runner->subject->kernel->forward,
	    runner->reduced.data);
	for (uint32_t i = 0; i < runner->chain->input_count; i++) {
		if (before[i] && memcmp(before[i], s->in[i].data, s->in[i].bytes) != 0)
			runner->complaint = "forward changes its input";
		free(before[i]);
	}
	return r;
}

static bool sums_over_batch(const struct runner *runner)
{
	return runner->settings.training && runner->chain->across_samples &&
	    runner->plan.reduce_forward + runner->plan.reduce_backward > 0;
}

static int forward(struct runner *runner, double *const *in, double *out)
{
	const struct cnn_kernel *p = runner->subject->kernel;
	const struct layer_chain *c = runner->chain;
	const bool across = sums_over_batch(runner);
	void *params[CNN_MAX_PARAMS];
	int r = CNN_OK;

	for (uint32_t k = 0; r == CNN_OK && k < runner->microbatch_count; k++) {
		struct part *s = &runner->microbatches[k];

		doing(runner, "prepare");
		if (p->prepare)
			r = p->prepare(runner->instance, s->samples);
		for (uint32_t i = 0; r == CNN_OK && i < c->input_count; i++)
			r = border_put(runner, &s->in[i], &c->inputs[i],
			    runner->plan.inputs[i],
			    in[i] + s->first * chain_count(&c->inputs[i]), s->samples);
		poison_result(runner, &s->out);
		poison_memory(runner, &s->saved);
	}
	doing(runner, "reduce_forward");
	if (r == CNN_OK && across)
		r = reduce(runner, p->reduce_forward, runner->plan.reduce_forward,
		    &runner->reduced);
	for (uint32_t k = 0; r == CNN_OK && k < runner->microbatch_count; k++) {
		struct part *s = &runner->microbatches[k];

		doing(runner, "forward");
		r = call_forward(runner, s);
		if (r == CNN_OK)
			r = border_get(runner,
			    runner->in_place_forward ? &s->in[0] : &s->out, &c->output,
			    runner->plan.output,
			    out + s->first * chain_count(&c->output), s->samples);
	}
	if (r == CNN_OK && across && p->update_buffers) {
		for (uint32_t i = 0; i < CNN_MAX_PARAMS; i++)
			params[i] = runner->params[i].data;
		doing(runner, "update_buffers");
		r = p->update_buffers(runner->instance, runner->subject->queue,
		    runner->state.data, runner->reduced.data, runner->settings.samples,
		    params);
	}
	return r;
}

int runner_forward(struct runner *runner, double *const *in, double *out,
    struct cnn_error *e)
{
	return fail_in(runner, "forward", forward(runner, in, out), e);
}

static int backward(struct runner *runner, const double *grad_out,
    double *const *grad_in, double *const *grad_params)
{
	const struct cnn_kernel *p = runner->subject->kernel;
	const struct layer_chain *c = runner->chain;
	int r = CNN_OK;

	for (uint32_t i = 0; i < c->param_count; i++)
		if (grad_params[i])
			memset(grad_params[i], 0,
			    chain_count(&c->params[i].shape) * sizeof(double));
	for (uint32_t k = 0; r == CNN_OK && k < runner->microbatch_count; k++) {
		struct part *s = &runner->microbatches[k];

		for (uint32_t i = 0; i < c->input_count; i++) {
			bool is_output = i == 0 && runner->in_place_forward;

			poison_result(runner, &s->grad_in[i]);
			if (!(runner->plan.flags &
				(is_output ? CNN_KEEP_OUTPUT : CNN_KEEP_INPUT)) &&
			    !(runner->settings.spared & SPARED_INPUT))
				border_poison(runner, &s->in[i]);
		}
		for (uint32_t i = 0; i < c->param_count; i++)
			poison_result(runner, &s->grad_params[i]);
		if (!(runner->plan.flags & CNN_KEEP_OUTPUT) &&
		    !(runner->settings.spared & SPARED_OUTPUT))
			border_poison(runner, &s->out);
		if (!c->loss)
			r = border_put(runner, &s->grad_out, &c->output,
			    runner->plan.output,
			    grad_out + s->first * chain_count(&c->output), s->samples);
	}
	doing(runner, "reduce_backward");
	if (r == CNN_OK && sums_over_batch(runner))
		r = reduce(runner, p->reduce_backward, runner->plan.reduce_backward,
		    &runner->reduced_backward);
	for (uint32_t k = 0; r == CNN_OK && k < runner->microbatch_count; k++) {
		struct part *s = &runner->microbatches[k];

		doing(runner, "backward");
		r = call_provider(runner, s, p->backward,
		    runner->reduced_backward.data);
		for (uint32_t i = 0; r == CNN_OK && i < c->input_count; i++)
			if (!runner->settings.no_input_gradient && !c->index[i])
				r = border_get(runner,
				    i == 0 && runner->in_place_backward ?
					&s->grad_out :
					&s->grad_in[i],
				    &c->inputs[i], runner->plan.inputs[i],
				    grad_in[i] + s->first * chain_count(&c->inputs[i]),
				    s->samples);
		for (uint32_t i = 0; r == CNN_OK && i < c->param_count; i++)
			if (grad_params[i])
				r = border_add_param(runner, i, &s->grad_params[i],
				    grad_params[i]);
	}
	return r;
}

int runner_backward(struct runner *runner, const double *grad_out,
    double *const *grad_in, double *const *grad_params, struct cnn_error *e)
{
	return fail_in(runner, "backward",
	    backward(runner, grad_out, grad_in, grad_params), e);
}
