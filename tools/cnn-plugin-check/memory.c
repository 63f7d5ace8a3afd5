/* memory.c - the buffers of a run. */
#include "memory.h"
#include "border.h"

#define GRAD_SCALE 0.125f /* of a loss: loss scale / samples */

static int alloc_microbatch(struct runner *runner, struct part *s)
{
	const struct layer_chain *c = runner->chain;
	const struct cnn_plan *p = &runner->plan;
	const uint32_t batch = runner->settings.microbatch;
	size_t out = border_tensor_bytes(&c->output, p->output, batch);
	int r = CNN_OK;

	for (uint32_t i = 0; r == CNN_OK && i < c->input_count; i++) {
		size_t in = border_tensor_bytes(&c->inputs[i], p->inputs[i], batch);

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

int memory_alloc(struct runner *runner)
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

void memory_free(struct runner *runner)
{
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
}

void memory_poison_result(struct runner *runner, const struct buffer *b)
{
	border_fill(runner, b,
	    runner->settings.spared & MARKED_RESULTS	 ? 0x40 :
		runner->settings.spared & SPARED_RESULTS ? 0 :
							   0xff);
}

void memory_poison(struct runner *runner, const struct buffer *b)
{
	border_fill(runner, b, runner->settings.spared & SPARED_MEMORY ? 0 : 0xff);
}
