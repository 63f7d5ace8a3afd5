/* progress.h - one line on standard error that says how far we are.
 *
 * Nothing is drawn where standard error is no terminal, or with -q; the line
 * is redrawn at most ten times a second and wiped at the end.
 */
#ifndef CNN_PROGRESS_H
#define CNN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cnn_progress {
	bool on;
	const char *label;
	uint64_t total;         /* 0: unknown */
	uint64_t start_ns, last_ns, drawn;
};

void cnn_progress_start(struct cnn_progress *, const char *label, uint64_t total);
/* done of total units; note ("loss 0.0431") may be NULL; unit ("images") names
 * the rate. */
void cnn_progress_update(struct cnn_progress *, uint64_t done, const char *unit,
	const char *note);
void cnn_progress_end(struct cnn_progress *);

/* Monotonic nanoseconds. */
uint64_t cnn_clock_ns(void);
/* May colours and bars go to standard error? (terminal, no NO_COLOR) */
bool cnn_fancy(int fd);

#endif
