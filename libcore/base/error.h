/* error.h - how functions report failure.
 *
 * Functions return CNN_OK (0), CNN_END (1: nothing more to read) or a negative code,
 * and write the message to the struct cnn_error they were given. The first error is
 * kept: setting an error that is already set changes nothing, so a failing clean-up
 * cannot hide the cause. Only tools print messages and exit.
 */
#ifndef CNN_ERROR_H
#define CNN_ERROR_H

#include <cnn/types.h>
#include <stddef.h>
#include <stdarg.h>

struct cnn_error {
	int code;	 /* CNN_OK while there is no error */
	int err;	 /* errno of a CNN_EIO error, else 0 */
	char text[1000]; /* "where: what: why", without the tool's name */
};

/* Sets *e unless it is already set, and returns code, so that a function can `return
 * cnn_fail(e, CNN_EDATA, "...")`. If e is NULL, only the code is returned. */
int cnn_fail(struct cnn_error *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int cnn_vfail(struct cnn_error *e, int code, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

/* Like cnn_fail() with CNN_EIO; appends ": " and strerror(err). If err is ENOMEM, the
 * code is CNN_ENOMEM instead. */
int cnn_fail_errno(struct cnn_error *e, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "text: " before the message. For a caller that knows the location more precisely
 * (the operand, the record's number). Does nothing if e is not set or if the message
 * already starts with this prefix. */
void cnn_error_prefix(struct cnn_error *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The exit status of a code: 0 (CNN_OK, CNN_END), 2 (CNN_EUSAGE), 3 (CNN_EPLUGIN) or 1
 * (all others). */
int cnn_exit_status(int code);

/* The names that are known, as a list for a message: "A, B". What is too long for one is
 * cut. */
struct cnn_known {
	char text[1000];
	size_t used;
};
/* `list` begins as { 0 }. */
void cnn_known_add(struct cnn_known *list, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The text, or "none". */
const char *cnn_known_text(const struct cnn_known *);

#endif
