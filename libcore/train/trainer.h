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
#include "train-options.h"
#include "net/model.h"

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
 * *options. A contradiction is CNN_EUSAGE, and if the device that it was trained on is
 * not there CNN_EPLUGIN. To be called before the dataset is needed. Texts in *options
 * then live until the trainer opened with them is closed. */
int cnn_train_resume(const struct cnn_model *, struct cnn_train_options *,
	struct cnn_error *);

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

#endif
