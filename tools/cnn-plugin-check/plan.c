/* plan.c - the run that a kernel is asked to plan, and what its plan must be. */
#include "plan.h"
#include "border.h"

struct cnn_run plan_run(const struct layer_chain *c, const struct settings *s,
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

void plan_init(const struct layer_chain *c, const struct settings *s,
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

/* Are these formats that a host could provide? */
static bool right_format(const struct cnn_shape *s, struct cnn_format f, uint32_t dtype)
{
	return f.dtype == dtype && f.layout <= CNN_NCHW16C &&
	    (f.layout == CNN_NCHW || s->rank == 3);
}

int plan_check(const struct runner *runner, uint32_t out_dtype, struct cnn_error *e)
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

bool plan_in_place(const struct layer_chain *c, const struct cnn_plan *p)
{
	return same_format(p->inputs[0], p->output) &&
	    border_tensor_bytes(&c->inputs[0], p->inputs[0], 1) ==
	    border_tensor_bytes(&c->output, p->output, 1);
}
