/* linear.h - linear, or linear and relu as one kernel, of vectors or (flatten) images.
 *
 *   s[n][o] = bias[o] + sum over i of weight[o][i] in[n][i]
 *   out[n][o] = max(0, s[n][o])
 *   g[n][o] = grad_out[n][o] if out[n][o] is above 0, else 0
 *   grad_in[n][i] = sum over o of g[n][o] weight[o][i]
 *   grad_weight[o][i] = sum over n of g[n][o] in[n][i]
 *   grad_bias[o] = sum over n of g[n][o]
 *
 * Without relu, out is s and g is grad_out.
 *
 * in is (N,I), out (N,O), weight (O,I), bias (O). I counts stored elements: an image
 * stays in its layout, such as blocks of channels, and the weights follow that order.
 *
 * A microbatch has few samples, and the weights far exceed the inner caches. So each of
 * the three passes reads the weights once, from first to last, and never transposes or
 * copies them. All use one layout:
 *   weight  [o / lanes][i][o % lanes], bias [o], with zeros where there is no output
 * A pass processes `lanes` samples at a time. These are transposed in scratch memory:
 * in to [i][n], g to [n][o] and [o][n].
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
	size_t i, o, blocks; /* blocks of `lanes` outputs */
	struct cnn_shape in;
	uint32_t layout; /* of an image */
};

/* The functions of a level. */
struct linear_kernels {
	size_t lanes;
	size_t (*scratch)(const struct linear *);
	void (*forward)(const struct linear *, const struct cnn_call *);
	void (*backward)(const struct linear *, const struct cnn_call *);
};

extern const struct linear_kernels linear_kernels_plain, linear_kernels_avx2,
    linear_kernels_avx512, linear_kernels_bf16;

#endif
