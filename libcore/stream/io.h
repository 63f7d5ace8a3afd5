/* io.h - bytes in and bytes out.
 *
 * An input is a buffered source that can be peeked, so that what a file is can
 * be told from its first bytes even if it is a FIFO (opened once, never
 * sought). An output is standard output or a file that appears whole or not at
 * all.
 */
#ifndef CNN_IO_H
#define CNN_IO_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct cnn_input;

/* Where an input's bytes come from. read() fills up to size bytes and returns
 * how many (0 at the end), or a negative code with *e set; close() frees ctx. */
struct cnn_input_ops {
	ssize_t (*read)(void *ctx, void *buf, size_t size, struct cnn_error *e);
	void (*close)(void *ctx);
};

/* path "-" is standard input. A terminal is refused with CNN_EUSAGE. */
int cnn_input_open(struct cnn_input **, const char *path, struct cnn_error *);
/* name is copied and used in messages. Takes ctx over, also on failure. */
int cnn_input_wrap(struct cnn_input **, const char *name,
	const struct cnn_input_ops *, void *ctx, struct cnn_error *);
/* size bytes at data, which must outlive the input. */
int cnn_input_memory(struct cnn_input **, const char *name, const void *data,
	size_t size, struct cnn_error *);
void cnn_input_close(struct cnn_input *);

const char *cnn_input_name(const struct cnn_input *);

/* Makes at least `want` bytes readable at *data without consuming them, and
 * sets *have to how many there are: fewer than want only at the end of input.
 * The buffer grows as bytes arrive, never from `want` alone. The pointer holds
 * until the next call. */
int cnn_input_peek(struct cnn_input *, size_t want, const unsigned char **data,
	size_t *have, struct cnn_error *);
/* Consumes n bytes that a peek has shown. */
void cnn_input_skip(struct cnn_input *, size_t n);
/* Reads exactly size bytes; an early end is CNN_EDATA ("ends early"). */
int cnn_input_read(struct cnn_input *, void *buf, size_t size, struct cnn_error *);
/* Up to size bytes, 0 at the end; for codecs that take a stream of chunks. */
int cnn_input_some(struct cnn_input *, void *buf, size_t size, size_t *got,
	struct cnn_error *);
/* Bytes consumed so far. */
unsigned long long cnn_input_offset(const struct cnn_input *);

struct cnn_output;

/* path NULL or "-" is standard output, which must be no terminal (CNN_EUSAGE)
 * if `binary`. A file is written beside itself under a temporary name; a link is
 * followed to its file; what names a descriptor, as /dev/stdout and /dev/fd/3 do, a
 * FIFO and a device are written to as they are. */
int cnn_output_open(struct cnn_output **, const char *path, bool binary,
	struct cnn_error *);
/* Could it be opened? For a tool that works long before it has something to
 * write. Leaves nothing behind. */
int cnn_output_check(const char *path, bool binary, struct cnn_error *);
int cnn_output_write(struct cnn_output *, const void *, size_t, struct cnn_error *);
int cnn_output_printf(struct cnn_output *, struct cnn_error *, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Flushes; a file is fsynced and renamed to its name. This is the only way to
 * a file under its final name. Frees the output, also on failure. */
int cnn_output_commit(struct cnn_output *, struct cnn_error *);
/* Drops what was written to a file (on standard output it is gone already). */
void cnn_output_abort(struct cnn_output *);
const char *cnn_output_name(const struct cnn_output *);

/* SIGINT, SIGTERM and SIGHUP end a program at once, and take the temporary file
 * of each output along. A program that has work to finish catches the first of
 * them, looks whether it came (its number, or 0), and ends by it when it is done;
 * the second one ends it at once. A signal that was ignored stays so. */
void cnn_interrupt_catch(void);
/* No more work to finish: from now on the next signal ends the program. */
void cnn_interrupt_release(void);
int cnn_interrupted(void);
/* Ends the program by the signal that was caught; returns if there was none. */
void cnn_interrupt_exit(void);

#endif
