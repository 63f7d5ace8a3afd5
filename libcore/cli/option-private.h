/* option-private.h - declarations shared by the files that process the option table. */
#ifndef OPTION_PRIVATE_H
#define OPTION_PRIVATE_H

#include "option.h"

/* -q, -v, -h and -V, the only options whose `value` is NULL. */
extern const struct cnn_option cnn_common_options[];

/* Whether a number is within its option's limits. Only a default can be outside; it
 * means "not set". */
bool cnn_option_uint_fits(const struct cnn_option *, uint64_t);
bool cnn_option_float_fits(const struct cnn_option *, double);

/* Print to standard output, check that all of it was written, and exit. */
_Noreturn void cnn_print_help(const struct cnn_program *);
_Noreturn void cnn_print_version(const struct cnn_program *);

/* Prints "tool: text" on standard error. */
void cnn_complain(const struct cnn_program *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* From the call on, prints warnings (base/warning.h) as messages of this program. Without
 * -v, only the first ones are printed. */
void cnn_show_warnings(const struct cnn_program *);

#endif
