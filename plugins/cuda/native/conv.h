/* conv.h - convolutions and linear layers as one family of matrix products.
 *
 * Every run here is a convolution, optionally followed by ReLU and max pooling:
 *   conv[n][y][x][o] = bias[o] + sum over i, j, c of weight[o][i][j][c]
 *                      in[n][y stride - padding + i dilation][x likewise][c]
 *   out = conv, relu(conv), or the largest of relu(conv) in each window
 * for each of `groups` groups of c and o channels. Elements outside of in are zeros.
 * A linear layer is a convolution whose image, kernel and output are 1x1. "flatten
 * linear" is a linear layer of all the image's elements in their order in memory. in
 * is NHWC (NCHW if 16 bytes of a pixel could not be read at once anyway), out is NHWC,
 * weights are (O,KH,KW,C/groups), biases (O).
 *
 * Three products, each of a group's matrices, with sums in float:
 *                  rows                columns           summed over
 *   forward        output's pixels     o                 kernel x c    (patch)
 *   input's grad.  input's pixels      c                 kernel x o
 *   weights' grad. o                   kernel x c, bias  output's pixels
 * Only the tensors themselves are stored in memory. The operands of a tile are
 * gathered from them (conv-gather.h), and weights are rounded to half on the way. With
 * pooling, the output's pixels are counted window by window, so that a window lies in
 * one tile. conv then never leaves the chip: only the largest pixel is stored, and its
 * index in the window, one byte, which is 255 if ReLU made it 0. Backward takes the
 * gradient of a pixel from its window: it is 0 for all but the stored index.
 *
 * A block of 128 threads computes a tile of 64 rows and 32 or 64 columns, in chunks of
 * 32 k's (16 in float). A long product with few tiles is cut along k into about
 * CONV_BLOCKS blocks, and a second kernel adds their sums in order. Two cases have
 * kernels of their own: the input's gradient with stride 1, from an image in shared
 * memory (conv-resident.h), and the small patches of a first layer (conv-small.cu). The
 * choice depends only on the shapes, so the bytes are the same on all cards.
 */
#ifndef NATIVE_CONV_H
#define NATIVE_CONV_H

#include <cnn/plugin.h>

#define CONV_THREADS 128	/* per block */
#define CONV_ROWS 64		/* per tile */
#define CONV_CHUNK_BYTES 64	/* of k's, per row */
#define CONV_BLOCKS 264		/* target of cutting along k */
#define CONV_LONG 24		/* chunks from which cutting pays */
#define CONV_MIN_CHUNKS 3	/* per part */
#define CONV_RESIDENT_ROWS 256	/* of a tile of the resident method */
#define CONV_PLANE_GAP 16	/* elements between its pixels */
#define CONV_SHARED 49152	/* bytes available to a block */
#define CONV_SMALL_THREADS 256	/* per block of the small method */
#define CONV_SMALL_OUTPUTS 128	/* maximum of the small method */
#define CONV_DEAD 255		/* saved if ReLU made the largest 0 */
#define CONV_MAX_AREA CONV_ROWS /* of a window, which must fit into a tile */

/* n / by = (2 n multiplier >> 32) >> shift, for n < 2^31. */
struct conv_divisor {
	uint32_t by, multiplier, shift;
};

/* Pairs are H, W. All parameters of a kernel except the number of samples. Without
 * pooling, windows are 1x1, one at each pixel. */
struct conv_shape {
	uint32_t dtype, groups;
	uint32_t bias, relu, pooled;
	uint32_t c, h, w;   /* channels of a group, image size */
	uint32_t o, oh, ow; /* the same for conv */
	uint32_t kernel[2], stride[2], padding[2], dilation[2];
	uint32_t patch; /* kernel x c */
	uint32_t window[2], window_stride[2], window_padding[2];
	uint32_t area;					 /* pixels per window */
	uint32_t ph, pw;				 /* image size of out */
	uint32_t out_pixel;				 /* channels of out */
	uint32_t in_image, in_row, in_pixel, in_channel; /* strides in elements */
	uint32_t vector_c, vector_o;  /* c, o are whole multiples of 16 bytes */
	uint32_t resident, small;     /* which methods are possible */
	uint32_t plane_w, plane_rows; /* of conv's gradient: conv-resident.h */
	uint32_t view_h, view_w;      /* of the padded image: conv-small.cu */
	struct conv_divisor by_c, by_o, by_kernel_w, by_stride[2];
	struct conv_divisor by_image, by_w; /* h w, w */
	struct conv_divisor by_area, by_window_w, by_window_stride[2];
	struct conv_divisor by_windows, by_pw; /* ph pw, pw */
	struct conv_divisor by_plane_w;
};

enum conv_product { CONV_FORWARD, CONV_INPUT, CONV_WEIGHT };

/* The method: tiles of gathered panels; tiles of 256 rows whose operand A is an image
 * in shared memory; sums per pixel without a matrix product. */
enum conv_method { CONV_TILES, CONV_RESIDENT, CONV_SMALL };

/* One product of all groups: its cut into tiles and, along k, into parts. The block
 * number is ((group * splits + split) * row_tiles + row tile) * column_tiles + column
 * tile. */
struct conv_job {
	uint32_t method;
	uint32_t rows, columns, depth;
	uint32_t tile_rows, tile_columns;
	/* resident: an image has row_tiles, and is a split */
	uint32_t row_tiles, column_tiles;
	uint32_t splits, split_depth;
	/* small: parts of an image, one block each */
	uint32_t samples, parts;
	uint32_t blocks; /* 0: not wanted */
	/* [splits][groups][rows][columns] if there is more than one split */
	float *partial;
};

/* The buffers of one call. saved is NULL if there is no backward. */
struct conv_buffers {
	const void *in;
	const float *weight, *bias;
	void *out;
	uint8_t *saved;
	const void *grad_out;
	void *grad_in;
	float *grad_weight, *grad_bias;
};

/* --- on the host: conv-shape.c ---------------------------------------------------- */

#ifdef __cplusplus
extern "C" {
#endif

/* *s = the run's shape; in_layout is its input's layout. Returns 0 if the kernels do
 * not support the run. */
int conv_shape_read(struct conv_shape *s, const struct cnn_run *, uint32_t in_layout);
/* *job = the product for this many samples. Returns 0 if it is too large to count. */
int conv_job_make(struct conv_job *job, const struct conv_shape *, enum conv_product,
    uint32_t samples);
/* Elements of job->partial. */
size_t conv_partial_count(const struct conv_shape *, const struct conv_job *);

/* Shared memory of a block whose plane has this many rows: the plane and two panels of
 * weights, or the sums. */
static inline size_t conv_resident_bytes(const struct conv_shape *s,
    uint32_t plane_rows)
{
	const size_t plane = (size_t)plane_rows * (s->o + CONV_PLANE_GAP) * 2 +
	    2 * 32 * 40 * 2;
	const size_t sums = CONV_RESIDENT_ROWS * (32 + 4) * sizeof(float);

	return plane > sums ? plane : sums;
}

/* Shared memory of a block whose view has this many pixels: weights and the view, or
 * sums. */
static inline size_t conv_small_bytes(const struct conv_shape *s, size_t pixels)
{
	const size_t weights = (size_t)s->patch * ((s->o + 7) / 8 * 8);
	const size_t sums = ((size_t)s->patch + 1) * CONV_SMALL_THREADS;

	return ((weights > sums ? weights : sums) + s->c * pixels) * sizeof(float);
}

/* --- the launches: conv-forward.cu, conv-backward.cu, conv-small.cu --------------- */

/* Computes out and saved. Returns a cudaError_t. */
int native_conv_forward(void *queue, const struct conv_shape *, const struct conv_job *,
    const struct conv_buffers *);
/* Computes grad_weight and grad_bias, and grad_in if `input` has blocks. */
int native_conv_backward(void *queue, const struct conv_shape *,
    const struct conv_job *weight, const struct conv_job *input,
    const struct conv_buffers *);

/* Likewise, for jobs of the small method. */
int native_conv_small_forward(void *queue, const struct conv_shape *,
    const struct conv_job *, const struct conv_buffers *);
int native_conv_small_weight(void *queue, const struct conv_shape *,
    const struct conv_job *, const struct conv_buffers *);

#ifdef __cplusplus
}
#endif

#endif
