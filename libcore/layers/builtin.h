/* builtin.h - the built-in layer types. */
#ifndef CNN_BUILTIN_H
#define CNN_BUILTIN_H

#include <cnn/plugin.h>

/* Terminated by NULL. */
extern const struct cnn_layer_def *const cnn_builtin_layers[];

/* The definition of a built-in type, or NULL. */
const struct cnn_layer_def *cnn_builtin_layer(const char *type);

#endif
