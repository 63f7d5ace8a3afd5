/* optimizers.h - adam, elementwise, for update number t = 1, 2, ...:
 *   g = grad * grad_scale + weight_decay * param
 *   m = beta1 m + (1 - beta1) g
 *   v = beta2 v + (1 - beta2) g^2
 *   param -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 */
#ifndef NATIVE_OPTIMIZERS_H
#define NATIVE_OPTIMIZERS_H

#include "native.h"

/* The factors of the formulas that are the same for all elements. */
struct adam {
	float beta1, rest1, beta2, rest2; /* rest1 = 1 - beta1 */
	float decay, scale, eps;
	float step; /* lr / (1 - beta1^t) */
	float root; /* 1 / sqrt(1 - beta2^t) */
};

/* The functions of a level. */
struct optimizer_kernels {
	void (*adam)(const struct adam *, const struct cnn_update *);
};

extern const struct optimizer_kernels optimizer_kernels_plain, optimizer_kernels_avx2,
    optimizer_kernels_avx512, optimizer_kernels_bf16;

#endif
