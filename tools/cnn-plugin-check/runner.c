/* runner.c - drives one kernel's instance of a run as the executor would. */
#include "border.h"
#include "base/tensor.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GRAD_SCALE 0.125f                /* of a loss: loss scale / samples */

static void doing(const struct runner *r, const char *what)
{
	if (r->subject->doing)
		*r->subject->doing = what;
}

/* Before a call that must overwrite it. */
static void poison_result(struct runner *r, const struct buffer *b)
{
	border_fill(r, b, r->settings.spared & MARKED_RESULTS ? 0x40 :
		r->settings.spared & SPARED_RESULTS ? 0 : 0xff);
}

/* Before a call that finds nothing in it. */
static void poison_memory(struct runner *r, const struct buffer *b)
{
	border_fill(r, b, r->settings.spared & SPARED_MEMORY ? 0 : 0xff);
}

/* --- the instance ------------------------------------------------------------------ */

static struct cnn_run describe(const struct layer_chain *c, const struct settings *s,
	struct cnn_edge *edges)
{
	for (uint32_t i = 0; i < c->input_count; i++)
		edges[i] = (struct cnn_edge){
			.shape = c->inputs[i],
			.format = { c->index[i] ? (uint32_t)CNN_I32 : s->dtype,
				c->inputs[i].rank == 3 ? s->layout : CNN_NCHW },
			.wants_gradient = s->training && !s->no_input_gradient
				&& !c->index[i],
		};
	return (struct cnn_run){
		.size = sizeof(struct cnn_run),
		.node_count = c->node_count, .nodes = c->nodes,
		.input_count = c->input_count, .inputs = edges,
		.output = c->output,
		.param_count = c->param_count, .params = c->params,
		.dtype = s->dtype, .batch = s->microbatch, .workers = 1,
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
	int code;

	if (subject->doing)
		*subject->doing = "cost";
	init_plan(c, s, edges, &plan);
	if (!(k->cost(host, k, &run, &plan) > 0))
		return false;
	if (subject->doing)
		*subject->doing = "create";
	init_plan(c, s, edges, &plan);
	code = k->create(host, k, &run, &plan, &instance);
	if (code == CNN_OK)
		k->destroy(instance);
	return code != CNN_END;
}

static size_t tensor_bytes(const struct cnn_shape *s, struct cnn_format f, uint32_t n)
{
	return cnn_layout_count(s, f.layout, n) * cnn_dtype_size(f.dtype);
}

static int alloc_microbatch(struct runner *r, struct part *s)
{
	const struct layer_chain *c = r->chain;
	const struct cnn_plan *p = &r->plan;
	const uint32_t batch = r->settings.microbatch;
	size_t out = tensor_bytes(&c->output, p->output, batch);
	int code = CNN_OK;

	for (uint32_t i = 0; code == CNN_OK && i < c->input_count; i++) {
		size_t in = tensor_bytes(&c->inputs[i], p->inputs[i], batch);

		code = border_alloc(r, &s->in[i], in, "writes outside of its input");
		if (code == CNN_OK && r->settings.training && !c->index[i])
			code = border_alloc(r, &s->grad_in[i], in,
				"writes outside of the input's gradient");
	}
	if (code == CNN_OK)
		code = border_alloc(r, &s->out, out, "writes outside of its output");
	if (code == CNN_OK && r->settings.training)
		code = border_alloc(r, &s->grad_out, out, "writes outside of grad_out");
	if (code == CNN_OK)
		code = border_alloc(r, &s->saved, p->saved_bytes,
			"writes more than the saved_bytes of its plan");
	for (uint32_t i = 0; code == CNN_OK && i < c->param_count; i++)
		if (r->settings.training && c->params[i].kind == CNN_PARAM_TRAINABLE)
			code = border_alloc(r, &s->grad_params[i],
				p->param_counts[i] * border_real_size(r),
				"writes outside of a parameter's gradient");
	return code;
}

static int alloc_all(struct runner *r)
{
	const struct cnn_state state = { .seed = 42, .step = 7,
		.loss_scale = GRAD_SCALE * (float)r->settings.samples };
	const struct cnn_plan *p = &r->plan;
	const struct settings *s = &r->settings;
	int code = border_alloc(r, &r->state, sizeof(state), "writes outside of the state");

	if (code == CNN_OK)
		code = border_upload(r->subject, r->state.data, &state, sizeof(state));
	for (uint32_t i = 0; code == CNN_OK && i < r->chain->param_count; i++)
		code = border_alloc(r, &r->params[i], p->param_counts[i] * border_real_size(r),
			"writes outside of a parameter");
	if (code == CNN_OK)
		code = border_alloc(r, &r->packed, p->packed_bytes,
			"writes more than the packed_bytes of its plan");
	if (code == CNN_OK)
		code = border_alloc(r, &r->scratch, p->scratch_bytes,
			"writes more than the scratch_bytes of its plan");
	if (code == CNN_OK)
		code = border_alloc(r, &r->reduced, p->reduce_forward * sizeof(double),
			"writes outside of reduced");
	if (code == CNN_OK)
		code = border_alloc(r, &r->reduced_backward,
			p->reduce_backward * sizeof(double), "writes outside of reduced");
	if (code == CNN_OK)
		code = border_alloc(r, &r->partial, (p->reduce_forward
			> p->reduce_backward ? p->reduce_forward : p->reduce_backward)
			* sizeof(double), "writes more sums than its plan has");
	for (uint32_t n = 0; code == CNN_OK && n < s->samples; n += s->microbatch) {
		struct part *microbatch = &r->microbatches[r->microbatch_count++];

		microbatch->first = n;
		microbatch->samples = s->samples - n < s->microbatch ? s->samples - n : s->microbatch;
		code = alloc_microbatch(r, microbatch);
	}
	return code;
}

/* Are these formats that a host could provide? */
static bool right_format(const struct cnn_shape *s, struct cnn_format f, uint32_t dtype)
{
	return f.dtype == dtype && f.layout <= CNN_NCHW16C
		&& (f.layout == CNN_NCHW || s->rank == 3);
}

static int check_plan(const struct runner *r, uint32_t out_dtype, struct cnn_error *e)
{
	const struct layer_chain *c = r->chain;
	const struct cnn_kernel *k = r->subject->kernel;
	bool good = right_format(&c->output, r->plan.output, out_dtype);

	for (uint32_t i = 0; i < c->input_count; i++)
		good = good && right_format(&c->inputs[i], r->plan.inputs[i],
			r->edges[i].format.dtype);
	if (!good)
		return cnn_fail(e, CNN_EPLUGIN, "create: the plan has a format of another "
			"type than the run's, or a layout that the shape cannot have");
	if (r->plan.reduce_forward + r->plan.reduce_backward > 0
			&& !(k->reduce_forward && k->reduce_backward))
		return cnn_fail(e, CNN_EPLUGIN, "create: the plan has sums over the batch, but "
			"the kernel lacks reduce_forward or reduce_backward");
	return CNN_OK;
}

static bool same_format(struct cnn_format a, struct cnn_format b)
{
	return a.dtype == b.dtype && a.layout == b.layout;
}

int runner_open(struct runner *r, const struct subject *subject,
	const struct layer_chain *c, const struct settings *s, double *const *params,
	struct cnn_error *e)
{
	const struct cnn_host *host = &subject->host->host;
	struct cnn_run run;
	uint32_t out_dtype;
	bool same;
	int code;

	memset(r, 0, sizeof(*r));
	r->subject = subject;
	r->chain = c;
	r->settings = *s;
	if ((s->samples + s->microbatch - 1) / s->microbatch > MAX_MICROBATCHES)
		return cnn_fail(e, CNN_EUSAGE, "too many microbatches");
	run = describe(c, s, r->edges);

	init_plan(c, s, r->edges, &r->plan);
	out_dtype = r->plan.output.dtype;
	doing(r, "create");
	code = subject->kernel->create(host, subject->kernel, &run, &r->plan, &r->instance);
	if (code != CNN_OK) {
		cnn_host_error(subject->host, code, e);
		cnn_error_prefix(e, "create");
		return code;
	}
	if ((code = check_plan(r, out_dtype, e)) != CNN_OK)
		return code;

	/* In place is a matter of one buffer for two tensors of equal form. */
	same = same_format(r->plan.inputs[0], r->plan.output)
		&& tensor_bytes(&c->inputs[0], r->plan.inputs[0], 1)
			== tensor_bytes(&c->output, r->plan.output, 1);
	r->in_place_forward = s->in_place && same
		&& r->plan.flags & CNN_INPLACE_FORWARD;
	r->in_place_backward = s->in_place && same
		&& r->plan.flags & CNN_INPLACE_BACKWARD;
	if (r->plan.flags & CNN_KEEP_INPUT && r->plan.flags & CNN_INPLACE_FORWARD)
		r->complaint = "keeps an input that it may overwrite";

	if ((code = alloc_all(r)) != CNN_OK)
		return cnn_host_error(subject->host, code, e);
	return runner_set_params(r, params, e);
}

void runner_close(struct runner *r)
{
	if (!r->subject)
		return;
	for (uint32_t k = 0; k < r->microbatch_count; k++) {
		struct part *s = &r->microbatches[k];

		for (uint32_t i = 0; i < CNN_MAX_INPUTS; i++) {
			border_free(r, &s->in[i]);
			border_free(r, &s->grad_in[i]);
		}
		for (uint32_t i = 0; i < CNN_MAX_PARAMS; i++)
			border_free(r, &s->grad_params[i]);
		border_free(r, &s->out);
		border_free(r, &s->grad_out);
		border_free(r, &s->saved);
	}
	for (uint32_t i = 0; i < CNN_MAX_PARAMS; i++)
		border_free(r, &r->params[i]);
	border_free(r, &r->packed);
	border_free(r, &r->scratch);
	border_free(r, &r->partial);
	border_free(r, &r->reduced);
	border_free(r, &r->reduced_backward);
	border_free(r, &r->state);
	doing(r, "destroy");
	r->subject->kernel->destroy(r->instance);
	r->subject = NULL;
}

/* The error of a function of the plugin. */
static int fail_in(struct runner *r, const char *function, int code, struct cnn_error *e)
{
	if (code == CNN_OK)
		return CNN_OK;
	code = cnn_host_error(r->subject->host, code, e);
	cnn_error_prefix(e, "%s", function);
	return code;
}

int runner_set_params(struct runner *r, double *const *params, struct cnn_error *e)
{
	const struct cnn_kernel *p = r->subject->kernel;
	void *data[CNN_MAX_PARAMS] = { NULL };
	int code = CNN_OK;

	for (uint32_t i = 0; code == CNN_OK && i < r->chain->param_count; i++) {
		code = border_put_param(r, i, &r->params[i], params[i]);
		data[i] = r->params[i].data;
	}
	if (code == CNN_OK && p->pack) {
		poison_memory(r, &r->packed);
		doing(r, "pack");
		code = p->pack(r->instance, r->subject->queue, data, r->packed.data);
		border_check(r, &r->packed);
	}
	return fail_in(r, p->pack ? "pack" : "param_import", code, e);
}

int runner_get_params(struct runner *r, double *const *params, struct cnn_error *e)
{
	int code = CNN_OK;

	for (uint32_t i = 0; code == CNN_OK && i < r->chain->param_count; i++) {
		memset(params[i], 0, chain_count(&r->chain->params[i].shape)
			* sizeof(double));
		code = border_add_param(r, i, &r->params[i], params[i]);
	}
	return fail_in(r, "param_export", code, e);
}

/* --- calls ----------------------------------------------------------------------- */

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

static int call_provider(struct runner *r, struct part *s,
	provider_function *function, const double *reduced)
{
	const void *in[CNN_MAX_INPUTS];
	void *grad_in[CNN_MAX_INPUTS] = { NULL }, *params[CNN_MAX_PARAMS];
	void *grad_params[CNN_MAX_PARAMS];
	struct cnn_call call = {
		.size = sizeof(call), .samples = s->samples,
		.training = r->settings.training,
		.in = in, .out = r->in_place_forward ? s->in[0].data : s->out.data,
		.grad_out = s->grad_out.data, .grad_in = grad_in,
		.params = params, .grad_params = grad_params,
		.packed = r->packed.data, .saved = s->saved.data,
		.scratch = r->scratch.data,
		.total = r->settings.samples, .partial = r->partial.data,
		.reduced = reduced,
		.state = r->state.data, .first_sample = s->first,
		.queue = r->subject->queue,
	};
	struct errand errand = { function, r->instance, &call, CNN_OK };
	pthread_t thread;

	for (uint32_t i = 0; i < CNN_MAX_INPUTS; i++) {
		in[i] = s->in[i].data;
		if (!r->settings.no_input_gradient)
			grad_in[i] = i == 0 && r->in_place_backward ? s->grad_out.data
				: s->grad_in[i].data;
	}
	for (uint32_t i = 0; i < CNN_MAX_PARAMS; i++) {
		params[i] = r->params[i].data;
		grad_params[i] = s->grad_params[i].data;
	}
	poison_memory(r, &r->scratch);
	if (r->settings.other_thread
			&& pthread_create(&thread, NULL, run_errand, &errand) == 0)
		pthread_join(thread, NULL);
	else
		run_errand(&errand);
	border_check(r, &r->scratch);
	border_check(r, &s->saved);
	for (uint32_t i = 0; i < r->chain->input_count; i++)
		border_check(r, &s->in[i]);
	return errand.code;
}

/* Sums a reduce_ function's terms over all microbatches. */
static int reduce(struct runner *r, provider_function *function, size_t count,
	const struct buffer *reduced)
{
	const struct subject *s = r->subject;
	double *sum = calloc(count + 1, sizeof(*sum));
	double *partial = calloc(count + 1, sizeof(*partial));
	int code = CNN_OK;

	for (uint32_t k = 0; code == CNN_OK && k < r->microbatch_count; k++) {
		poison_memory(r, &r->partial);
		code = call_provider(r, &r->microbatches[k], function, NULL);
		if (code == CNN_OK)
			code = border_download(s, partial, r->partial.data, count * sizeof(double));
		for (size_t i = 0; i < count; i++)
			sum[i] += partial[i];
	}
	border_check(r, &r->partial);
	if (code == CNN_OK)
		code = border_upload(s, reduced->data, sum, count * sizeof(double));
	free(sum);
	free(partial);
	return code;
}

/* A copy of input i, to see whether forward changes it; NULL if it is not in the host's
 * memory, or is the output. */
static void *copy_input(const struct runner *r, const struct part *s, uint32_t i)
{
	void *copy;

	if (r->subject->device->flags & CNN_DEVICE_OWN_MEMORY || !s->in[i].data
			|| (i == 0 && r->in_place_forward))
		return NULL;
	copy = malloc(s->in[i].bytes);
	if (copy)
		memcpy(copy, s->in[i].data, s->in[i].bytes);
	return copy;
}

static int call_forward(struct runner *r, struct part *s)
{
	void *before[CNN_MAX_INPUTS] = { NULL };
	int code;

	for (uint32_t i = 0; i < r->chain->input_count; i++)
		before[i] = copy_input(r, s, i);
	code = call_provider(r, s, r->subject->kernel->forward, r->reduced.data);
	for (uint32_t i = 0; i < r->chain->input_count; i++) {
		if (before[i] && memcmp(before[i], s->in[i].data, s->in[i].bytes) != 0)
			r->complaint = "forward changes its input";
		free(before[i]);
	}
	return code;
}

static bool sums_over_batch(const struct runner *r)
{
	return r->settings.training && r->chain->across_samples
		&& r->plan.reduce_forward + r->plan.reduce_backward > 0;
}

static int forward(struct runner *r, double *const *in, double *out)
{
	const struct cnn_kernel *p = r->subject->kernel;
	const struct layer_chain *c = r->chain;
	const bool across = sums_over_batch(r);
	void *params[CNN_MAX_PARAMS];
	int code = CNN_OK;

	for (uint32_t k = 0; code == CNN_OK && k < r->microbatch_count; k++) {
		struct part *s = &r->microbatches[k];

		doing(r, "prepare");
		if (p->prepare)
			code = p->prepare(r->instance, s->samples);
		for (uint32_t i = 0; code == CNN_OK && i < c->input_count; i++)
			code = border_put(r, &s->in[i], &c->inputs[i], r->plan.inputs[i],
				in[i] + s->first * chain_count(&c->inputs[i]), s->samples);
		poison_result(r, &s->out);
		poison_memory(r, &s->saved);
	}
	doing(r, "reduce_forward");
	if (code == CNN_OK && across)
		code = reduce(r, p->reduce_forward, r->plan.reduce_forward, &r->reduced);
	for (uint32_t k = 0; code == CNN_OK && k < r->microbatch_count; k++) {
		struct part *s = &r->microbatches[k];

		doing(r, "forward");
		code = call_forward(r, s);
		if (code == CNN_OK)
			code = border_get(r, r->in_place_forward ? &s->in[0] : &s->out,
				&c->output, r->plan.output,
				out + s->first * chain_count(&c->output), s->samples);
	}
	if (code == CNN_OK && across && p->update_buffers) {
		for (uint32_t i = 0; i < CNN_MAX_PARAMS; i++)
			params[i] = r->params[i].data;
		doing(r, "update_buffers");
		code = p->update_buffers(r->instance, r->subject->queue, r->state.data,
			r->reduced.data, r->settings.samples, params);
	}
	return code;
}

int runner_forward(struct runner *r, double *const *in, double *out,
	struct cnn_error *e)
{
	return fail_in(r, "forward", forward(r, in, out), e);
}

static int backward(struct runner *r, const double *grad_out, double *const *grad_in,
	double *const *grad_params)
{
	const struct cnn_kernel *p = r->subject->kernel;
	const struct layer_chain *c = r->chain;
	int code = CNN_OK;

	for (uint32_t i = 0; i < c->param_count; i++)
		if (grad_params[i])
			memset(grad_params[i], 0,
				chain_count(&c->params[i].shape) * sizeof(double));
	for (uint32_t k = 0; code == CNN_OK && k < r->microbatch_count; k++) {
		struct part *s = &r->microbatches[k];

		for (uint32_t i = 0; i < c->input_count; i++) {
			bool is_output = i == 0 && r->in_place_forward;

			poison_result(r, &s->grad_in[i]);
			if (!(r->plan.flags & (is_output ? CNN_KEEP_OUTPUT : CNN_KEEP_INPUT))
					&& !(r->settings.spared & SPARED_INPUT))
				border_poison(r, &s->in[i]);
		}
		for (uint32_t i = 0; i < c->param_count; i++)
			poison_result(r, &s->grad_params[i]);
		if (!(r->plan.flags & CNN_KEEP_OUTPUT)
				&& !(r->settings.spared & SPARED_OUTPUT))
			border_poison(r, &s->out);
		if (!c->loss)
			code = border_put(r, &s->grad_out, &c->output, r->plan.output,
				grad_out + s->first * chain_count(&c->output), s->samples);
	}
	doing(r, "reduce_backward");
	if (code == CNN_OK && sums_over_batch(r))
		code = reduce(r, p->reduce_backward, r->plan.reduce_backward,
			&r->reduced_backward);
	for (uint32_t k = 0; code == CNN_OK && k < r->microbatch_count; k++) {
		struct part *s = &r->microbatches[k];

		doing(r, "backward");
		code = call_provider(r, s, p->backward, r->reduced_backward.data);
		for (uint32_t i = 0; code == CNN_OK && i < c->input_count; i++)
			if (!r->settings.no_input_gradient && !c->index[i])
				code = border_get(r, i == 0 && r->in_place_backward
					? &s->grad_out : &s->grad_in[i], &c->inputs[i],
					r->plan.inputs[i], grad_in[i] + s->first
					* chain_count(&c->inputs[i]), s->samples);
		for (uint32_t i = 0; code == CNN_OK && i < c->param_count; i++)
			if (grad_params[i])
				code = border_add_param(r, i, &s->grad_params[i], grad_params[i]);
	}
	return code;
}

int runner_backward(struct runner *r, const double *grad_out,
	double *const *grad_in, double *const *grad_params, struct cnn_error *e)
{
	return fail_in(r, "backward", backward(r, grad_out, grad_in, grad_params), e);
}
