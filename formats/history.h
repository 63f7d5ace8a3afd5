/* history.h - how a tool adds its run to the history of what it writes. */
#ifndef FORMATS_HISTORY_H
#define FORMATS_HISTORY_H

#include "cli/option.h"
#include "stream/stream.h"

/* Adds the run's entry and, if the history is then too long, folds the oldest ones and
 * says so. */
static inline int history_add(struct cnn_value *history,
    const struct cnn_program *program, struct cnn_error *e)
{
	uint64_t folded;
	int r;

	if (!cnn_history_add(history, program))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	if ((r = cnn_history_fold(history, &folded, e)) == CNN_OK && folded > 0)
		cnn_message(program, 1,
		    "the history takes more than %zu KiB: its oldest %llu commands are "
		    "replaced by their number and a digest",
		    CNN_MAX_HISTORY >> 10, (unsigned long long)folded);
	return r;
}

#endif
