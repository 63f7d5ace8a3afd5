/* direct.h - conv2d of any shape, also with relu, pooling or both, as one kernel:
 * vectors go across samples.
 *
 *   s[o][y][x] = bias[o] + sum over c, i, j of weight[o][c][i][j]
 *                in[c][y SY + i DY - PY][x SX + j DX - PX]
 *   out = s, or max(0, s), or the largest or the mean of these in each window
 *
 * Windows of pooling do not overlap. With G groups, c goes over the C / G channels of o's group. Outside of in are zeros.
 *
 * LANES samples at a time are transposed in scratch memory, so that a vector has one
 * element of each. Then no shape wastes a lane: stride, padding, dilation and the number
 * of channels do not matter. The transposed tensors are
 *   in    [c][rows][row], with its padding
 *   grad  [o][OH][grad_row], the gradient of s, with `grad_left` columns of zeros before
 *         and as many after as the input's gradient reads
 * A register tile has the sums of `outs` channels at a few pixels. Each step reads a
 * vector of every pixel and a weight of every channel.
 *
 *   grad_in     the same loops over the transposed weights: pixels whose column is
 *               the same modulo SX make a row without gaps
 *   grad_weight sums over pixels, then over lanes
 *
 * Parameters: weight (O, C / G, KH, KW) and bias (O), plain. packed:
 *   [group][o / outs][c][i][j][o % outs] for out,
 *   [group][c / back_outs][o][i][j][c % back_outs] for grad_in,
 * with zeros where there is no channel.
 *
 * saved, if the run pools, LANES bytes for each group of samples and
 *   [o][ZH][ZW]  largest: the winner's index in its window, the first of equals; with
 *                relu -1 if it is 0 or less
 *   [o][OH][OW]  mean: -1 where s is above 0, or without relu; else 0
 */
#ifndef NATIVE_DIRECT_H
#define NATIVE_DIRECT_H

#include "native.h"

#define DIRECT_KERNEL 32 /* the largest height and width of a kernel */

struct direct_kernels;

enum direct_pool { DIRECT_NO_POOL, DIRECT_MAX, DIRECT_MEAN };

struct direct {
	const struct cnn_host *host;
	const struct direct_kernels *kernels;
	bool half; /* in, out and gradients are bfloat16 */
	bool relu, has_bias, training, wants_gradient;
	enum direct_pool pool;
	size_t c, h, w, o, oh, ow;
	size_t kh, kw, sy, sx, dy, dx, py, px;
	size_t groups, c_group, o_group;
	size_t zh, zw;		       /* of out: OH and OW if there is no pooling */
	size_t ph, pw;		       /* the window of pooling */
	size_t rows, row;	       /* of in, padded */
	size_t grad_left, grad_row;    /* of grad */
	size_t outs, back_outs;	       /* channels of a tile */
	size_t in_count, out_count;    /* stored elements of a sample */
	size_t packed_out, packed_all; /* floats */
	/* Of each stored element of in, out, grad_out and grad_in: its vector in the
	 * transposed tensor, that of grad_out being out's if the run pools; NO_PLACE in
	 * a block's padding. */
	uint32_t *in_places, *out_places, *grad_places, *back_places;
	uint32_t *taps; /* [c][i][j] of a group: its distance in in */
};

#define NO_PLACE UINT32_MAX

/* The functions of a level. */
struct direct_kernels {
	size_t lanes;
	size_t pixels_1, pixels_4, pixels_6; /* of a tile of so many channels */
	size_t (*scratch)(const struct direct *);
	void (*forward)(const struct direct *, const struct cnn_call *);
	void (*backward)(const struct direct *, const struct cnn_call *);
};

extern const struct direct_kernels direct_kernels_plain, direct_kernels_avx2,
    direct_kernels_avx512, direct_kernels_bf16;

/* The other functions of a kernel, as in cnn/plugin.h. */
double direct_cost(const struct cnn_host *, const struct cnn_kernel *,
    const struct cnn_run *, struct cnn_plan *);
int direct_create(const struct cnn_host *, const struct cnn_kernel *,
    const struct cnn_run *, struct cnn_plan *, void **instance);
void direct_destroy(void *instance);
int direct_param_import(void *instance, void *queue, uint32_t index, const float *plain,
    float *native);
int direct_param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain);
int direct_pack(void *instance, void *queue, void *const *params, void *packed);
int direct_forward(void *instance, const struct cnn_call *);
int direct_backward(void *instance, const struct cnn_call *);

#define DIRECT_KERNEL_OF(RUN) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .cost = direct_cost, \
		.create = direct_create, .destroy = direct_destroy, \
		.param_import = direct_param_import, \
		.param_export = direct_param_export, .pack = direct_pack, \
		.forward = direct_forward, .backward = direct_backward, \
	}

#endif
