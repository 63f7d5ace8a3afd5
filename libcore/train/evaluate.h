/* evaluate.h - a model on data, without training: logits, classes, loss, accuracy. */
#ifndef CNN_EVALUATE_H
#define CNN_EVALUATE_H

#include "dataset.h"
#include "executor/executor.h"
#include "net/model.h"

struct cnn_evaluation {
	uint64_t samples, correct;
	double loss_sum;                 /* over the samples */
	bool has_loss;                   /* the net ends in one */
	size_t classes;
	uint64_t *confusion;             /* [truth][prediction], or NULL */
};
void cnn_evaluation_free(struct cnn_evaluation *);
double cnn_evaluation_accuracy(const struct cnn_evaluation *);
double cnn_evaluation_loss(const struct cnn_evaluation *);    /* mean, or NAN */

struct cnn_infer_options {
	struct cnn_compute on;
	const char *amp;                 /* "off", "bf16", "fp16" */
	uint64_t batch;                  /* most samples at a time */
};

/* An executor for inference with the model's weights. */
int cnn_infer_open(struct cnn_executor **, const struct cnn_model *,
	const struct cnn_infer_options *, struct cnn_error *);
/* Adds the first `count` samples to the evaluation; classes and confusion are made
 * when the first come. `batch` is the executor's. How samples fall into batches can
 * show in a result's last digits: count is a multiple of it but at the end. The
 * classes must be called as in the model. */
int cnn_evaluate(struct cnn_executor *, const struct cnn_model *,
	const struct cnn_dataset *, size_t count, uint64_t batch, struct cnn_evaluation *,
	struct cnn_error *);
/* The logits of the first `count` samples: [count][elements of the graph's output].
 * Labels are not needed. */
int cnn_predict(struct cnn_executor *, const struct cnn_model *,
	const struct cnn_dataset *, size_t count, uint64_t batch, float *logits,
	struct cnn_error *);
/* Elements of the graph's output: classes. */
size_t cnn_class_count(const struct cnn_graph *);
/* Softmax: the probability of the largest logit, and which it is. */
size_t cnn_best_class(const float *logits, size_t classes, double *probability);

/* Does the data's image fit the net's input? Refused with both shapes named. */
int cnn_check_input(const struct cnn_graph *, const struct cnn_dataset *,
	struct cnn_error *);

#endif
