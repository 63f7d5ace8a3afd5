/* pooled.h - conv2d and maxpool2d as one kernel, with or without relu between them, for
 * kernels of 3 x 3 or 5 x 5 with stride 1 and 2 x 2 windows with stride 2.
 *
 *   s[o][y][x] = bias[o] + sum over c, i, j of weight[o][c][i][j] in[c][y+i][x+j]
 *   out[o][Y][X] = the largest s[o] of the window at (2Y, 2X), with relu at least 0
 *
 * in is (C,H,W), with P zeros around it; out is (O,PH,PW). Only the s that a window
 * covers are computed, and only out is kept, with a code for each of its elements. The
 * code says which place of the window won (the first of equals), or that none did
 * because relu made it 0. So backward knows the one gradient in each window that may
 * not be 0:
 *
 *   grad_weight[o] = sum over samples and windows of grad_out[o] times the part
 *                    of in, as large as the kernel, at the winner's place
 *   grad_in at the winner's place and around += grad_out[o] weight[o]
 *
 * This takes at most a quarter of the products.
 *
 * There are two forms. Narrow: in has at most NARROW_CHANNELS channels, in planes.
 * Wide: in has blocks of `lanes` channels, as out always has.
 *
 * Parameters, with zeros for the channels that pad a block:
 *   weight  narrow [c][i][j][o], wide [c / lanes][o][i][j][c % lanes]
 *   bias    [o]
 */
#ifndef NATIVE_POOLED_H
#define NATIVE_POOLED_H

#include "native.h"

#define NARROW_CHANNELS 4
#define MAX_KERNEL 5
#define MAX_TAPS (MAX_KERNEL * MAX_KERNEL)

/* The codes: 4 y + x for the winner's place (y, x) in its window, or CODE_NONE. */
#define CODES \
	{ \
		0, 1, 4, 5 \
	}
#define CODE_NONE (-1)

/* Backward's unit of work: this many output channels, and this many windows or one row
 * if that has more. The windows' part of in and the channels' part of the weights stay
 * in the L1 cache. */
#define GROUP_CHANNELS 64
#define STRIP_WINDOWS 100

struct conv_kernels;

struct conv {
	const struct cnn_host *host;
	const struct conv_kernels *kernels;
	bool half; /* in, out and gradients are bfloat16 */
	bool narrow, relu, has_bias, wants_gradient;
	size_t c, h, w, o, ph, pw;
	size_t kernel, pad;
	size_t taps;		      /* kernel * kernel */
	size_t rows, row;	      /* of the padded input, in pixels */
	size_t in_blocks, out_blocks; /* blocks of `lanes` channels */
	size_t image;		      /* elements of a padded sample */
	size_t windows;		      /* ph * pw */
	size_t group;		      /* samples in a group, see pooled-backward.h */
	/* Bytes of `packed` that forward reads. In the narrow form, the weights in wide
	 * form follow. */
	size_t dense_bytes;
};

/* The functions of a level for one of the forms. */
struct conv_kernels {
	size_t lanes;
	/* Bytes of `packed` for forward, and of a call's scratch memory. */
	size_t (*packed_bytes)(const struct conv *);
	size_t (*forward_scratch)(const struct conv *);
	size_t (*backward_scratch)(const struct conv *);
	void (*pack)(const struct conv *, const float *weight, void *packed);
	void (*forward)(const struct conv *, const struct cnn_call *);
	void (*backward)(const struct conv *, const struct cnn_call *);
};

/* The kernels of a level, by [forward multiplies pairs of bfloat16]. */
struct conv_level {
	const struct conv_kernels *narrow[2], *wide[2];
};
extern const struct conv_level conv_level_plain, conv_level_avx2, conv_level_avx512,
    conv_level_bf16;

/* True if the input needs no copy: it is in floats and without padding. */
static inline bool conv_takes_as_is(const struct conv *v)
{
	return !v->half && v->pad == 0;
}

/* The weights in wide form, from which the narrow form computes the input's
 * gradient. */
static inline void *conv_wide_weights(const struct conv *v, const void *packed)
{
	return (char *)packed + v->dense_bytes;
}

/* Of "conv2d+maxpool2d" and "conv2d+relu+maxpool2d"; its cost is 0 for shapes that it does not compute. */
extern const struct cnn_kernel pooled_kernel;

#endif
