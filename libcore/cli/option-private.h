/* option-private.h - what the option table's files share. */
#ifndef OPTION_PRIVATE_H
#define OPTION_PRIVATE_H

#include "option.h"

/* -q, -v, -h and -V. They alone have no place for a value. */
extern const struct cnn_option cnn_common_options[];

/* Is a number within its option's limits? One that isn't can only be a default
 * that says "not set". */
bool cnn_option_uint_fits(const struct cnn_option *, uint64_t);
bool cnn_option_float_fits(const struct cnn_option *, double);

/* Print to standard output, see that it arrived, and exit. */
_Noreturn void cnn_print_help(const struct cnn_program *);
_Noreturn void cnn_print_version(const struct cnn_program *);

/* "tool: text" on standard error. */
void cnn_complain(const struct cnn_program *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
