/* runner.c - drives one kernel's instance of a run as the executor would. */
#include "border.h"
#include "calls.h"
#include "memory.h"
#include "plan.h"
#include <string.h>

static void doing(const struct runner *runner, const char *what)
{
	if (runner->subject->doing)
		*runner->subject->doing = what;
}

/* --- the instance ----------------------------------------------------------------- */

int runner_offers(const struct subject *subject, const struct layer_chain *c,
    const struct settings *s, uint32_t *layout, struct cnn_error *e)
{
	const struct cnn_host *host = &subject->host->host;
	const struct cnn_kernel *k = subject->kernel;
	struct cnn_edge edges[CNN_MAX_INPUTS];
	const struct cnn_run run = plan_run(c, s, edges);
	struct cnn_plan plan;
	struct cnn_error why = { 0 };
	void *instance = NULL;
	int r;

	if (subject->doing)
		*subject->doing = "cost";
	plan_init(c, s, edges, &plan);
	if (!(k->cost(host, k, &run, &plan) > 0))
		return CNN_END;
	if (subject->doing)
		*subject->doing = "create";
	plan_init(c, s, edges, &plan);
	r = k->create(host, k, &run, &plan, &instance);
	if (r == CNN_OK)
		k->destroy(instance);
	*layout = plan.inputs[0].layout;
	cnn_host_error(subject->host, r, &why); /* not to be kept for a later error */
	if (r == CNN_ENOMEM)
		return cnn_fail(e, r, "create: %s", why.text);
	return r == CNN_END ? CNN_END : CNN_OK;
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
	run = plan_run(c, s, runner->edges);

	plan_init(c, s, runner->edges, &runner->plan);
	out_dtype = runner->plan.output.dtype;
	doing(runner, "create");
	r = subject->kernel->create(host, subject->kernel, &run, &runner->plan,
	    &runner->instance);
	if (r != CNN_OK) {
		cnn_host_error(subject->host, r, e);
		cnn_error_prefix(e, "create");
		return r;
	}
	if ((r = plan_check(runner, out_dtype, e)) != CNN_OK)
		return r;

	same = plan_in_place(c, &runner->plan);
	runner->in_place_forward = s->in_place && same &&
	    runner->plan.flags & CNN_INPLACE_FORWARD;
	runner->in_place_backward = s->in_place && same &&
	    runner->plan.flags & CNN_INPLACE_BACKWARD;
	if (runner->plan.flags & CNN_KEEP_INPUT &&
	    runner->plan.flags & CNN_INPLACE_FORWARD)
		runner->complaint = "keeps an input that it may overwrite";

	if ((r = memory_alloc(runner)) != CNN_OK)
		return cnn_host_error(subject->host, r, e);
	return runner_set_params(runner, params, e);
}

void runner_close(struct runner *runner)
{
	if (!runner->subject)
		return;
	memory_free(runner);
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

/* --- parameters ------------------------------------------------------------------- */

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
		memory_poison(runner, &runner->packed);
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

/* --- passes ----------------------------------------------------------------------- */

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
		memory_poison_result(runner, &s->out);
		memory_poison(runner, &s->saved);
	}
	doing(runner, "reduce_forward");
	if (r == CNN_OK && across)
		r = call_reduce(runner, p->reduce_forward, runner->plan.reduce_forward,
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

			memory_poison_result(runner, &s->grad_in[i]);
			if (!(runner->plan.flags &
				(is_output ? CNN_KEEP_OUTPUT : CNN_KEEP_INPUT)) &&
			    !(runner->settings.spared & SPARED_INPUT))
				border_poison(runner, &s->in[i]);
		}
		for (uint32_t i = 0; i < c->param_count; i++)
			memory_poison_result(runner, &s->grad_params[i]);
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
		r = call_reduce(runner, p->reduce_backward,
		    runner->plan.reduce_backward, &runner->reduced_backward);
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
