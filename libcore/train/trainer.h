/* trainer.h - the loop around executor/executor.h: epochs, shuffling, the state of the
 * optimizer and of the loss scaler, checkpoints.
 *
 * The state is saved in a model's "training" map and restored on a resume. It holds
 * every option of train-options.h that changes the result (epochs only if they
 * determine the end of training), and
 *   step      batches so far, including skipped ones
 *   updates   batches that changed the weights (Adam's t)
 *   epoch     complete epochs so far;  cursor  samples of the current one
 *   loss_scale, good_steps          (fp16)
 *   samples, digest                 of the data
 *   providers                       the plugins that computed it, one entry per
 *                                   run; a resume uses exactly these
 *   choices                         algorithms chosen by timing (--tune)
 */
#ifndef CNN_TRAINER_H
#define CNN_TRAINER_H

#include "dataset.h"
#include "train-options.h"
#include "net/model.h"

struct cnn_train_status {
	uint64_t step, epoch, cursor; /* as above, after the step */
	uint64_t samples;	      /* in the step */
	double loss;		      /* mean over the step's samples */
	double accuracy;	      /* mean of their hits */
	double lr, loss_scale;
	bool epoch_ends, skipped;
	/* Set at the end of an epoch if time_epochs is set: the time that this run
	 * spent training the epoch, or its part of it, by the device's clock, and the
	 * number of samples trained in that time. Excludes what the caller does between
	 * two epochs. */
	double seconds;
	uint64_t epoch_samples;
};

struct cnn_trainer;

/* On a resume, copies options that were not given from the model's state to *options. A
 * contradiction is CNN_EUSAGE; CNN_EPLUGIN if the device that the model was trained on
 * is missing. Call it before the dataset is needed. Strings in *options stay valid
 * until the trainer opened with them is closed. */
int cnn_train_resume(const struct cnn_model *, struct cnn_train_options *,
    struct cnn_error *);

/* The options must be resolved. If data is NULL, the caller feeds the batches with
 * cnn_trainer_feed() (--stream). The model, the data and everything that the options
 * point to must outlive the trainer. */
int cnn_trainer_open(struct cnn_trainer **, struct cnn_model *,
    const struct cnn_dataset *, const struct cnn_train_options *, struct cnn_error *);
void cnn_trainer_close(struct cnn_trainer *);

/* Does one step on the next batch. CNN_END after the last step. */
int cnn_trainer_step(struct cnn_trainer *, struct cnn_train_status *,
    struct cnn_error *);
/* Starts no further step. Steps that are under way are still finished. */
void cnn_trainer_stop(struct cnn_trainer *);
/* Does one step on samples first .. first + count - 1; count is 1 .. batch. CNN_END as
 * above. */
int cnn_trainer_feed(struct cnn_trainer *, const struct cnn_dataset *, size_t first,
    size_t count, struct cnn_train_status *, struct cnn_error *);
/* The number of steps so far, including those of earlier runs, and the number of
 * samples that this run will process (0: unknown). */
uint64_t cnn_trainer_step_number(const struct cnn_trainer *);
uint64_t cnn_trainer_samples(const struct cnn_trainer *);
/* The device and the settings of the trainer, for a validation between two steps. The
 * validation shares the algorithms chosen by timing. */
struct cnn_compute cnn_trainer_compute(const struct cnn_trainer *);
/* Copies the class names of the data to the model, as the first step on them does. */
int cnn_trainer_take_classes(struct cnn_trainer *, const struct cnn_dataset *,
    struct cnn_error *);
/* Updates weights, moments and training state in the model, and the number of steps in
 * the last entry of its history, which the caller has added. Call it only before the
 * first step, after a step at which the caller may save, or after the last one. */
int cnn_trainer_save(struct cnn_trainer *, struct cnn_error *);

#endif
