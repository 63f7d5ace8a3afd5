/* builtin.c - see builtin.h. A new activation needs a row in elementwise.c, any other
 * type a file in this folder and a line here. */
#include "builtin.h"

#include <string.h>

extern const struct cnn_layer_def cnn_layer_conv2d, cnn_layer_linear,
    cnn_layer_maxpool2d, cnn_layer_avgpool2d, cnn_layer_flatten, cnn_layer_dropout,
    cnn_layer_add, cnn_layer_batchnorm2d, cnn_layer_cross_entropy;
extern const struct cnn_layer_def cnn_layer_activations[];
extern const size_t cnn_layer_activation_count;

static const size_t one = 1;

/* In the order in which messages list the types. */
static const struct {
	const struct cnn_layer_def *defs;
	const size_t *count;
} tables[] = {
	{ &cnn_layer_conv2d, &one },
	{ &cnn_layer_linear, &one },
	{ cnn_layer_activations, &cnn_layer_activation_count },
	{ &cnn_layer_maxpool2d, &one },
	{ &cnn_layer_avgpool2d, &one },
	{ &cnn_layer_flatten, &one },
	{ &cnn_layer_dropout, &one },
	{ &cnn_layer_add, &one },
	{ &cnn_layer_batchnorm2d, &one },
	{ &cnn_layer_cross_entropy, &one },
};

const struct cnn_layer_def *cnn_builtin_layer_at(size_t i)
{
	for (size_t k = 0; k < sizeof(tables) / sizeof(tables[0]); k++) {
		if (i < *tables[k].count)
			return &tables[k].defs[i];
		i -= *tables[k].count;
	}
	return NULL;
}

const struct cnn_layer_def *cnn_builtin_layer(const char *type)
{
	const struct cnn_layer_def *def;

	for (size_t i = 0; (def = cnn_builtin_layer_at(i)) != NULL; i++)
		if (!strcmp(def->type, type))
			return def;
	return NULL;
}
