/* evaluate.h - inference with a model: logits, classes, loss, accuracy. */
#ifndef CNN_EVALUATE_H
#define CNN_EVALUATE_H

#include "dataset.h"
#include "executor/executor.h"
#include "net/model.h"

#define CNN_MAX_CONFUSION 4096 /* classes of a confusion matrix: 128 MiB */

struct cnn_evaluation {
	uint64_t samples;
	double hits, loss_sum; /* sums over the samples */
	uint64_t not_finite;   /* samples with an output that is infinite or NaN */
	bool has_loss;	       /* the net has a loss */
	size_t classes;	       /* 0: the target is not one class per sample */
	/* [truth][prediction]; NULL: there are no classes, or too many */
	uint64_t *confusion;
};
void cnn_evaluation_free(struct cnn_evaluation *);
double cnn_evaluation_accuracy(const struct cnn_evaluation *); /* 0 .. 1, or NAN */
double cnn_evaluation_loss(const struct cnn_evaluation *);     /* mean, or NAN */

struct cnn_infer_options {
	struct cnn_compute on;
	const char *amp; /* "off", "bf16", "fp16" */
	uint64_t batch;	 /* maximum number of samples at a time */
};

/* Opens an executor for inference with the model's weights. */
int cnn_infer_open(struct cnn_executor **, const struct cnn_model *,
    const struct cnn_infer_options *, struct cnn_error *);
/* Checks that the data have all fields that the model reads and, if the model predicts
 * classes, that every label is one of them. */
int cnn_evaluation_check(const struct cnn_model *, const struct cnn_dataset *,
    struct cnn_error *);
/* Adds the first `count` samples to the evaluation; the first call sets classes and
 * allocates confusion. `batch` is the executor's. The division into batches can affect
 * the last digits of a result, so count must be a multiple of batch except in the last
 * call. The class names must be those of the model. A hit is a class that equals the
 * label if the net has no loss or its first loss reads the labels; otherwise that loss
 * counts the hits. */
int cnn_evaluate(struct cnn_executor *, const struct cnn_model *,
    const struct cnn_dataset *, size_t count, uint64_t batch, struct cnn_evaluation *,
    struct cnn_error *);
/* Computes the logits of the first `count` samples: [count][elements of the graph's
 * output]. Labels are not needed. */
int cnn_predict(struct cnn_executor *, const struct cnn_model *,
    const struct cnn_dataset *, size_t count, uint64_t batch, float *logits,
    struct cnn_error *);
/* The number of classes: elements of the graph's output. */
size_t cnn_class_count(const struct cnn_graph *);
/* Returns the index of the largest logit, and stores its softmax probability. */
size_t cnn_best_class(const float *logits, size_t classes, double *probability);

#endif
