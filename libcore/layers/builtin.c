/* builtin.c - the layer types that come with the house. */
#include "plugin/loader.h"

extern const struct cnn_layer_def cnn_layer_conv2d, cnn_layer_linear,
	cnn_layer_relu, cnn_layer_maxpool2d, cnn_layer_avgpool2d,
	cnn_layer_flatten, cnn_layer_dropout, cnn_layer_add,
	cnn_layer_batchnorm2d, cnn_layer_cross_entropy;

const struct cnn_layer_def *const cnn_house_layers[] = {
	&cnn_layer_conv2d, &cnn_layer_linear, &cnn_layer_relu,
	&cnn_layer_maxpool2d, &cnn_layer_avgpool2d, &cnn_layer_flatten,
	&cnn_layer_dropout, &cnn_layer_add, &cnn_layer_batchnorm2d,
	&cnn_layer_cross_entropy, NULL,
};
