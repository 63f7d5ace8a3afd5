/* describe.c - prints a model, or a profile, as a table of layers. */
#include "describe.h"
#include "trainer-private.h"

#include "base/printable.h"
#include "executor/amp.h"
#include "optimizers/builtin.h"

#include <stdlib.h>
#include <string.h>

/* The provider of each node: "cpu/onednn", with a mark if its kernel also computes the
 * node before. */
static void providers_of(const struct cnn_executor *ex, const struct cnn_graph *g,
    char (*names)[80])
{
	struct cnn_executor_run run;

	for (size_t i = 0; i < g->node_count; i++)
		strcpy(names[i], i ? "-" : "");
	for (size_t i = 0; cnn_executor_run_at(ex, i, &run); i++)
		for (uint32_t k = 0; k < run.count; k++)
			snprintf(names[run.nodes[k]], sizeof *names, "%s/%s%s",
			    run.device, run.provider, k ? " (same run)" : "");
}

static int print_rows(struct cnn_output *out, const struct cnn_model *m,
    char (*names)[80], struct cnn_error *e)
{
	const struct cnn_graph *g = m->graph;
	char shape[CNN_SHAPE_TEXT];
	size_t total = 0;
	double flops = 0;
	int r = cnn_output_printf(out, e, "%-16s %-14s %-14s %10s %12s  %s\n", "layer",
	    "type", "output", "parameters", "flop/sample", "computed by");

	/* Inputs that no line of the net names are left out. */
	for (size_t i = 0; r == CNN_OK && i < g->net->count; i++) {
		const struct cnn_graph_node *n = &g->nodes[i];
		size_t params = 0;

		for (uint32_t k = 0; k < n->param_count; k++)
			params += g->params[n->first_param + k].count;
		total += params;
		flops += cnn_graph_flops(g, i);
		r = cnn_output_printf(out, e, "%-16s %-14s %-14s %10zu %12.0f  %s\n",
		    n->node.name, n->def ? n->def->type : "input",
		    cnn_graph_shape_text(&n->node.output, shape, sizeof shape), params,
		    cnn_graph_flops(g, i), names[i]);
	}
	if (r == CNN_OK)
		r = cnn_output_printf(out, e, "%-16s %-14s %-14s %10zu %12.0f\n", "all",
		    "", "", total, flops);
	return r;
}

static int print_training(struct cnn_output *out, const struct cnn_model *m,
    struct cnn_error *e)
{
	uint64_t step = 0, epoch = 0;
	const char *optimizer = "?";
	char *shown;
	int r;

	if (!m->training)
		return CNN_OK;
	cnn_value_get_uint(m->training, "step", &step);
	cnn_value_get_uint(m->training, "epoch", &epoch);
	cnn_value_get_str(m->training, "optimizer", &optimizer);
	if (!(shown = strdup(optimizer)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	r = cnn_output_printf(out, e, "checkpoint: step %llu, epoch %llu, %s\n",
	    (unsigned long long)step, (unsigned long long)epoch,
	    cnn_printable(shown, ""));
	free(shown);
	return r;
}

int cnn_print_model(struct cnn_output *out, const struct cnn_model *m,
    const struct cnn_infer_options *o, bool training, struct cnn_error *e)
{
	struct cnn_executor_options eo = {
		.on = o->on,
		.batch = (uint32_t)o->batch,
		.training = training,
		.plan_only = true,
		.amp = cnn_amp_dtype(o->amp),
		.optimizer = cnn_builtin_optimizer("adam"),
	};
	char(*names)[80] = calloc(m->graph->node_count, sizeof *names);
	struct cnn_executor *ex = NULL;
	int r;

	eo.on.threads = 1;
	if (!names)
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if ((r = cnn_executor_open(&ex, m->graph, &eo, e)) == CNN_OK)
		providers_of(ex, m->graph, names);
	if (r == CNN_OK && (r = print_rows(out, m, names, e)) == CNN_OK &&
	    (r = print_training(out, m, e)) == CNN_OK)
		r = cnn_output_printf(out, e,
		    "tensors copied to another layout: %zu\n"
		    "memory at batch %llu: %.1f MiB\n",
		    cnn_executor_reorders(ex), (unsigned long long)o->batch,
		    (double)cnn_executor_memory(ex) / (1 << 20));
	cnn_executor_close(ex);
	free(names);
	return r;
}

void cnn_print_profile(FILE *f, const struct cnn_trainer *t)
{
	struct cnn_profile_row row = { 0 };
	double total = 0;

	for (size_t i = 0; cnn_executor_profile_at(t->ex, i, &row); i++)
		total += row.seconds;
	if (row.steps == 0) {
		fprintf(f, "--profile: nothing to measure: fewer than two steps ran\n");
		return;
	}
	fprintf(f, "%-32s %-14s %-8s %10s %6s %9s %9s %9s\n", "layer", "operation",
	    "provider", "us/step", "share", "MB/step", "MFLOP", "GFLOP/s");
	for (size_t i = 0; cnn_executor_profile_at(t->ex, i, &row); i++) {
		if (row.seconds <= 0)
			continue;
		fprintf(f, "%-32s %-14s %-8s %10.1f %5.1f%%", row.name, row.what,
		    row.provider, 1e6 * row.seconds, 100 * row.seconds / total);
		if (row.bytes > 0)
			fprintf(f, " %9.3f", 1e-6 * row.bytes);
		if (row.flops > 0)
			fprintf(f, " %9.2f %9.1f", 1e-6 * row.flops,
			    1e-9 * row.flops / row.seconds);
		putc('\n', f);
	}
	fprintf(f, "%-32s %-14s %-8s %10.1f  100%%   (mean of %llu steps)\n", "all", "",
	    "", 1e6 * total, (unsigned long long)row.steps);
}
