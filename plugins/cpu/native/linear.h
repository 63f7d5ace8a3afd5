/* linear.h - linear, or linear and relu as one, of vectors or (flatten) of images.
 *
 *   s[n][o] = bias[o] + sum over i of weight[o][i] in[n][i]
 *   out[n][o] = max(0, s[n][o])
 *   g[n][o] = grad_out[n][o] where out[n][o] is above 0, else 0
 *   grad_in[n][i] = sum over o of g[n][o] weight[o][i]
 *   grad_weight[o][i] = sum over n of g[n][o] in[n][i]
 *   grad_bias[o] = sum over n of g[n][o]
 *
 * Without relu out is s, and g grad_out.
 *
 * in (N,I), out (N,O), weight (O,I), bias (O). I counts what is stored: an image
 * lies as it comes, in blocks of channels, and the weights lie in its order.
 *
 * A microbatch has few samples, and the weights far exceed the caches near the core, so
 * each pass goes through them once, from the first to the last, and nothing of them
 * is turned or copied: all three passes take them in one layout,
 *   weight  [o / lanes][i][o % lanes], bias [o], with zeros where there is no output
 * `lanes` samples at a time, which need turning: in as [i][n], g as [n][o] and
 * [o][n], in scratch memory.
 */
#ifndef NATIVE_LINEAR_H
#define NATIVE_LINEAR_H

#include "native.h"

struct linear_kernels;

struct linear {
	const struct cnn_host *host;
	const struct linear_kernels *kernels;
	bool half; /* in, out and gradients are bfloat16 */
	bool has_bias, relu, training;
	size_t i, o, blocks; /* of lanes outputs */
	struct cnn_shape in;
	uint32_t layout; /* of an image */
};

/* What a level does. */
struct linear_kernels {
	size_t lanes;
	size_t (*scratch)(const struct linear *);
	void (*forward)(const struct linear *, const struct cnn_call *);
	void (*backward)(const struct linear *, const struct cnn_call *);
};

extern const struct linear_kernels linear_kernels_plain, linear_kernels_avx2,
    linear_kernels_avx512, linear_kernels_bf16;

#endif
