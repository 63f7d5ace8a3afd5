/* io.h - byte input and output.
 *
 * An input is a buffered source that can be peeked, so a format can be recognised from
 * its first bytes even on a FIFO (opened once, without seeking). An output is standard
 * output or a file that appears complete or not at all.
 */
#ifndef CNN_IO_H
#define CNN_IO_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cnn_input;

/* The source of an input's bytes. read() reads up to size bytes and returns the number
 * read (0 at the end), or a negative code with *e set. close() frees ctx. */
struct cnn_input_ops {
	ssize_t (*read)(void *ctx, void *buf, size_t size, struct cnn_error *e);
	void (*close)(void *ctx);
	/* NULL: the source cannot seek. Moves to byte `at`, counted from where the input
	 * began, and returns 0; or returns a negative code with *e set. */
	int (*seek)(void *ctx, uint64_t at, struct cnn_error *e);
};

/* path "-" is standard input. CNN_EUSAGE: a terminal, or a file that is also an output
 * that is written in place. */
int cnn_input_open(struct cnn_input **, const char *path, struct cnn_error *);
/* Opens an input that reads from ctx. Copies name, for messages. Takes ownership of
 * ctx, also on failure. */
int cnn_input_wrap(struct cnn_input **, const char *name, const struct cnn_input_ops *,
    void *ctx, struct cnn_error *);
/* Opens an input that reads size bytes at data, which must outlive the input. */
int cnn_input_memory(struct cnn_input **, const char *name, const void *data,
    size_t size, struct cnn_error *);
void cnn_input_close(struct cnn_input *);

const char *cnn_input_name(const struct cnn_input *);

/* Makes at least `want` bytes readable at *data without consuming them. Sets *have to
 * the number available, which is less than want only at the end of input. The buffer
 * grows as bytes arrive; it is never sized from `want` alone. The pointer is valid
 * until the next call. */
int cnn_input_peek(struct cnn_input *, size_t want, const unsigned char **data,
    size_t *have, struct cnn_error *);
/* Consumes n bytes that a peek has returned. */
void cnn_input_skip(struct cnn_input *, size_t n);
/* Reads exactly size bytes; an early end is CNN_EDATA ("truncated"). */
int cnn_input_read(struct cnn_input *, void *buf, size_t size, struct cnn_error *);
/* Reads up to size bytes and sets *got to their number, which is 0 only at the end. For
 * codecs that work on chunks. */
int cnn_input_some(struct cnn_input *, void *buf, size_t size, size_t *got,
    struct cnn_error *);
/* The number of bytes from where a regular file began to be read to its end; 0 for an
 * input that cannot seek. */
uint64_t cnn_input_size(const struct cnn_input *);
/* Continues at byte `at` of an input that can seek. */
int cnn_input_seek(struct cnn_input *, uint64_t at, struct cnn_error *);
/* The number of bytes consumed so far or, after a seek, the position. */
unsigned long long cnn_input_offset(const struct cnn_input *);

struct cnn_output;

/* If path is NULL or "-", opens standard output, which must not be a terminal
 * (CNN_EUSAGE) if `binary`. A file is written under a temporary name in the same
 * folder. An existing one must be writable, although it is replaced. A symbolic link is
 * followed to its file. Paths that name a descriptor (/dev/stdout, /dev/fd/3), FIFOs and
 * devices are written in place. CNN_EUSAGE: a regular
 * file that is written in place and has been opened as an input.
 *
 * Output that is written in place is buffered, but goes out before the program waits for
 * the bytes of an input. */
int cnn_output_open(struct cnn_output **, const char *path, bool binary,
    struct cnn_error *);
/* Checks that the output can be opened, for a tool that works long before it writes.
 * Leaves nothing behind. */
int cnn_output_check(const char *path, bool binary, struct cnn_error *);
int cnn_output_write(struct cnn_output *, const void *, size_t, struct cnn_error *);
int cnn_output_printf(struct cnn_output *, struct cnn_error *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Flushes; a file is also fsynced and renamed to its final name. A file gets its final
 * name only here. Frees the output, also on failure. */
int cnn_output_commit(struct cnn_output *, struct cnn_error *);
/* Discards what was written to a temporary file. What was written in place or to
 * standard output cannot be taken back. Frees the output. */
void cnn_output_abort(struct cnn_output *);
const char *cnn_output_name(const struct cnn_output *);

/* By default SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE and SIGXCPU end a program at
 * once and remove the temporary file of each output. After cnn_interrupt_catch() the
 * first SIGINT, SIGTERM or SIGHUP is only recorded: cnn_interrupted() returns its
 * number (0 if none came), so that a program can finish its work and then end with
 * cnn_interrupt_exit(). Reading from a file or a pipe fails from then on, even if it was
 * waiting for bytes. The second signal ends the program at once. An ignored signal stays
 * ignored. */
void cnn_interrupt_catch(void);
/* Undoes cnn_interrupt_catch(): the next signal ends the program at once. */
void cnn_interrupt_release(void);
int cnn_interrupted(void);
/* Whether reading has failed for this reason. */
bool cnn_interrupted_reading(void);
/* Ends the program by the signal that was caught; returns if there was none. */
void cnn_interrupt_exit(void);

#endif
