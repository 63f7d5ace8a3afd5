/* conv.h - convolutions and linear layers as one family of matrix products.
 *
 * Every run here is a convolution, perhaps with ReLU and max pooling behind it:
 *   conv[n][y][x][o] = bias[o] + sum over i, j, c of weight[o][i][j][c]
 *                      in[n][y stride - padding + i dilation][x likewise][c]
 *   out = conv, relu(conv), or the largest of relu(conv) in each window
 * for each of `groups` groups of c and o channels; outside of in there are zeros.
 * A linear layer is one whose image, kernel and output are 1x1, and "flatten
 * linear" is a linear layer of all the image's elements in the order in which
 * they lie in memory. in is NHWC (NCHW where no 16 bytes of a pixel could be
 * read at once anyway), out is NHWC, weights are (O,KH,KW,C/groups), biases (O).
 *
 * Three products, each of a group's matrices, with sums in float:
 *                  rows                columns           summed over
 *   forward        output's pixels     o                 kernel x c    (patch)
 *   input's grad.  input's pixels      c                 kernel x o
 *   weights' grad. o                   kernel x c, bias  output's pixels
 * No operand but the tensors themselves is ever in memory: what a tile needs is
 * gathered from them (conv-gather.h), weights are rounded to half on the way.
 * Where pooling follows, the output's pixels are counted window by window, so
 * that a window's lie in one tile; conv never leaves the chip, only the largest
 * and its place in the window, a byte: 255 where ReLU made it 0. Backward
 * reads the gradient of a pixel from its window's, 0 for all but that place.
 *
 * A block of 128 threads makes a tile of 64 rows and 32 or 64 columns, a chunk of
 * 32 k's (16 in float) at a time. A long product of few tiles is cut along k into
 * about CONV_BLOCKS blocks, whose sums a second kernel adds in their order. Two
 * cases have kernels of their own: the input's gradient of a kernel that moves pixel
 * by pixel, from an image in shared memory (conv-resident.h), and the patches of
 * few elements that a first layer has (conv-small.cu). All of it is chosen by the
 * shapes alone, so the bytes are the same on all cards.
 *
 * What it comes to. An image of the seed's network takes 5.26 MFLOP forward and
 * 10.1 backward; in half about 85 thousand bytes go to and from memory: each tensor
 * once, the saved places and the gradients. Blocks of a launch at batch 128 / 512 /
 * 1024 in half, with tiles x cuts, [columns], and backward as weights' + input's:
 *   conv1 forward   384 / 512 / 1024 (small)
 *   conv1 backward  256 / 256 / 256 (small), 10 to add
 *   conv2 forward   400 [32] / 800 [64] / 1600 [64]
 *   conv2 backward  5x50 + 128 / 5x52 + 512 / 5x52 + 1024 (resident), 578 to add
 *   fc1 forward     8x13 / 32x8 / 64x4 [32], 512 / 2048 / 4096 to add
 *   fc1 backward    52 + 100 / 52 + 400 / 52x5 + 400, 0 / 0 / 6404 to add
 *   fc2 forward     2 / 8 / 16 [32]
 *   fc2 backward    3 + 8 / 3 + 32 / 3x8 + 64, 0 / 0 / 41 to add
 * 11 launches at batch 128, each one wave on 132 multiprocessors. Time goes by the
 * chunks that a block has one after the other, 0.2 to 0.3 us each: 9 in conv2
 * forward, 8 and 18 backward, 4 in fc1 and fc2. At 1024 it goes by instructions,
 * of which the tensor cores' are a tenth. (Counted, not measured.)
 */
#ifndef NATIVE_CONV_H
#define NATIVE_CONV_H

#include <cnn/plugin.h>

#define CONV_THREADS 128                 /* of a block */
#define CONV_ROWS 64                     /* of a tile */
#define CONV_CHUNK_BYTES 64              /* of k's, in each row */
#define CONV_BLOCKS 264                  /* that cutting along k aims at */
#define CONV_LONG 24                     /* chunks that are worth cutting */
#define CONV_MIN_CHUNKS 3                /* of a part */
#define CONV_RESIDENT_ROWS 256           /* of a tile of that method */
#define CONV_PLANE_GAP 16                /* elements from one of its pixels to the next */
#define CONV_SHARED 49152                /* bytes that a block can have */
#define CONV_SMALL_THREADS 256           /* of a block of that method */
#define CONV_SMALL_OUTPUTS 128           /* at most */
#define CONV_DEAD 255                    /* saved where ReLU made the largest 0 */
#define CONV_MAX_AREA CONV_ROWS          /* of a window: it fits into a tile */

/* n / by = (2 n multiplier >> 32) >> shift, for n < 2^31. */
struct conv_divisor { uint32_t by, multiplier, shift; };

/* Pairs are H, W. All that a kernel must know but the number of samples; without
 * pooling windows are 1x1, one at each pixel. */
struct conv_shape {
	uint32_t dtype, groups;
	uint32_t bias, relu, pooled;
	uint32_t c, h, w;                    /* a group's channels, the image */
	uint32_t o, oh, ow;                  /* the same of conv */
	uint32_t kernel[2], stride[2], padding[2], dilation[2];
	uint32_t patch;                      /* kernel x c */
	uint32_t window[2], window_stride[2], window_padding[2];
	uint32_t area;                       /* pixels of a window */
	uint32_t ph, pw;                     /* of out */
	uint32_t out_pixel;                  /* channels of out */
	uint32_t in_image, in_row, in_pixel, in_channel;   /* elements from one to
	                                      * the next */
	uint32_t vector_c, vector_o;         /* c, o: whole 16 bytes */
	uint32_t resident, small;            /* which methods will do */
	uint32_t plane_w, plane_rows;        /* of conv's gradient: conv-resident.h */
	uint32_t view_h, view_w;             /* of the padded image: conv-small.cu */
	struct conv_divisor by_c, by_o, by_kernel_w, by_stride[2];
	struct conv_divisor by_image, by_w;  /* h w, w */
	struct conv_divisor by_area, by_window_w, by_window_stride[2];
	struct conv_divisor by_windows, by_pw;     /* ph pw, pw */
	struct conv_divisor by_plane_w;
};

enum conv_product { CONV_FORWARD, CONV_INPUT, CONV_WEIGHT };

/* How: tiles of gathered panels; tiles of 256 rows whose operand A is an image
 * that stays in shared memory; no product at all, but sums by the pixel. */
enum conv_method { CONV_TILES, CONV_RESIDENT, CONV_SMALL };

/* One product of all groups: how it is cut into tiles and, along k, into parts.
 * Block number ((group * splits + split) * row_tiles + row tile) * column_tiles
 * + column tile. */
struct conv_job {
	uint32_t method;
	uint32_t rows, columns, depth;
	uint32_t tile_rows, tile_columns;
	uint32_t row_tiles, column_tiles;    /* resident: row_tiles of an image, and
	                                      * images for splits */
	uint32_t splits, split_depth;
	uint32_t samples, parts;             /* small: of an image, for a block each */
	uint32_t blocks;                     /* 0: not asked for */
	float *partial;                      /* [splits][groups][rows][columns] where
	                                      * there is more than one split */
};

/* Of one call; saved is NULL where backward will not come. */
struct conv_buffers {
	const void *in;
	const float *weight, *bias;
	void *out;
	uint8_t *saved;
	const void *grad_out;
	void *grad_in;
	float *grad_weight, *grad_bias;
};

/* --- on the host: conv-shape.c ------------------------------------------------- */

#ifdef __cplusplus
extern "C" {
#endif

/* *s = the run's; in_layout is its input's. False: it is none that the kernels
 * are made for. */
int conv_shape_read(struct conv_shape *s, const struct cnn_run *, uint32_t in_layout);
/* *job = the product for so many samples. False: it is too large to count. */
int conv_job_make(struct conv_job *job, const struct conv_shape *, enum conv_product,
	uint32_t samples);
/* Elements of job->partial. */
size_t conv_partial_count(const struct conv_shape *, const struct conv_job *);

/* Shared memory of a block whose plane has so many rows: two panels of weights
 * behind it, or the sums. */
static inline size_t conv_resident_bytes(const struct conv_shape *s, uint32_t plane_rows)
{
	const size_t plane = (size_t)plane_rows * (s->o + CONV_PLANE_GAP) * 2 + 2 * 32 * 40 * 2;
	const size_t sums = CONV_RESIDENT_ROWS * (32 + 4) * sizeof(float);

	return plane > sums ? plane : sums;
}

/* And of one that has a view of so many pixels: weights before it, or sums. */
static inline size_t conv_small_bytes(const struct conv_shape *s, size_t pixels)
{
	const size_t weights = (size_t)s->patch * ((s->o + 7) / 8 * 8);
	const size_t sums = ((size_t)s->patch + 1) * CONV_SMALL_THREADS;

	return ((weights > sums ? weights : sums) + s->c * pixels) * sizeof(float);
}

/* --- the launches: conv-forward.cu, conv-backward.cu, conv-small.cu ---------------- */

/* out, saved = . The result is a cudaError_t. */
int native_conv_forward(void *queue, const struct conv_shape *, const struct conv_job *,
	const struct conv_buffers *);
/* grad_weight, grad_bias = , and grad_in = if `input` has blocks. */
int native_conv_backward(void *queue, const struct conv_shape *,
	const struct conv_job *weight, const struct conv_job *input,
	const struct conv_buffers *);

/* The same for jobs of that method. */
int native_conv_small_forward(void *queue, const struct conv_shape *,
	const struct conv_job *, const struct conv_buffers *);
int native_conv_small_weight(void *queue, const struct conv_shape *,
	const struct conv_job *, const struct conv_buffers *);

#ifdef __cplusplus
}
#endif

#endif
