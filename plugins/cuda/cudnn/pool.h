/* pool.h - pooling: out[c][y][x] = the maximum, or the mean, over a window.
 *
 * cuDNN's engines for it are compiled when the plan is made. Backward of the maximum
 * uses the indices that forward stores in `saved`, one byte each.
 */
#ifndef CUDNN_POOL_H
#define CUDNN_POOL_H

#include "provider.h"

/* Returns 0 if cuDNN does not support it. */
int pool_score(const struct cnn_run *, bool max);
int pool_create(const struct cnn_host *, const struct cnn_run *, const char *type,
	bool max, struct cnn_plan *, void **instance);

/* The other functions of the provider, as in cnn/plugin.h. */
void pool_destroy(void *instance);
int pool_prepare(void *instance, uint32_t samples);
int pool_forward(void *instance, const struct cnn_call *);
int pool_backward(void *instance, const struct cnn_call *);

#define POOL_FUNCTIONS \
	.destroy = pool_destroy, .prepare = pool_prepare, \
	.forward = pool_forward, .backward = pool_backward

#endif
