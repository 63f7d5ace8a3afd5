/* dropout.h - dropout of tensors in planes or in blocks of LANES channels.
 *
 *   out = in[i] / (1 - p) if kept[i], else 0;   grad_in likewise from grad_out
 *   kept[i] = the i-th uniform of the step is at least p
 *
 * i is the element's index in planes. The uniforms are those that cnn_host.uniform gives.
 * Philox4x32-10 makes four of them at a time, for the elements 4 n .. 4 n + 3, from the
 * counter (n, step, stream) and the key `seed` (J. K. Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011). A vector holds LANES / 2 counters.
 *
 * saved: kept, a byte for each element, in planes.
 */
#ifndef NATIVE_DROPOUT_H
#define NATIVE_DROPOUT_H

#include "native.h"

struct dropout_kernels;

struct dropout {
	const struct cnn_host *host;
	const struct dropout_kernels *kernels;
	bool half; /* in, out and gradients are bfloat16 */
	bool blocked;
	size_t c, area; /* of a sample; c is 1 if it is no image */
	size_t stored;	/* elements of a sample, with a block's padding */
	float scale;	/* 1 / (1 - p) */
	uint32_t least; /* kept: the upper 24 bits of the word are at least this */
	uint32_t stream;
};

/* The functions of a level. */
struct dropout_kernels {
	size_t lanes;
	void (*forward)(const struct dropout *, const struct cnn_call *);
	void (*backward)(const struct dropout *, const struct cnn_call *);
};

extern const struct dropout_kernels dropout_kernels_plain, dropout_kernels_avx2,
    dropout_kernels_avx512, dropout_kernels_bf16;

#endif
