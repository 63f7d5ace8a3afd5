/* rate.c - the planned number of steps, and the learning rate of each. */
#include "trainer-private.h"

static uint64_t epoch_steps(const struct cnn_trainer *t)
{
	return t->data ? (t->data->samples + t->options.batch - 1) / t->options.batch :
			 0;
}

uint64_t cnn_trainer_planned_steps(const struct cnn_trainer *t)
{
	if (t->options.epochs == UINT64_MAX)
		return t->step - t->taken + t->options.steps;
	return epoch_steps(t) * t->options.epochs;
}

double cnn_trainer_rate(const struct cnn_trainer *t, uint64_t step)
{
	const struct cnn_train_options *o = &t->options;

	return o->lr *
	    o->schedule_def->factor(o->schedule_args, step,
		cnn_trainer_planned_steps(t));
}
