/* builtin.c - see builtin.h. A new optimizer needs a file in this folder and a line
 * here; plugins implement it. */
#include "builtin.h"

#include <string.h>

extern const struct cnn_optimizer_def cnn_optimizer_adam, cnn_optimizer_sgd;

const struct cnn_optimizer_def *const cnn_builtin_optimizers[] = {
	&cnn_optimizer_adam,
	&cnn_optimizer_sgd,
	NULL,
};

const struct cnn_optimizer_def *cnn_builtin_optimizer(const char *name)
{
	for (size_t i = 0; cnn_builtin_optimizers[i]; i++)
		if (strcmp(cnn_builtin_optimizers[i]->name, name) == 0)
			return cnn_builtin_optimizers[i];
	return NULL;
}
