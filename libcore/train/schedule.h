/* schedule.h - learning-rate schedules: what the rate of each step is. */
#ifndef CNN_SCHEDULE_H
#define CNN_SCHEDULE_H

#include <cnn/plugin.h>
#include <stdbool.h>

struct cnn_schedule {
	const char *name, *summary;
	const struct cnn_arg *args; /* of --schedule NAME:KEY=VALUE,... */
	uint32_t arg_count;	    /* at most CNN_SPEC_ARGS (base/spec.h) */
	bool needs_end;		    /* depends on the number of steps in all */
	/* The rate of a step is lr * factor(values of args, step, steps): step counts
	 * from 0, steps is the number in all, 0 if unknown. NULL: auto, which stands
	 * for another schedule and is replaced before it is used. */
	double (*factor)(const struct cnn_arg_value *, uint64_t step, uint64_t steps);
};

/* A schedule of the table: by its index, or by its name. NULL: there is none. */
const struct cnn_schedule *cnn_schedule_at(size_t i);
const struct cnn_schedule *cnn_schedule_find(const char *name);

#endif
