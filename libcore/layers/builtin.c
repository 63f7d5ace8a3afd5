/* builtin.c - see builtin.h. A new type needs a file in this folder and a line here. */
#include "builtin.h"

#include <string.h>

extern const struct cnn_layer_def cnn_layer_conv2d, cnn_layer_linear,
	cnn_layer_relu, cnn_layer_maxpool2d, cnn_layer_avgpool2d,
	cnn_layer_flatten, cnn_layer_dropout, cnn_layer_add,
	cnn_layer_batchnorm2d, cnn_layer_cross_entropy;

const struct cnn_layer_def *const cnn_builtin_layers[] = {
	&cnn_layer_conv2d, &cnn_layer_linear, &cnn_layer_relu,
	&cnn_layer_maxpool2d, &cnn_layer_avgpool2d, &cnn_layer_flatten,
	&cnn_layer_dropout, &cnn_layer_add, &cnn_layer_batchnorm2d,
	&cnn_layer_cross_entropy, NULL,
};

const struct cnn_layer_def *cnn_builtin_layer(const char *type)
{
	for (size_t i = 0; cnn_builtin_layers[i]; i++)
		if (!strcmp(cnn_builtin_layers[i]->type, type))
			return cnn_builtin_layers[i];
	return NULL;
}
