/* calls.c - a kernel's functions, called for one microbatch or for all of them. */
#include "calls.h"
#include "border.h"
#include "memory.h"
#include <pthread.h>
#include <string.h>

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

int call_provider(struct runner *runner, struct part *s, provider_function *function,
    const double *reduced)
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
	const struct cnn_host *host = &runner->subject->host->host;
	pthread_t thread;
	int err;

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
	memory_poison(runner, &runner->scratch);
	if (!runner->settings.other_thread)
		run_errand(&errand);
	else if ((err = pthread_create(&thread, NULL, run_errand, &errand)) == 0)
		pthread_join(thread, NULL);
	else
		return host->fail(host, CNN_ENOMEM, "a thread: %s", strerror(err));
	border_check(runner, &runner->scratch);
	border_check(runner, &s->saved);
	for (uint32_t i = 0; i < runner->chain->input_count; i++)
		border_check(runner, &s->in[i]);
	return errand.code;
}

int call_reduce(struct runner *runner, provider_function *function, size_t count,
    const struct buffer *reduced)
{
	const struct subject *s = runner->subject;
	double *sum = border_host_alloc(s, count * sizeof(*sum));
	double *partial = border_host_alloc(s, count * sizeof(*partial));
	const bool is_forward = function == s->kernel->reduce_forward;
	int r = sum && partial ? CNN_OK : CNN_ENOMEM;

	for (uint32_t k = 0; r == CNN_OK && k < runner->microbatch_count; k++) {
		memory_poison(runner, &runner->partial);
		r = call_provider(runner, &runner->microbatches[k], function, NULL);
		if (r == CNN_OK)
			r = border_download(s, partial, runner->partial.data,
			    count * sizeof(double));
		if (r == CNN_OK && k > 0 && is_forward &&
		    cnn_kernel_combines(s->kernel))
			s->kernel->combine(runner->instance, sum,
			    runner->microbatches[k].first, partial,
			    runner->microbatches[k].samples);
		else
			for (size_t i = 0; r == CNN_OK && i < count; i++)
				sum[i] += partial[i];
	}
	border_check(runner, &runner->partial);
	if (r == CNN_OK)
		r = border_upload(s, reduced->data, sum, count * sizeof(double));
	border_host_free(s, sum);
	border_host_free(s, partial);
	return r;
}

/* *copy = a copy of input i, to see whether forward changes it; NULL if it is not in
 * the host's memory, or is the output. */
static int copy_input(const struct runner *runner, const struct part *s, uint32_t i,
    void **copy)
{
	const struct subject *subject = runner->subject;

	*copy = NULL;
	if (subject->device->flags & CNN_DEVICE_OWN_MEMORY || !s->in[i].data ||
	    (i == 0 && runner->in_place_forward))
		return CNN_OK;
	if (!(*copy = border_host_alloc(subject, s->in[i].bytes)))
		return CNN_ENOMEM;
	memcpy(*copy, s->in[i].data, s->in[i].bytes);
	return CNN_OK;
}

int call_forward(struct runner *runner, struct part *s)
{
	void *before[CNN_MAX_INPUTS] = { NULL };
	int r = CNN_OK;

	for (uint32_t i = 0; r == CNN_OK && i < runner->chain->input_count; i++)
		r = copy_input(runner, s, i, &before[i]);
	if (r == CNN_OK)
		r = call_provider(runner, s, runner->subject->kernel->forward,
		    runner->reduced.data);
	for (uint32_t i = 0; i < runner->chain->input_count; i++) {
		if (r == CNN_OK && before[i] &&
		    memcmp(before[i], s->in[i].data, s->in[i].bytes) != 0)
			runner->complaint = "forward changes its input";
		border_host_free(runner->subject, before[i]);
	}
	return r;
}
