/* error.h - how every function of the house reports failure.
 *
 * Functions return CNN_OK (0), CNN_END (1: nothing more to read) or a negative
 * code, and leave the text in the struct cnn_error they were given. The first
 * error stays: setting an error that is already set changes nothing, so a
 * clean-up that fails too cannot hide the cause. Only tools print and exit.
 */
#ifndef CNN_ERROR_H
#define CNN_ERROR_H

#include <cnn/types.h>
#include <stdarg.h>

struct cnn_error {
	int code;           /* CNN_OK while nothing went wrong */
	int err;            /* errno of a CNN_EIO, else 0 */
	char text[1000];    /* "where: what: why", without the tool's name */
};

/* Sets *e unless it is already set, and returns code (so that a function can
 * `return cnn_fail(e, CNN_EDATA, "...")`). e may be NULL: only the code
 * remains. */
int cnn_fail(struct cnn_error *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int cnn_vfail(struct cnn_error *e, int code, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* As cnn_fail with CNN_EIO, ": " and strerror(err) appended; ENOMEM gives
 * CNN_ENOMEM. */
int cnn_fail_errno(struct cnn_error *e, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "text: " before the message, for a caller that knows the place better
 * (the operand, the record's number). Does nothing while e is not set, or if
 * the message begins so already. */
void cnn_error_prefix(struct cnn_error *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The exit status that DESIGN gives to a code: 0, 1, 2 or 3. */
int cnn_exit_status(int code);

#endif
