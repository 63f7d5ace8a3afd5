/* few.h - conv2d of few input channels, also with relu, as one kernel: vectors go across
 * output channels.
 *
 *   s[o][y][x] = bias[o] + sum over c, i, j of weight[o][c][i][j]
 *                in[c][y SY + i DY - PY][x SX + j DX - PX]
 *   out = s, or max(0, s)
 *
 * Outside of in are zeros. in is in planes, out in blocks of LANES channels, which must
 * be full. A step multiplies one element of in with a vector of weights, for every pixel
 * of a tile, whose sums stay in registers.
 *
 * With instructions that add two products of bfloat16 at once (`dots`), an element is a
 * pair, and rows of in are interleaved in scratch memory:
 *   forward      rows of the taps (c, i) and of the next one; zeros follow the last
 *   grad_weight  rows that belong to two rows of out: y and y + 1
 *
 * The kernel does not compute grad_in: it is for the first layer of a net.
 *
 * Parameters: weight [blocks of o][c][i][j][o of the block], bias (O). packed, if `dots`:
 *   [blocks of o][pairs of (c, i)][j][o of the block][2], rounded
 */
#ifndef NATIVE_FEW_H
#define NATIVE_FEW_H

#include "native.h"

#define FEW_CHANNELS 4

struct few_kernels;

struct few {
	const struct cnn_host *host;
	const struct few_kernels *kernels;
	bool half; /* in, out and gradients are bfloat16 */
	bool dots, relu, has_bias;
	size_t c, h, w, o, oh, ow;
	size_t kh, kw, sy, sx, dy, dx, py, px;
	size_t blocks;	  /* of o */
	size_t rows, row; /* of in, padded */
	size_t pair_row;  /* elements of an interleaved row: whole vectors */
	size_t taps;	  /* C KH KW */
	/* Rows of elements that forward reads for a row of out: C KH, or pairs of these */
	size_t row_count;
	size_t strip; /* rows of elements that grad_weight reads at a time */
	/* [c][i]: distance of the row in in, from that of (0, 0) */
	uint32_t *row_places;
	/* [c][i][j]: distance of the tap's element in what grad_weight reads */
	uint32_t *places;
};

/* The functions of a level. */
struct few_kernels {
	size_t lanes;
	bool has_dots;
	size_t (*scratch)(const struct few *);
	void (*pack)(const struct few *, const float *weight, void *packed);
	void (*forward)(const struct few *, const struct cnn_call *);
	void (*backward)(const struct few *, const struct cnn_call *);
};

extern const struct few_kernels few_kernels_plain, few_kernels_avx2, few_kernels_avx512,
    few_kernels_bf16;

/* Does a call read in as it is, without a padded copy? */
static inline bool few_takes_as_is(const struct few *v)
{
	return v->py == 0 && v->px == 0 && v->half == v->dots;
}

extern const struct cnn_kernel few_kernel; /* for conv2d and conv2d+relu */

#endif
