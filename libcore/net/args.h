/* args.h - the arguments of a layer, as text. */
#ifndef CNN_ARGS_H
#define CNN_ARGS_H

#include "base/error.h"

#include <cnn/plugin.h>

/* The defaults of a definition's arguments: values[arg_count], none given. */
void cnn_args_default(const struct cnn_layer_def *, struct cnn_arg_value *values);

/* The value of one argument. CNN_EDATA says what it must be. */
int cnn_arg_parse(const struct cnn_arg *, const char *text, struct cnn_arg_value *,
	struct cnn_error *);

/* After the last one: checks that those that are required were given, and copies the
 * values of arguments whose default is another argument. */
int cnn_args_complete(const struct cnn_layer_def *, struct cnn_arg_value *values,
	struct cnn_error *);

#endif
