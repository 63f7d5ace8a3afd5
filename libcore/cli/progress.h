/* progress.h - a progress line on standard error.
 *
 * Nothing is drawn if standard error is not a terminal, or with -q. The line is redrawn
 * at most ten times a second and erased at the end. Messages (cli/option.h) scroll above
 * it. Only one line is drawn at a time.
 */
#ifndef CNN_PROGRESS_H
#define CNN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cnn_progress {
	bool on;
	const char *label;
	uint64_t total; /* 0: unknown */
	uint64_t start_ns, last_ns;
};

/* total 0: unknown. Borrows `label` until cnn_progress_end(). */
void cnn_progress_start(struct cnn_progress *, const char *label, uint64_t total);
/* `done` is the number processed so far, in units of `unit` ("samples"). `note` may be
 * NULL; its parts are separated by two blanks, the most important first ("loss 0.0431  acc
 * 98.10%"). Parts that do not fit are left out. */
void cnn_progress_update(struct cnn_progress *, uint64_t done, const char *unit,
    const char *note);
void cnn_progress_end(struct cnn_progress *);

/* Monotonic nanoseconds. */
uint64_t cnn_clock_ns(void);
/* Whether colours and bars may be written to fd: it is a terminal, TERM is not "dumb",
 * and NO_COLOR is not set. */
bool cnn_fancy(int fd);

#endif
