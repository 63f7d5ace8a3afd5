/* single.c - see single.h. */
#include "single.h"

#include <string.h>

int single_create(const struct cnn_host *host, const struct cnn_run *run,
	const char *type, bool relu, struct cnn_plan *plan, void **instance)
{
	const struct conv_def def = {
		.type = type, .node = &run->nodes[0],
		.dtype = run->dtype, .batch = run->batch, .relu = relu,
		.training = run->training, .wants_gradient = run->inputs[0].wants_gradient,
	};
	struct conv *v = host->alloc(host, sizeof *v);
	int code;

	if (!v)
		return CNN_ENOMEM;
	memset(v, 0, sizeof *v);
	code = conv_open(v, host, &def);
	if (code != CNN_OK) {
		single_destroy(v);
		return code;
	}
	plan->flags = CNN_KEEP_INPUT | (relu ? CNN_KEEP_OUTPUT : 0);
	plan->inputs[0] = (struct cnn_format){ run->dtype, CNN_NHWC };
	plan->output = plan->inputs[0];
	plan->scratch_bytes = v->scratch_bytes;
	plan->packed_bytes = v->packed_bytes;
	*instance = v;
	return CNN_OK;
}

void single_destroy(void *instance)
{
	struct conv *v = instance;
	const struct cnn_host *host;

	if (!v)
		return;
	host = v->p.host;
	conv_close(v);
	host->free(host, v);
}

int single_prepare(void *instance, uint32_t samples)
{
	return conv_prepare(instance, samples);
}

int single_import(void *instance, void *queue, uint32_t index, const float *plain,
	float *native)
{
	return conv_import(instance, queue, index, plain, native);
}

int single_export(void *instance, void *queue, uint32_t index, const float *native,
	float *plain)
{
	return conv_export(instance, queue, index, native, plain);
}

int single_pack(void *instance, void *queue, void *const *params, void *packed)
{
	return conv_pack(instance, queue, params, packed);
}

static struct conv_call call_of(const struct cnn_call *c)
{
	return (struct conv_call){
		.samples = c->samples, .queue = c->queue,
		.in = c->in[0], .out = c->out, .grad_out = c->grad_out,
		.grad_in = c->grad_in ? c->grad_in[0] : NULL,
		.params = c->params, .grad_params = c->grad_params,
		.packed = c->packed, .scratch = c->scratch,
	};
}

int single_forward(void *instance, const struct cnn_call *c)
{
	const struct conv_call call = call_of(c);

	return conv_forward(instance, &call, c->out);
}

int single_backward(void *instance, const struct cnn_call *c)
{
	const struct conv_call call = call_of(c);

	return conv_backward(instance, &call);
}
