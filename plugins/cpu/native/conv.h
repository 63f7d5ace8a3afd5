/* conv.h - conv2d, relu, maxpool2d as one: kernels of 3 x 3 in steps of 1, and
 * windows of 2 x 2.
 *
 *   s[o][y][x] = bias[o] + sum over c, i, j of weight[o][c][i][j] in[c][y+i][x+j]
 *   out[o][Y][X] = max(0, the largest s[o] of the window at (2Y, 2X))
 *
 * in (C,H,W), with P zeros around it; out (O,PH,PW). Only what a window covers
 * is computed, and only out is kept, with a code for each of its elements: which
 * place of the window won (the first of equals), or that none did, s being 0 or
 * less. So backward knows that in each window at most one gradient is not 0:
 *
 *   grad_weight[o] = sum over samples and windows of grad_out[o] times the 3 x 3
 *                    of in at the winner's place
 *   grad_in at the winner's place and around += grad_out[o] weight[o]
 *
 * which is a quarter of the products, or less.
 *
 * Two forms. Narrow: in of at most NARROW_CHANNELS channels, in planes. Wide: in
 * blocks of `lanes` channels, as out always is.
 *
 * Parameters, with zeros where there is no channel:
 *   weight  narrow [c][i][j][o], wide [c / lanes][o][i][j][c % lanes]
 *   bias    [o]
 */
#ifndef NATIVE_CONV_H
#define NATIVE_CONV_H

#include "native.h"

#define NARROW_CHANNELS 4
#define TAPS 9 /* of the kernel */

/* The codes: where the winner is, 4 y + x, for the 4 x 4 of the input that a
 * window's four kernels cover; or that there is none. */
#define CODES \
	{ \
		0, 1, 4, 5 \
	}
#define CODE_NONE (-1)

/* Backward's unit of work: so many output channels, and so many windows, unless
 * one row has more. The latter's part of in stays in the L1 cache, as does the
 * former's of the weights. */
#define GROUP_CHANNELS 64
#define STRIP_WINDOWS 100

struct conv_kernels;

struct conv {
	const struct cnn_host *host;
	const struct conv_kernels *kernels;
	bool half; /* in, out and gradients are bfloat16 */
	bool narrow, has_bias, wants_gradient;
	size_t c, h, w, o, ph, pw;
	size_t pad;
	size_t rows, row;	      /* of the padded input, in pixels */
	size_t in_blocks, out_blocks; /* of lanes channels */
	size_t image;		      /* elements of a padded sample */
	size_t windows;		      /* ph * pw */
	size_t group;		      /* samples whose gradients wait together */
	/* Of packed: what forward reads; behind it, narrow, the weights as if wide */
	size_t dense_bytes;
};

/* What a level does, in one of the forms. */
struct conv_kernels {
	size_t lanes;
	/* Bytes of packed for forward, and of a call's scratch memory. */
	size_t (*packed_bytes)(const struct conv *);
	size_t (*forward_scratch)(const struct conv *);
	size_t (*backward_scratch)(const struct conv *);
	void (*pack)(const struct conv *, const float *weight, void *packed);
	void (*forward)(const struct conv *, const struct cnn_call *);
	void (*backward)(const struct conv *, const struct cnn_call *);
};

/* The kernels that a level has, by [is bfloat16 outside]. */
struct conv_level {
	const struct conv_kernels *narrow[2], *wide[2];
};
extern const struct conv_level conv_level_plain, conv_level_avx2, conv_level_avx512,
    conv_level_bf16;

/* The padded image, in floats, of which there may be no need. */
static inline bool conv_takes_as_is(const struct conv *v)
{
	return !v->half && v->pad == 0;
}

/* The weights as if wide, of which the narrow form makes the input's gradient. */
static inline void *conv_wide_weights(const struct conv *v, const void *packed)
{
	return (char *)packed + v->dense_bytes;
}

#endif
