/* winograd.h - conv2d, or conv2d and relu as one kernel, for 3 x 3 kernels with stride 1,
 * of images in blocks of channels.
 *
 * Winograd's F(4 x 4, 3 x 3) computes 4 x 4 outputs, a tile, with 36 products for each
 * pair of channels instead of 144 (A. Lavin, S. Gray, "Fast Algorithms for Convolutional
 * Neural Networks", 2015):
 *   s = A' [sum over c of U * V] A,  U = G g G',  V = B' d B
 * d is the tile's 6 x 6 of in, g the 3 x 3 of weight, and * is elementwise. So the sums
 * over c are 36 matrix products. They are made in float whatever type the tensors have.
 *
 * The input's gradient is the same convolution of the gradient of s with transposed and
 * turned weights. The weights' gradient is F(3 x 3, 4 x 4), whose V is the same:
 *   grad_weight = A3' [sum over tiles of W * V] A3,  W = G4 q G4'
 * where q is the tile's 4 x 4 of the gradient of s.
 *
 * A tile with a result that is not finite is computed again as a plain sum, because
 * transforms spread what is not finite, and overflow earlier. Rounding errors are about
 * ten times those of a plain sum in float. The weights' gradient is not computed again.
 *
 * Parameters, with zeros for the outputs that pad a block: weight [c][i][j][o], bias [o].
 * packed: U [pairs of blocks][36][c][o of the pair] for out, then the same with c and o
 * exchanged for the input's gradient.
 */
#ifndef NATIVE_WINOGRAD_H
#define NATIVE_WINOGRAD_H

#include "native.h"

#define WINOGRAD_MIN_CHANNELS 8
#define WINOGRAD_TAPS 9
#define WINOGRAD_POINTS 36 /* of a tile's transform */

struct winograd_kernels;

struct winograd {
	const struct cnn_host *host;
	const struct winograd_kernels *kernels;
	bool half; /* in, out and gradients are bfloat16 */
	bool relu, has_bias, training, wants_gradient;
	size_t c, h, w, o, oh, ow, py, px;
	size_t in_blocks, out_blocks;
	size_t packed_out, packed_all; /* floats */
};

/* The functions of a level. */
struct winograd_kernels {
	size_t lanes;
	size_t (*scratch)(const struct winograd *);
	void (*pack)(const struct winograd *, const float *weight, float *packed);
	void (*forward)(const struct winograd *, const struct cnn_call *);
	void (*backward)(const struct winograd *, const struct cnn_call *);
};

extern const struct winograd_kernels winograd_kernels_plain, winograd_kernels_avx2,
    winograd_kernels_avx512, winograd_kernels_bf16;

/* Of "conv2d" and "conv2d+relu"; its cost is 0 for shapes that it does not compute. */
extern const struct cnn_kernel winograd_kernel;

#endif
