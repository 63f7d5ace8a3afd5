/* chain.h - a run of two convolutions with a ReLU between them. */
#ifndef CUDNN_CHAIN_H
#define CUDNN_CHAIN_H

#include "convolution.h"

/* The functions of the kernel, as in cnn/plugin.h. */
double chain_cost(const struct cnn_host *, const struct cnn_kernel *,
    const struct cnn_run *, struct cnn_plan *);
int chain_create(const struct cnn_host *, const struct cnn_kernel *,
    const struct cnn_run *, struct cnn_plan *, void **instance);
void chain_destroy(void *instance);
int chain_prepare(void *instance, uint32_t samples);
int chain_param_import(void *instance, void *queue, uint32_t index, const float *plain,
    float *native);
int chain_param_export(void *instance, void *queue, uint32_t index, const float *native,
    float *plain);
int chain_pack(void *instance, void *queue, void *const *params, void *packed);
int chain_forward(void *instance, const struct cnn_call *);
int chain_backward(void *instance, const struct cnn_call *);

#endif
