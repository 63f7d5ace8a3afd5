/* elementwise.h - add, or add and relu as one kernel, of tensors in any layout.
 *
 *   y = in[0] + in[1] + ..., in this order
 *   out = y, or max(0, y)
 *   each grad_in = grad_out, or 0 where out is 0 or less
 */
#ifndef NATIVE_ELEMENTWISE_H
#define NATIVE_ELEMENTWISE_H

#include "native.h"

struct add_kernels;

struct add {
	const struct cnn_host *host;
	const struct add_kernels *kernels;
	bool half; /* in, out and gradients are bfloat16 */
	bool relu;
	uint32_t inputs;
	size_t count; /* stored elements of a sample */
};

/* The functions of a level. */
struct add_kernels {
	void (*forward)(const struct add *, const struct cnn_call *);
	void (*backward)(const struct add *, const struct cnn_call *);
};

extern const struct add_kernels add_kernels_plain, add_kernels_avx2, add_kernels_avx512,
    add_kernels_bf16;

#endif
