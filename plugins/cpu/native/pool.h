/* pool.h - maxpool2d, relu and maxpool2d as one kernel, and avgpool2d, of images in blocks
 * of channels.
 *
 *   maxpool2d  out[c][y][x] = the largest of in[c] in the window at (y, x), with relu at
 *              least 0; the first of equal ones wins, and a NaN wins over all. grad_in
 *              at the winner += grad_out
 *   avgpool2d  out[c][y][x] = the sum of in[c] over the window / (KH KW); padding counts
 *              as zeros. grad_in in the window += grad_out / (KH KW)
 *
 * saved, of maxpool2d in training: for each element of out, i KW + j for the winner's
 * place (i, j) in its window, or -1 if relu made the result 0. These are bytes where all
 * places of a window fit, else int32_t.
 */
#ifndef NATIVE_POOL_H
#define NATIVE_POOL_H

#include "native.h"

struct pool_kernels;

struct pool {
	const struct cnn_host *host;
	const struct pool_kernels *kernels;
	bool half; /* in, out and gradients are bfloat16 */
	bool max, relu;
	size_t blocks, h, w, oh, ow;
	size_t kh, kw, sy, sx, py, px;
};

/* True if codes are bytes. */
static inline bool pool_has_bytes(const struct pool *v)
{
	return v->kh * v->kw <= INT8_MAX;
}

/* The functions of a level. */
struct pool_kernels {
	size_t lanes;
	void (*forward)(const struct pool *, const struct cnn_call *);
	void (*backward)(const struct pool *, const struct cnn_call *);
};

extern const struct pool_kernels pool_kernels_plain, pool_kernels_avx2,
    pool_kernels_avx512, pool_kernels_bf16;

#endif
