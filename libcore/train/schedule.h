/* schedule.h - learning-rate schedules: the learning rate of each step. */
#ifndef CNN_SCHEDULE_H
#define CNN_SCHEDULE_H

#include <cnn/plugin.h>
#include <stdbool.h>

struct cnn_schedule {
	const char *name, *summary;
	const struct cnn_arg *args; /* of --schedule NAME:KEY=VALUE,... */
	uint32_t arg_count;	    /* at most CNN_SPEC_ARGS (base/spec.h) */
	bool needs_end;		    /* depends on the total number of steps */
	/* The rate of a step is lr * factor(values of args, step, steps): step counts
	 * from 0, steps is the total, 0 if unknown. NULL: auto, which is replaced by
	 * another schedule before it is used. */
	double (*factor)(const struct cnn_arg_value *, uint64_t step, uint64_t steps);
};

/* Return the schedule with that index or name, or NULL if there is none. */
const struct cnn_schedule *cnn_schedule_at(size_t i);
const struct cnn_schedule *cnn_schedule_find(const char *name);

#endif
