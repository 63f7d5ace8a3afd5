/* conv-gather.h - gathers the operands of conv.h's products from their tensors, one
 * vector (16 bytes) at a time: forward's operands, and the weights for the input's
 * gradient. conv-gradients.h has the rest.
 *
 * Each struct is one operand as one thread sees it. start() computes what does not
 * depend on k. fetch(s, k) sets x to the thread's vectors of the chunk at k. Elements
 * outside of a tensor, and outside of the operand, are 0 and are not read. Vectors are
 * read whole if the channels of a group are a whole number of vectors, else element by
 * element.
 */
#ifndef NATIVE_CONV_GATHER_H
#define NATIVE_CONV_GATHER_H

#include "conv-tile.h"

/* A coordinate that stays outside of any image wherever a kernel moves it: all sizes
 * are below 2^30 (conv_shape_read). Coordinates left of an image are negative, which is
 * very large as unsigned. */
#define CONV_OUTSIDE 0xc0000000u

/* --- places ----------------------------------------------------------------------- */

/* Pixel number `row` of the output, counted window by window: its index e in its
 * window, its sample n, and its place in conv, if it is inside. */
struct out_place {
	uint32_t window, e, n, y, x, inside;
};

static __device__ inline struct out_place out_place_of(const struct conv_shape &s,
    uint32_t row)
{
	struct out_place p = { row, 0, 0, 0, 0, 0 };
	uint32_t ey = 0, ex = 0, rest, py;

	if (s.area > 1) {
		p.window = divide(row, s.by_area);
		p.e = row - p.window * s.area;
		ey = divide(p.e, s.by_window_w);
		ex = p.e - ey * s.window[1];
	}
	p.n = divide(p.window, s.by_windows);
	rest = p.window - p.n * s.by_windows.by;
	py = divide(rest, s.by_pw);
	p.y = py * s.window_stride[0] + ey - s.window_padding[0];
	p.x = (rest - py * s.pw) * s.window_stride[1] + ex - s.window_padding[1];
	p.inside = p.y < s.oh && p.x < s.ow;
	return p;
}

/* Element k of a patch of `channels` channels: the offset of the kernel's place in the
 * window, and the channel. `tap` numbers the kernel's places. */
struct patch_place {
	uint32_t tap, dy, dx, channel;
};

static __device__ inline struct patch_place patch_place_of(const struct conv_shape &s,
    uint32_t k, const struct conv_divisor &channels)
{
	struct patch_place p;
	uint32_t i;

	p.tap = divide(k, channels);
	p.channel = k - p.tap * channels.by;
	i = divide(p.tap, s.by_kernel_w);
	p.dy = i * s.dilation[0];
	p.dx = (p.tap - i * s.kernel[1]) * s.dilation[1];
	return p;
}

/* The beginning of an output pixel's window in the input. */
template <typename T> struct origin {
	const T *image;
	uint32_t y, x;

	__device__ inline void set(const struct conv_shape &s, const T *in,
	    uint32_t group, uint32_t row, bool there)
	{
		struct out_place p = out_place_of(s, there ? row : 0);

		image = in + (size_t)p.n * s.in_image +
		    (size_t)group * s.c * s.in_channel;
		there = there && p.inside;
		y = there ? p.y * s.stride[0] - s.padding[0] : CONV_OUTSIDE;
		x = p.x * s.stride[1] - s.padding[1];
	}

	__device__ inline const T *find(const struct conv_shape &s,
	    const struct patch_place &p, bool *there) const
	{
		const uint32_t yy = y + p.dy, xx = x + p.dx;

		*there = yy < s.h && xx < s.w;
		return image +
		    (yy * s.in_row + xx * s.in_pixel + p.channel * s.in_channel);
	}
};

/* --- the input's patches ---------------------------------------------------------- */

/* Rows are the output's pixels; k runs over the patch. */
template <typename T> struct patches_along_k {
	typedef ::panel<T, CONV_ROWS, true> panel;
	vector x[panel::slots];
	struct origin<T> at[panel::slots];

	__device__ inline void start(const struct conv_shape &s,
	    const struct conv_job &job, const void *in, const struct tile &t)
	{
#pragma unroll
		for (int i = 0; i < panel::slots; i++) {
			const uint32_t line = panel::line(i), row = t.row + line;

			at[i].set(s, (const T *)in, t.group, row,
			    line < job.tile_rows && row < job.rows);
		}
	}

	__device__ inline void fetch_vectors(const struct conv_shape &s, uint32_t k)
	{
		const struct patch_place p = patch_place_of(s, k, s.by_c);
		bool there;

#pragma unroll
		for (int i = 0; i < panel::slots; i++) {
			const T *from = at[i].find(s, p, &there);

			x[i] = there && k < s.patch ? *(const vector *)from : vector();
		}
	}

	__device__ inline void fetch_elements(const struct conv_shape &s, uint32_t k)
	{
		typename wide<T>::type v[panel::slots];
		bool there;

#pragma unroll
		for (int j = 0; j < chunk<T>::vector; j++) {
			const struct patch_place p = patch_place_of(s, k + j, s.by_c);

#pragma unroll
			for (int i = 0; i < panel::slots; i++) {
				const T *from = at[i].find(s, p, &there);

				v[i].x[j] = there && k + j < s.patch ? *from :
								       from_float<T>(0);
			}
		}
#pragma unroll
		for (int i = 0; i < panel::slots; i++)
			x[i] = packed<T>(v[i]);
	}

	__device__ inline void fetch(const struct conv_shape &s, uint32_t k)
	{
		if (s.vector_c)
			fetch_vectors(s, k + panel::place());
		else
			fetch_elements(s, k + panel::place());
	}
};

/* --- the weights ------------------------------------------------------------------ */

/* A vector of weights in T: the first `count` of them, and zeros. */
template <typename T> static __device__ inline vector weights_of(const float *p)
{
	typename wide<T>::type v;

#pragma unroll
	for (int j = 0; j < chunk<T>::vector; j += 4) {
		const pack<float, 4> four = *(const pack<float, 4> *)(p + j);

#pragma unroll
		for (int l = 0; l < 4; l++)
			v.x[j + l] = from_float<T>(four.x[l]);
	}
	return packed<T>(v);
}

template <typename T>
static __device__ inline vector weights_of(const float *p, uint32_t count)
{
	typename wide<T>::type v;

#pragma unroll
	for (int j = 0; j < chunk<T>::vector; j++)
		v.x[j] = from_float<T>(j < (int)count ? p[j] : 0);
	return packed<T>(v);
}

/* Columns are the output's channels; k runs over the patch. */
template <typename T, int N> struct weights_along_k {
	typedef ::panel<T, N, true> panel;
	vector x[panel::slots];
	const float *row[panel::slots]; /* of the weights; NULL if there is none */

	__device__ inline void start(const struct conv_shape &s, const float *weight,
	    const struct tile &t)
	{
#pragma unroll
		for (int i = 0; i < panel::slots; i++) {
			const uint32_t o = t.column + panel::line(i);

			row[i] = o < s.o ?
			    weight + (size_t)(t.group * s.o + o) * s.patch :
			    NULL;
		}
	}

	__device__ inline void fetch(const struct conv_shape &s, uint32_t k)
	{
		k += panel::place();
#pragma unroll
		for (int i = 0; i < panel::slots; i++) {
			x[i] = vector();
			if (!row[i] || k >= s.patch)
				continue;
			x[i] = s.vector_c ? weights_of<T>(row[i] + k) :
					    weights_of<T>(row[i] + k, s.patch - k);
		}
	}
};

/* Columns are the input's channels; k runs over the kernel's places and their output
 * channels. */
template <typename T, int N> struct weights_along_columns {
	typedef ::panel<T, N, false> panel;
	vector x[panel::slots];
	const float *weight; /* of the group and column */
	uint32_t column;

	__device__ inline void start(const struct conv_shape &s, const float *weights,
	    const struct tile &t)
	{
		column = t.column + panel::place();
		weight = weights + (size_t)t.group * s.o * s.patch + column;
	}

	__device__ inline void fetch(const struct conv_shape &s, uint32_t k)
	{
		const uint32_t taps = s.kernel[0] * s.kernel[1];

#pragma unroll
		for (int i = 0; i < panel::slots; i++) {
			const uint32_t row = k + panel::line(i),
				       tap = divide(row, s.by_o);
			const float *from = weight +
			    ((row - tap * s.o) * taps + tap) * s.c;

			x[i] = vector();
			if (tap >= taps || column >= s.c)
				continue;
			x[i] = s.vector_c ? weights_of<T>(from) :
					    weights_of<T>(from, s.c - column);
		}
	}
};

#endif
