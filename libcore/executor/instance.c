/* instance.c - creates a kernel's instance, and checks the plan that it answers with. */
#include "executor-private.h"

#include "base/tensor.h"

static bool right_format(const struct cnn_shape *s, struct cnn_format f, uint32_t dtype)
{
	return f.dtype == dtype && f.layout <= CNN_NCHW16C &&
	    (f.layout == CNN_NCHW || s->rank == 3);
}

static uint32_t output_dtype(const struct cnn_instance *inst)
{
	return inst->is_loss ? CNN_F32 : inst->run.dtype;
}

void cnn_plan_init(const struct cnn_executor *ex, const struct cnn_instance *inst,
    struct cnn_plan *plan)
{
	*plan = (struct cnn_plan){ .size = sizeof *plan };
	for (uint32_t i = 0; i < inst->run.input_count; i++) {
		plan->inputs[i] = inst->edges[i].format;
		if (plan->inputs[i].dtype != CNN_I32)
			plan->inputs[i].dtype = inst->run.dtype;
	}
	plan->output.dtype = output_dtype(inst);
	plan->output.layout = inst->run.output.rank == 3 ? plan->inputs[0].layout :
							   CNN_NCHW;
	for (uint32_t i = 0; i < inst->run.param_count; i++)
		plan->param_counts[i] = ex->graph->params[inst->param_index[i]].count;
}

/* Notes that the instance's kernel cannot be had. */
static int refuse(struct cnn_executor *ex, const struct cnn_instance *inst,
    struct cnn_error *e)
{
	if (ex->refusal_count == CNN_REFUSALS)
		return cnn_fail(e, CNN_EPLUGIN,
		    "%s: %s/%s/%s and too many other kernels cannot be used here",
		    inst->nodes[0].name, inst->plugin->device, inst->plugin->provider,
		    inst->kernel->run);
	ex->host.host.log(&ex->host.host, 2, "%s: %s/%s/%s cannot be used here",
	    inst->nodes[0].name, inst->plugin->device, inst->plugin->provider,
	    inst->kernel->run);
	ex->refusals[ex->refusal_count++] =
	    (struct cnn_refusal){ inst->kernel, inst->node_index[0] };
	return CNN_END;
}

/* Does the plan keep to the contract? */
static bool is_valid(const struct cnn_executor *ex, const struct cnn_instance *inst)
{
	const struct cnn_plan *plan = &inst->plan;
	bool good = right_format(&inst->run.output, plan->output, output_dtype(inst));

	for (uint32_t i = 0; i < inst->run.input_count; i++)
		good = good &&
		    right_format(&inst->edges[i].shape, plan->inputs[i],
			inst->edges[i].format.dtype == CNN_I32 ? CNN_I32 :
								 inst->run.dtype);
	for (uint32_t i = 0; i < inst->run.param_count; i++)
		good = good &&
		    plan->param_counts[i] >=
			ex->graph->params[inst->param_index[i]].count;
	if (inst->across)
		good = good && inst->kernel->reduce_forward &&
		    inst->kernel->reduce_backward;
	return good;
}

int cnn_instance_create(struct cnn_executor *ex, struct cnn_instance *inst,
    struct cnn_error *e)
{
	struct cnn_plan *plan = &inst->plan;
	int r;

	cnn_plan_init(ex, inst, plan);
	r = inst->kernel->create(&ex->host.host, inst->kernel, &inst->run, plan,
	    &inst->handle);
	if (r == CNN_END)
		return refuse(ex, inst, e);
	if (r < 0) {
		r = cnn_host_error(&ex->host, r, e);
		cnn_error_prefix(e, "%s: %s/%s/%s", inst->nodes[0].name,
		    inst->plugin->device, inst->plugin->provider, inst->kernel->run);
		return r;
	}
	/* Some losses need the whole batch only with some arguments. */
	inst->across = inst->across && plan->reduce_forward + plan->reduce_backward > 0;
	return is_valid(ex, inst) ?
	    CNN_OK :
	    cnn_fail(e, CNN_EPLUGIN,
		"%s: %s: returned a plan that violates the contract of cnn/plugin.h",
		inst->nodes[0].name, inst->plugin->path);
}
