/* single.h - a run of one convolution, with or without a ReLU after it. */
#ifndef CUDNN_SINGLE_H
#define CUDNN_SINGLE_H

#include "convolution.h"

int single_create(const struct cnn_host *, const struct cnn_run *, const char *type,
	bool relu, struct cnn_plan *, void **instance);

/* The other functions of the provider, as in cnn/plugin.h. */
void single_destroy(void *instance);
int single_prepare(void *instance, uint32_t samples);
int single_import(void *instance, void *queue, uint32_t index, const float *plain,
	float *native);
int single_export(void *instance, void *queue, uint32_t index, const float *native,
	float *plain);
int single_pack(void *instance, void *queue, void *const *params, void *packed);
int single_forward(void *instance, const struct cnn_call *);
int single_backward(void *instance, const struct cnn_call *);

#define SINGLE_FUNCTIONS \
	.destroy = single_destroy, .prepare = single_prepare, \
	.param_import = single_import, .param_export = single_export, \
	.pack = single_pack, .forward = single_forward, .backward = single_backward

#endif
