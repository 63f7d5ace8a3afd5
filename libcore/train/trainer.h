/* trainer.h - the loop around executor/executor.h: epochs, shuffling, the
 * optimiser's and the loss scaler's state, checkpoints.
 *
 * The state that goes into a model's "training" map, and comes out of it on a
 * resume: every option below that changes the result (epochs only where they
 * were said to be the end), and
 *   step      batches so far, skipped ones counted
 *   updates   those that changed the weights (Adam's t)
 *   epoch     whole epochs so far;  cursor  samples of the one under way
 *   loss_scale, good_steps          (fp16)
 *   samples, digest                 of the data
 *   providers                       which plugins computed it, a run each: on a
 *                                   resume these and no others do
 *   choices                         what they chose by timing (--tune)
 */
#ifndef CNN_TRAINER_H
#define CNN_TRAINER_H

#include "dataset.h"
#include "executor/executor.h"
#include "net/model.h"

#define CNN_MAX_EPOCHS 1000000

struct cnn_train_options {
	/* Change the result. */
	uint64_t epochs;                 /* in all; UINT64_MAX: --steps decides */
	uint64_t steps;                  /* of this run; 0: --epochs decides */
	uint64_t batch, shard_size, seed;
	double lr, momentum, weight_decay;
	const char *optimizer;           /* "adam", "sgd" */
	const char *schedule;            /* "constant", "linear", "cosine" */
	const char *amp;                 /* "off", "bf16", "fp16" */
	const char *isa;                 /* that the plugins are held to */
	bool no_shuffle;
	bool fast, tf32, tune;           /* enum cnn_policy's */
	/* Do not. */
	uint64_t save_every;             /* the caller may save after each so many
	                                  * steps, and after each epoch; 0: after
	                                  * epochs alone */
	bool resume;                     /* go on from the model's state */
	bool time_epochs;                /* fill in status.seconds */
	struct cnn_compute on;
};

struct cnn_train_status {
	uint64_t step, epoch, cursor;    /* as above, after the step */
	uint64_t samples;                /* of the step */
	double loss;                     /* mean over the step's samples */
	double accuracy;                 /* share of them classified rightly */
	double lr, loss_scale;
	bool epoch_ends, skipped;
	/* Where the epoch ends and time_epochs is set: the time of the epoch, or of the
	 * part of it that this run has trained, by the device's clock, and the samples
	 * trained in that time. What the caller does between two epochs is not in it. */
	double seconds;
	uint64_t epoch_samples;
};

struct cnn_trainer;

/* On a resume, takes options that were not given from the model's state into
 * *options; given[] names those that were, NULL at its end. A contradiction is
 * CNN_EUSAGE, and if the device that it was trained on is not there CNN_EPLUGIN. To
 * be called before the dataset is needed. Texts in *options then live until the
 * trainer opened with them is closed. */
int cnn_train_resume(const struct cnn_model *, struct cnn_train_options *,
	const char *const *given, struct cnn_error *);

/* data may be NULL: then batches are fed (--stream). What is borrowed must
 * outlive the trainer. */
int cnn_trainer_open(struct cnn_trainer **, struct cnn_model *,
	const struct cnn_dataset *, const struct cnn_train_options *,
	struct cnn_error *);
void cnn_trainer_close(struct cnn_trainer *);

/* One step on the next batch; CNN_END when epochs or steps are done. */
int cnn_trainer_step(struct cnn_trainer *, struct cnn_train_status *,
	struct cnn_error *);
/* No step is begun any more: those under way are the last. */
void cnn_trainer_stop(struct cnn_trainer *);
/* One step on samples first .. first + count - 1, 1 .. batch of them. CNN_END as
 * above. */
int cnn_trainer_feed(struct cnn_trainer *, const struct cnn_dataset *,
	size_t first, size_t count, struct cnn_train_status *, struct cnn_error *);
/* Steps that went before this run, and samples that it will see (0: not known). */
uint64_t cnn_trainer_step_number(const struct cnn_trainer *);
uint64_t cnn_trainer_samples(const struct cnn_trainer *);
/* Brings weights, moments and state up to date in the model: after a step at
 * which the caller may save, or the last one. And the number of
 * steps in the last entry of its history, which is the caller's. */
int cnn_trainer_save(struct cnn_trainer *, struct cnn_error *);

/* The table of options.on.profile: where the time of a step went. */
void cnn_print_profile(FILE *, const struct cnn_trainer *);

/* --- evaluation ------------------------------------------------------------------ */

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

/* For people, as "key<TAB>value" lines, or as one JSON object. */
enum cnn_print { CNN_PRINT_TABLE, CNN_PRINT_TSV, CNN_PRINT_JSON };
int cnn_print_evaluation(struct cnn_output *, const struct cnn_evaluation *,
	const struct cnn_model *, enum cnn_print, struct cnn_error *);

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
/* The model's layers, their shapes, parameters, work and providers, for people.
 * training: what would train it, in place of what would evaluate it. */
int cnn_print_model(struct cnn_output *, const struct cnn_model *,
	const struct cnn_infer_options *, bool training, struct cnn_error *);
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
/* "off", "bf16", "fp16" as an element type. */
uint32_t cnn_amp_dtype(const char *);

#endif
