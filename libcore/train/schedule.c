/* schedule.c - the planned number of steps, and the learning rate of each. */
#include "trainer-private.h"

#include <math.h>
#include <string.h>

static uint64_t epoch_steps(const struct cnn_trainer *t)
{
	return t->data ? (t->data->samples + t->options.batch - 1) / t->options.batch : 0;
}

uint64_t cnn_trainer_planned_steps(const struct cnn_trainer *t)
{
	if (t->options.epochs == UINT64_MAX)
		return t->step - t->taken + t->options.steps;
	return epoch_steps(t) * t->options.epochs;
}

double cnn_trainer_rate(const struct cnn_trainer *t, uint64_t step)
{
	uint64_t planned = cnn_trainer_planned_steps(t);
	double at = planned ? (double)step / (double)planned : 0;

	if (strcmp(t->options.schedule, "linear") == 0)
		return t->options.lr * (1 - at);
	if (strcmp(t->options.schedule, "cosine") == 0)
		return t->options.lr * 0.5 * (1 + cos(3.14159265358979323846 * at));
	return t->options.lr;
}
