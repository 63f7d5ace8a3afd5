/* schedule.c - see schedule.h. A new schedule needs a function and a line in the
 * table. */
#include "schedule.h"

#include <math.h>
#include <string.h>

/* The fraction of all steps that is done. */
static double part(uint64_t step, uint64_t steps)
{
	return steps ? (double)step / (double)steps : 0;
}

static double constant(const struct cnn_arg_value *args, uint64_t step, uint64_t steps)
{
	(void)args, (void)step, (void)steps;
	return 1;
}

static double linear(const struct cnn_arg_value *args, uint64_t step, uint64_t steps)
{
	(void)args;
	return 1 - part(step, steps);
}

static double cosine(const struct cnn_arg_value *args, uint64_t step, uint64_t steps)
{
	(void)args;
	return 0.5 * (1 + cos(3.14159265358979323846 * part(step, steps)));
}

static const struct cnn_schedule schedules[] = {
	{ "auto", "linear if the number of epochs is known, otherwise constant" },
	{ "constant", "the same rate in every step", .factor = constant },
	{ "linear", "linear decay to 0", .needs_end = true, .factor = linear },
	{ "cosine", "cosine decay to 0 (half a wave)", .needs_end = true,
	    .factor = cosine },
};
#define SCHEDULES (sizeof schedules / sizeof *schedules)

const struct cnn_schedule *cnn_schedule_at(size_t i)
{
	return i < SCHEDULES ? &schedules[i] : NULL;
}

const struct cnn_schedule *cnn_schedule_find(const char *name)
{
	for (size_t i = 0; i < SCHEDULES; i++)
		if (strcmp(schedules[i].name, name) == 0)
			return &schedules[i];
	return NULL;
}
