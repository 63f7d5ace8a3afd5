/* builtin.h - the built-in layer types. */
#ifndef CNN_BUILTIN_H
#define CNN_BUILTIN_H

#include <cnn/plugin.h>

/* Built-in type number i, from 0; NULL after the last one. */
const struct cnn_layer_def *cnn_builtin_layer_at(size_t i);

/* The definition of a built-in type, or NULL. */
const struct cnn_layer_def *cnn_builtin_layer(const char *type);

#endif
