/* evaluate.c - inference over datasets. */
#include "evaluate.h"

#include "base/printable.h"
#include "executor/amp.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int cnn_infer_open(struct cnn_executor **ex, const struct cnn_model *m,
    const struct cnn_infer_options *o, struct cnn_error *e)
{
	struct cnn_executor_options eo = {
		.on = o->on,
		.batch = (uint32_t)o->batch,
		.amp = cnn_amp_dtype(o->amp),
	};
	int r = cnn_executor_open(ex, m->graph, &eo, e);

	for (size_t i = 0; r == CNN_OK && i < m->graph->param_count; i++)
		r = cnn_executor_set_param(*ex, i, m->params[i], e);
	if (r < 0) {
		cnn_executor_close(*ex);
		*ex = NULL;
	}
	return r;
}

size_t cnn_best_class(const float *logits, size_t classes, double *probability)
{
	size_t best = 0;
	double sum = 0;

	for (size_t c = 1; c < classes; c++)
		if (logits[c] > logits[best])
			best = c;
	for (size_t c = 0; c < classes; c++)
		sum += exp((double)logits[c] - (double)logits[best]);
	*probability = cnn_printable_number(1 / sum);
	return best;
}

void cnn_evaluation_free(struct cnn_evaluation *v)
{
	free(v->confusion);
	v->confusion = NULL;
}

static void count_one(struct cnn_evaluation *v, const float *logits, int32_t label)
{
	double probability;
	size_t best = cnn_best_class(logits, v->classes, &probability);

	v->samples++;
	v->hits += best == (size_t)label;
	if (v->confusion)
		v->confusion[(size_t)label * v->classes + best]++;
}

double cnn_evaluation_accuracy(const struct cnn_evaluation *v)
{
	return v->samples ? v->hits / (double)v->samples : NAN;
}

double cnn_evaluation_loss(const struct cnn_evaluation *v)
{
	return v->has_loss && v->samples ?
	    cnn_printable_number(v->loss_sum / (double)v->samples) :
	    NAN;
}

size_t cnn_class_count(const struct cnn_graph *g)
{
	return cnn_graph_shape_count(&g->nodes[g->output].node.output);
}

static int set_rows(struct cnn_executor *ex, const struct cnn_model *m,
    const struct cnn_dataset *d, size_t count, bool targets, struct cnn_error *e)
{
	const struct cnn_rows rows = cnn_dataset_rows(d, m->graph, targets, 0, count);

	return cnn_executor_set_rows(ex, &rows, e);
}

static uint32_t batch_at(size_t count, size_t at, uint64_t most)
{
	return (uint32_t)(count - at < most ? count - at : most);
}

int cnn_predict(struct cnn_executor *ex, const struct cnn_model *m,
    const struct cnn_dataset *d, size_t count, uint64_t batch, float *logits,
    struct cnn_error *e)
{
	size_t classes = cnn_class_count(m->graph);
	int r = cnn_dataset_check(d, m->graph, false, 0, e);

	if (r == CNN_OK)
		r = set_rows(ex, m, d, count, false, e);
	for (size_t at = 0; r == CNN_OK && at < count; at += batch)
		r = cnn_executor_infer(ex, at, batch_at(count, at, batch),
		    logits + at * classes, NULL, e);
	return r;
}

/* Whether the net predicts one class per sample, to be compared with the labels. */
static bool is_classifier(const struct cnn_model *m)
{
	const struct cnn_graph *g = m->graph;
	const struct cnn_graph_node *target;

	if (g->loss_count == 0)
		return true;
	target = &g->nodes[g->nodes[g->losses[0]].inputs[1]];
	return target->index && target->node.output.rank == 0 &&
	    strcmp(target->field, "label") == 0;
}

int cnn_evaluation_check(const struct cnn_model *m, const struct cnn_dataset *d,
    struct cnn_error *e)
{
	int r = cnn_dataset_check(d, m->graph, true, 0, e);

	return r == CNN_OK && is_classifier(m) ?
	    cnn_dataset_check_labels(d, cnn_class_count(m->graph), e) :
	    r;
}

static int begin_evaluation(struct cnn_evaluation *v, const struct cnn_model *m,
    struct cnn_error *e)
{
	size_t classes = cnn_class_count(m->graph);

	v->has_loss = m->graph->loss_count > 0;
	if (v->classes || !is_classifier(m))
		return CNN_OK;
	v->classes = classes;
	if (classes > CNN_MAX_CONFUSION)
		return CNN_OK;
	v->confusion = calloc(classes * classes, sizeof *v->confusion);
	return v->confusion ? CNN_OK : cnn_fail(e, CNN_ENOMEM, "out of memory");
}

static bool all_finite(const float *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!isfinite(x[i]))
			return false;
	return true;
}

static void count_batch(struct cnn_evaluation *v, const struct cnn_dataset *d,
    size_t first, uint32_t samples, const float *logits, size_t outputs,
    const struct cnn_result *result)
{
	v->loss_sum += result->loss;
	for (uint32_t i = 0; i < samples; i++)
		v->not_finite += !all_finite(logits + i * outputs, outputs);
	if (v->classes == 0) {
		v->hits += result->hits;
		v->samples += samples;
	}
	for (uint32_t i = 0; v->classes > 0 && i < samples; i++)
		count_one(v, logits + i * v->classes, cnn_dataset_label(d, first + i));
}

int cnn_evaluate(struct cnn_executor *ex, const struct cnn_model *m,
    const struct cnn_dataset *d, size_t count, uint64_t batch, struct cnn_evaluation *v,
    struct cnn_error *e)
{
	size_t outputs = cnn_class_count(m->graph);
	float *logits;
	int r;

	if ((r = cnn_evaluation_check(m, d, e)) < 0 ||
	    (r = cnn_dataset_check_classes(d, m->classes, "the model", e)) < 0 ||
	    (r = begin_evaluation(v, m, e)) < 0 ||
	    (r = set_rows(ex, m, d, count, true, e)) < 0)
		return r;
	logits = malloc(batch * outputs * sizeof *logits);
	if (!logits)
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t at = 0; r == CNN_OK && at < count; at += batch) {
		uint32_t n = batch_at(count, at, batch);
		struct cnn_result result = { 0 };

		r = cnn_executor_infer(ex, at, n, logits, v->has_loss ? &result : NULL,
		    e);
		if (r == CNN_OK)
			count_batch(v, d, at, n, logits, outputs, &result);
	}
	free(logits);
	return r;
}
