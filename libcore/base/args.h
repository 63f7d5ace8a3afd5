/* args.h - arguments as text: of a layer, an optimizer, a learning-rate schedule. */
#ifndef CNN_ARGS_H
#define CNN_ARGS_H

#include "error.h"

#include <cnn/plugin.h>
#include <stdbool.h>

/* Sets values[count] to the defaults of a definition's arguments, each marked as not
 * given. */
void cnn_args_default(const struct cnn_arg *, uint32_t count,
    struct cnn_arg_value *values);

/* Returns the index of the argument with this name, or `count` if there is none. */
uint32_t cnn_arg_index(const struct cnn_arg *, uint32_t count, const char *name);

/* Fails with CNN_EDATA because no argument has this name. The message lists the known
 * ones. */
int cnn_arg_unknown(const struct cnn_arg *, uint32_t count, const char *name,
    struct cnn_error *);

/* Parses the value of one argument. If it is invalid, returns CNN_EDATA with a message
 * that states the valid values. */
int cnn_arg_parse(const struct cnn_arg *, const char *text, struct cnn_arg_value *,
    struct cnn_error *);

/* Call it after the last argument. Checks that every required argument was given, and
 * copies the values of arguments whose default is another argument. */
int cnn_args_complete(const struct cnn_arg *, uint32_t count,
    struct cnn_arg_value *values, struct cnn_error *);

/* Whether two values of an argument are equal. Ignores whether they were given. */
bool cnn_arg_equal(const struct cnn_arg *, const struct cnn_arg_value *,
    const struct cnn_arg_value *);

#endif
