/* evaluate.c - inference over datasets. */
#include "evaluate.h"

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
	*probability = 1 / sum;
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
	v->correct += best == (size_t)label;
	v->confusion[(size_t)label * v->classes + best]++;
}

double cnn_evaluation_accuracy(const struct cnn_evaluation *v)
{
	return v->samples ? (double)v->correct / (double)v->samples : NAN;
}

double cnn_evaluation_loss(const struct cnn_evaluation *v)
{
	double loss = v->has_loss && v->samples ? v->loss_sum / (double)v->samples : NAN;

	return isnan(loss) ? (double)NAN : loss;    /* a NaN's sign has no meaning */
}

size_t cnn_class_count(const struct cnn_graph *g)
{
	return cnn_graph_shape_count(&g->nodes[g->output].node.output);
}

static int set_rows(struct cnn_executor *ex, const struct cnn_dataset *d, size_t count,
	bool labels, struct cnn_error *e)
{
	const struct cnn_rows rows = { d->dtype, d->data,
		labels && d->has_labels ? d->labels : NULL, count, d->scale, d->offset };

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
	int r = cnn_check_input(m->graph, d, e);

	if (r == CNN_OK)
		r = set_rows(ex, d, count, false, e);
	for (size_t at = 0; r == CNN_OK && at < count; at += batch)
		r = cnn_executor_infer(ex, at, batch_at(count, at, batch),
			logits + at * classes, NULL, e);
	return r;
}

static int make_confusion(struct cnn_evaluation *v, const struct cnn_model *m,
	struct cnn_error *e)
{
	size_t classes = cnn_class_count(m->graph);

	if (v->confusion)
		return CNN_OK;
	if (classes > 16384)
		return cnn_fail(e, CNN_EDATA, "too many classes for a confusion "
			"matrix: %zu", classes);
	v->has_loss = m->graph->loss != 0;
	v->classes = classes;
	v->confusion = calloc(classes * classes, sizeof *v->confusion);
	return v->confusion ? CNN_OK : cnn_fail(e, CNN_ENOMEM, "out of memory");
}

int cnn_evaluate(struct cnn_executor *ex, const struct cnn_model *m,
	const struct cnn_dataset *d, size_t count, uint64_t batch,
	struct cnn_evaluation *v, struct cnn_error *e)
{
	size_t classes = cnn_class_count(m->graph);
	float *logits, *losses;
	int r;

	if ((r = cnn_check_input(m->graph, d, e)) < 0 ||
	    (r = cnn_dataset_check_labels(d, classes, e)) < 0 ||
	    (r = cnn_dataset_check_classes(d, m->classes, "the model", e)) < 0 ||
	    (r = make_confusion(v, m, e)) < 0 ||
	    (r = set_rows(ex, d, count, true, e)) < 0)
		return r;
	logits = malloc(batch * classes * sizeof *logits);
	losses = malloc(batch * sizeof *losses);
	if (!logits || !losses)
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t at = 0; r == CNN_OK && at < count; at += batch) {
		uint32_t n = batch_at(count, at, batch);

		r = cnn_executor_infer(ex, at, n, logits, v->has_loss ? losses : NULL, e);
		for (uint32_t i = 0; r == CNN_OK && i < n; i++) {
			count_one(v, logits + i * classes, d->labels[at + i]);
			v->loss_sum += v->has_loss ? losses[i] : 0;
		}
	}
	free(logits);
	free(losses);
	return r;
}

int cnn_check_input(const struct cnn_graph *g, const struct cnn_dataset *d,
	struct cnn_error *e)
{
	const struct cnn_shape *want = &g->nodes[0].node.output;
	char a[CNN_SHAPE_TEXT], b[CNN_SHAPE_TEXT];

	if ((int)want->rank == d->rank &&
	    memcmp(want->dims, d->shape, want->rank * sizeof *d->shape) == 0)
		return CNN_OK;
	return cnn_fail(e, CNN_EDATA, "field %s: samples of shape %s do not match the "
		"net's input %s", d->image, cnn_shape_text(d->rank, d->shape, a,
		sizeof a),
		cnn_graph_shape_text(want, b, sizeof b));
}
