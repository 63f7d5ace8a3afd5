/* pool.h - pooling: out[c][y][x] = the maximum, or the mean, over a window.
 *
 * Backward of the maximum goes by the places that oneDNN's forward notes in
 * `saved`. A run that begins with relu pools the raw input and applies ReLU to
 * what is left, since max(relu(x)) = relu(max(x)): a quarter of the work, and
 * of the masking in backward, for a window of 2 x 2.
 */
#ifndef ONEDNN_POOL_H
#define ONEDNN_POOL_H

#include "onednn.h"

struct pool_def {
	const char *type;
	dnnl_alg_kind_t algorithm;
	bool relu;
};

/* Whether oneDNN has kernels for it. Leaves no message. */
bool pool_supports(const struct cnn_host *, const struct cnn_run *,
	const struct pool_def *);

int pool_create(const struct cnn_host *, const struct cnn_run *,
	const struct pool_def *, struct cnn_plan *, void **instance);

/* The other functions of the provider, as in cnn/plugin.h. */
void pool_destroy(void *instance);
int pool_prepare(void *instance, uint32_t samples);
int pool_forward(void *instance, const struct cnn_call *);
int pool_backward(void *instance, const struct cnn_call *);

#define POOL_FUNCTIONS \
	.destroy = pool_destroy, .prepare = pool_prepare, \
	.forward = pool_forward, .backward = pool_backward

#endif
