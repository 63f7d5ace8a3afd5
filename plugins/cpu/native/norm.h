/* norm.h - batchnorm2d, or batchnorm2d and relu as one kernel, of images in blocks of
 * channels.
 *
 *   y = (in - mean[c]) / sqrt(var[c] + eps) * weight[c] + bias[c]
 *   out = y, or max(0, y)
 *
 * Training takes the mean and the variance of channel c over its n elements in the whole
 * batch: var = m2 / n, where m2 = sum of (in - mean)^2. Each microbatch gives its own mean
 * and m2. They are combined pairwise, so that a mean far from 0 costs no precision
 * (T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm
 * for Computing Sample Variances", 1979). Within a microbatch this is done with pieces
 * that stay in the L1 cache while they are read twice: for their mean, then for m2.
 *
 * Backward, with g = grad_out where y is above 0 (without relu everywhere):
 *   grad_bias[c] = sum of g      grad_weight[c] = sum of g xhat
 *   grad_in = weight / sqrt(var + eps) (g - grad_bias / n - xhat grad_weight / n)
 * where xhat is y before weight and bias. grad_in takes both sums over the whole batch.
 * (S. Ioffe and C. Szegedy, "Batch Normalization", ICML 2015.)
 *
 * The mean is kept as the sum of two floats: in - high is exact or nearly so, and `low`
 * goes into the constant term.
 *
 *   partial, forward   mean (C), m2 (C)
 *   partial, backward  sum of g (C), sum of g xhat (C)
 *   saved              double: mean (C), 1 / sqrt(var + eps) (C), and of this microbatch
 *                      what backward's partial has (2,C)
 */
#ifndef NATIVE_NORM_H
#define NATIVE_NORM_H

#include "native.h"

struct norm_kernels;

struct norm {
	const struct cnn_host *host;
	const struct norm_kernels *kernels;
	bool half; /* in, out and gradients are bfloat16 */
	bool relu;
	size_t c, area, blocks; /* blocks of `lanes` channels */
	double eps, momentum;
};

enum { NORM_WEIGHT, NORM_BIAS, NORM_MEAN, NORM_VAR };

/* 1 / sqrt(var + eps); 0 if that is 1 / 0, like PyTorch: such a channel is constant. */
double norm_scale(const struct norm *, double var);

/* The functions of a level. */
struct norm_kernels {
	size_t lanes;
	void (*reduce_forward)(const struct norm *, const struct cnn_call *);
	void (*forward)(const struct norm *, const struct cnn_call *);
	void (*reduce_backward)(const struct norm *, const struct cnn_call *);
	void (*backward)(const struct norm *, const struct cnn_call *);
};

extern const struct norm_kernels norm_kernels_plain, norm_kernels_avx2,
    norm_kernels_avx512, norm_kernels_bf16;

#endif
