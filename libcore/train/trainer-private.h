/* trainer-private.h - state shared by trainer.c (the loop), checkpoint.c (that state in
 * a model) and rate.c. */
#ifndef TRAINER_PRIVATE_H
#define TRAINER_PRIVATE_H

#include "trainer.h"

struct cnn_trainer {
	struct cnn_model *model;
	const struct cnn_dataset *data;
	struct cnn_train_options options;
	struct cnn_executor *ex;
	uint32_t *order; /* of the current epoch; NULL: data order */
	double *rates;	 /* learning rates from step first_rate on */
	uint64_t first_rate;
	uint64_t first_cursor; /* cursor where this run began the epoch */
	/* The epoch last passed to the executor; UINT64_MAX: none */
	uint64_t begun_epoch;
	/* Progress at the last step whose result has been received; steps under way are
	 * counted in `ahead`. */
	uint64_t step, updates, epoch, cursor, taken;
	uint64_t good_steps;
	double loss_scale;
	bool stopping;
	uint64_t ahead; /* steps under way */
	uint64_t ahead_samples;
	struct cnn_value *choices; /* algorithms chosen by timing: a map */
	char digest[17];	   /* of the data; "" if they are fed */
	/* The state at the start of a resume: owns the strings in the options */
	struct cnn_value *resumed;
};

/* Restores step, epoch, cursor and loss scaler from the model's training state, which
 * must have been saved with the same data. */
int cnn_trainer_restore(struct cnn_trainer *, struct cnn_error *);
/* The total number of steps from the first to the end of the whole plan, where a
 * decreasing learning rate ends; 0: unknown. */
uint64_t cnn_trainer_planned_steps(const struct cnn_trainer *);
/* The learning rate of a step; steps count from 0. */
double cnn_trainer_rate(const struct cnn_trainer *, uint64_t step);

#endif
