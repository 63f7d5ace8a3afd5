/* builtin.h - the built-in optimizers. */
#ifndef CNN_OPTIMIZERS_BUILTIN_H
#define CNN_OPTIMIZERS_BUILTIN_H

#include <cnn/plugin.h>

/* Terminated by NULL. */
extern const struct cnn_optimizer_def *const cnn_builtin_optimizers[];

/* The definition of a built-in optimizer, or NULL. */
const struct cnn_optimizer_def *cnn_builtin_optimizer(const char *name);

#endif
