/* conv-plugin.h - the provider shared by the plugins over conv.h; see conv.c.
 *
 * A plugin only names its run. conv_shape_read() derives the rest from the nodes.
 */
#ifndef NATIVE_CONV_PLUGIN_H
#define NATIVE_CONV_PLUGIN_H

#include "native.h"

int conv_score(const struct cnn_host *, const struct cnn_run *);
int conv_create(const struct cnn_host *, const struct cnn_run *, struct cnn_plan *,
	void **instance);
void conv_destroy(void *instance);
int conv_param_import(void *instance, void *queue, uint32_t index, const float *plain,
	float *native);
int conv_param_export(void *instance, void *queue, uint32_t index, const float *native,
	float *plain);
int conv_forward(void *instance, const struct cnn_call *);
int conv_backward(void *instance, const struct cnn_call *);

/* Defines a plugin: its file's name and its run. */
#define CONV_PLUGIN(NAME, RUN) \
static const struct cnn_provider provider = { \
	.size = sizeof(provider), .run = (RUN), \
	.score = conv_score, .create = conv_create, .destroy = conv_destroy, \
	.param_import = conv_param_import, .param_export = conv_param_export, \
	.forward = conv_forward, .backward = conv_backward, \
}; \
NATIVE_ENTRY(NAME, CNN_PLUGIN_LAYER, provider)

#endif
