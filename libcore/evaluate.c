/* evaluate.c - inference over data sets. */
#include <cnn/trainer.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int cnn_infer_open(struct cnn_executor **ex, const struct cnn_model *m,
	const struct cnn_infer_options *o, struct cnn_error *e)
{
	struct cnn_executor_options eo = {
		.device = o->device,
		.threads = (uint32_t)o->threads,
		.batch = (uint32_t)o->batch,
		.amp = cnn_amp_dtype(o->amp),
		.providers = o->providers,
		.provider_count = o->provider_count,
		.no_fuse = o->no_fuse,
		.max_memory = (size_t)o->max_memory,
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

static void count(struct cnn_evaluation *v, const float *logits, int32_t label)
{
	double probability;
	size_t best = cnn_best_class(logits, v->classes, &probability);

	v->samples++;
	v->correct += best == (size_t)label;
	v->confusion[(size_t)label * v->classes + best]++;
}

int cnn_evaluate(struct cnn_executor *ex, const struct cnn_model *m,
	const struct cnn_dataset *d, uint64_t batch, struct cnn_evaluation *v,
	struct cnn_error *e)
{
	const struct cnn_graph *g = m->graph;
	size_t classes = cnn_graph_shape_count(&g->nodes[g->output].node.output);
	float *logits, *losses;
	double loss = v->loss * (double)v->samples;
	uint32_t *index;
	int r;

	if ((r = cnn_check_input(g, d, e)) < 0 ||
	    (r = cnn_dataset_check_labels(d, classes, e)) < 0)
		return r;
	if (classes > 65536)
		return cnn_fail(e, CNN_EDATA, "a confusion matrix of %zu classes", classes);
	logits = malloc(batch * classes * sizeof *logits);
	losses = malloc(batch * sizeof *losses);
	index = malloc(batch * sizeof *index);
	if (!v->confusion) {
		v->classes = classes;
		v->confusion = calloc(classes * classes, sizeof *v->confusion);
	}
	if (!logits || !losses || !index || !v->confusion)
		r = cnn_fail(e, CNN_ENOMEM, "out of memory");
	for (size_t at = 0; r == CNN_OK && at < d->samples; at += batch) {
		struct cnn_batch b = { d->dtype, d->data, d->labels, index,
			(uint32_t)(d->samples - at < batch ? d->samples - at : batch),
			d->scale, d->offset };

		for (uint32_t i = 0; i < b.samples; i++)
			index[i] = (uint32_t)(at + i);
		r = cnn_executor_infer(ex, &b, logits, g->loss ? losses : NULL, e);
		for (uint32_t i = 0; r == CNN_OK && i < b.samples; i++) {
			count(v, logits + i * classes, d->labels[at + i]);
			loss += g->loss ? losses[i] : 0;
		}
	}
	if (v->samples)
		v->loss = g->loss ? loss / (double)v->samples : NAN;
	free(logits);
	free(losses);
	free(index);
	return r;
}
