/* trainer-private.h - what trainer.c (the loop) and checkpoint.c (its state in a
 * model) share. */
#ifndef TRAINER_PRIVATE_H
#define TRAINER_PRIVATE_H

#include "trainer.h"

struct cnn_trainer {
	struct cnn_model *model;
	const struct cnn_dataset *data;
	struct cnn_train_options options;
	struct cnn_executor *ex;
	uint32_t *order;                 /* of the epoch under way; NULL: as they lie */
	double *rates;                   /* its steps' learning rates, from the step
	                                  * number first_rate on */
	uint64_t first_rate;
	uint64_t first_cursor;           /* where this run began the epoch under way */
	uint64_t begun_epoch;            /* that the executor knows of; UINT64_MAX:
	                                  * none */
	/* Steps whose results came in; those under way are `ahead` of them. */
	uint64_t step, updates, epoch, cursor, taken;
	uint64_t good_steps;
	double loss_scale;
	bool stopping;
	uint64_t ahead;                  /* steps */
	uint64_t ahead_samples;
	char digest[17];                 /* of the data; "" when they are fed */
	struct cnn_value *resumed;       /* the state that a resume began with: its
	                                  * texts are the options' */
};

/* Takes step, epoch, cursor and scaler from the model's training state, whose
 * data must be these. */
int cnn_trainer_restore(struct cnn_trainer *, struct cnn_error *);
/* Steps from the first one to the last of the whole plan, which a falling learning rate
 * is aimed at; 0: not known. */
uint64_t cnn_trainer_planned_steps(const struct cnn_trainer *);
/* The learning rate of a step, from 0. */
double cnn_trainer_rate(const struct cnn_trainer *, uint64_t step);

#endif
