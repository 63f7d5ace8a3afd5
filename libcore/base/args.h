/* args.h - arguments as text: of a layer, an optimizer, a learning-rate schedule. */
#ifndef CNN_ARGS_H
#define CNN_ARGS_H

#include "error.h"

#include <cnn/plugin.h>
#include <stdbool.h>

/* The defaults of a definition's arguments: values[count], none given. */
void cnn_args_default(const struct cnn_arg *, uint32_t count,
    struct cnn_arg_value *values);

/* The index of an argument, or `count` if there is none of this name. */
uint32_t cnn_arg_index(const struct cnn_arg *, uint32_t count, const char *name);

/* Fails with CNN_EDATA: there is no argument of this name. Lists the known ones. */
int cnn_arg_unknown(const struct cnn_arg *, uint32_t count, const char *name,
    struct cnn_error *);

/* The value of one argument. CNN_EDATA says what it must be. */
int cnn_arg_parse(const struct cnn_arg *, const char *text, struct cnn_arg_value *,
    struct cnn_error *);

/* After the last one: checks that those that are required were given, and copies the
 * values of arguments whose default is another argument. */
int cnn_args_complete(const struct cnn_arg *, uint32_t count,
    struct cnn_arg_value *values, struct cnn_error *);

/* Whether two values of an argument are equal, given or not. */
bool cnn_arg_equal(const struct cnn_arg *, const struct cnn_arg_value *,
    const struct cnn_arg_value *);

#endif
