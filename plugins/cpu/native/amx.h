/* amx.h - conv2d, or conv2d and relu as one kernel, in bfloat16 on AMX's tiles; stride 1,
 * images in blocks of channels.
 *
 * A tile has 16 rows of 64 bytes. One instruction adds to a tile C of 16 x 16 floats the
 * product of a tile A, 16 x 32 bfloat16, and a tile B, whose 16 rows hold two rows each
 * of the 32 x 16 factor, interleaved.
 *
 * Pixels are counted in padded images: pixel q = y * row + x, where row = W + 2 PX. With
 * a stride of 1, tap (i, j) of output q reads input q + i DY row + j DX, also across the
 * ends of rows. The outputs of the columns that do not exist are computed and dropped.
 *   out:         A = 16 pixels of 32 channels of in, B = 32 channels to 16 of out
 *   grad_in:     the same convolution of the gradient of s with transposed and turned
 *                weights
 *   grad_weight: A = 16 channels of 32 pixels of in, B = 32 pixels of 16 channels of the
 *                gradient of s
 *
 * Parameters, with zeros for the channels that pad a block: weight
 * [block of c][tap][block of o][c][o], bias [o]. packed: B for out,
 * [block of o][pair of blocks of c][tap][16][o][2], then the same with c and o exchanged
 * and the taps turned.
 *
 * Not run on a CPU with AMX yet: tests emulate the tiles (tiles.h).
 */
#ifndef NATIVE_AMX_H
#define NATIVE_AMX_H

#include "native.h"

#define AMX_MIN_CHANNELS 16
#define AMX_LANES 16

struct amx {
	const struct cnn_host *host;
	bool relu, has_bias, training, wants_gradient;
	size_t c, h, w, o, oh, ow;
	size_t kh, kw, py, px, dy, dx;
	size_t taps; /* KH * KW */
	size_t in_blocks, out_blocks;
	size_t packed_out, packed_all; /* elements */
};

size_t amx_scratch(const struct amx *);
void amx_pack(const struct amx *, const float *weight, uint16_t *packed);
void amx_forward(const struct amx *, const struct cnn_call *);
void amx_backward(const struct amx *, const struct cnn_call *);

/* Of "conv2d" and "conv2d+relu"; its cost is 0 for shapes that it does not compute, and
 * if the CPU or the host does not allow AMX. */
extern const struct cnn_kernel amx_kernel;

#endif
