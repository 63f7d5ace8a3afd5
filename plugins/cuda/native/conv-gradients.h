/* conv-gradients.h - backward's operands: conv's gradient, derived from out's, and the
 * input's patches with pixels along k. See conv-gather.h. */
#ifndef NATIVE_CONV_GRADIENTS_H
#define NATIVE_CONV_GRADIENTS_H

#include "conv-gather.h"

/* --- the output's gradient -------------------------------------------------------- */

/* conv's gradient from out's: element `at` of out, for index e in its window. */
template <typename T>
static __device__ inline T gradient(const struct conv_shape &s,
    const struct conv_buffers &b, size_t at, uint32_t e)
{
	if (s.pooled ? b.saved[at] != e :
		       s.relu && to_float(((const T *)b.out)[at]) <= 0)
		return from_float<T>(0);
	return ((const T *)b.grad_out)[at];
}

/* v with zeros in place of the elements that are not kept. */
template <typename T>
static __device__ inline vector only(vector v, const bool (&keep)[chunk<T>::vector])
{
#pragma unroll
	for (int i = 0; i < 4; i++)
		if (sizeof(T) == 4)
			v.x[i] = keep[i] ? v.x[i] : 0;
		else
			v.x[i] &= (keep[i * 2 % chunk<T>::vector] ? 0xffffu : 0) |
			    (keep[(i * 2 + 1) % chunk<T>::vector] ? 0xffff0000u : 0);
	return v;
}

template <typename T>
static __device__ inline vector gradients(const struct conv_shape &s,
    const struct conv_buffers &b, size_t at, uint32_t e)
{
	const int count = chunk<T>::vector;
	const vector v = *(const vector *)((const T *)b.grad_out + at);
	bool keep[count];

	if (s.pooled) {
		const pack<uint32_t, count / 4> places = *(
		    const pack<uint32_t, count / 4> *)(b.saved + at);

#pragma unroll
		for (int j = 0; j < count; j++)
			keep[j] = (places.x[j / 4] >> j % 4 * 8 & 255) == e;
		return only<T>(v, keep);
	}
	if (s.relu) {
		const typename wide<T>::type out = unpacked<T>(
		    *(const vector *)((const T *)b.out + at));

#pragma unroll
		for (int j = 0; j < count; j++)
			keep[j] = !(to_float(out.x[j]) <= 0);
		return only<T>(v, keep);
	}
	return v;
}

/* Rows are the input's pixels; k runs over the kernel's places and their output
 * channels. */
template <typename T> struct gradients_along_k {
	typedef ::panel<T, CONV_ROWS, true> panel;
	vector x[panel::slots];
	const struct conv_buffers *buffers;
	uint32_t group, n[panel::slots], y0[panel::slots], x0[panel::slots];

	__device__ inline void start(const struct conv_shape &s,
	    const struct conv_job &job, const struct conv_buffers &b,
	    const struct tile &t)
	{
		buffers = &b;
		group = t.group;
#pragma unroll
		for (int i = 0; i < panel::slots; i++) {
			const bool there = t.row + panel::line(i) < job.rows;
			const uint32_t row = there ? t.row + panel::line(i) : 0;
			uint32_t rest, y;

			n[i] = divide(row, s.by_image);
			rest = row - n[i] * s.by_image.by;
			y = divide(rest, s.by_w);
			y0[i] = there ? y + s.padding[0] : CONV_OUTSIDE;
			x0[i] = rest - y * s.w + s.padding[1];
		}
	}

	/* Finds the pixel of conv that reads slot i's pixel at this place of the
	 * kernel. *at = its element of out at channel 0, *e = its index in the window.
	 * False if there is none. */
	__device__ inline bool find(const struct conv_shape &s, int i,
	    const struct patch_place &p, size_t *at, uint32_t *e) const
	{
		const uint32_t ty = y0[i] - p.dy, tx = x0[i] - p.dx;
		uint32_t oy = divide(ty, s.by_stride[0]),
			 ox = divide(tx, s.by_stride[1]);
		bool there = (int32_t)ty >= 0 && (int32_t)tx >= 0 &&
		    oy * s.stride[0] == ty && ox * s.stride[1] == tx && oy < s.oh &&
		    ox < s.ow;

		*e = 0;
		if (s.pooled) {
			const uint32_t y = oy + s.window_padding[0];
			const uint32_t x = ox + s.window_padding[1];
			uint32_t ey, ex;

			oy = divide(y, s.by_window_stride[0]);
			ox = divide(x, s.by_window_stride[1]);
			ey = y - oy * s.window_stride[0];
			ex = x - ox * s.window_stride[1];
			there = there && ey < s.window[0] && ex < s.window[1] &&
			    oy < s.ph && ox < s.pw;
			*e = ey * s.window[1] + ex;
		}
		*at = (size_t)((n[i] * s.ph + oy) * s.pw + ox) * s.out_pixel +
		    group * s.o;
		return there;
	}

	__device__ inline void fetch_vectors(const struct conv_shape &s, uint32_t k,
	    bool inside)
	{
		const struct patch_place p = patch_place_of(s, k, s.by_o);
		uint32_t e;
		size_t at;

#pragma unroll
		for (int i = 0; i < panel::slots; i++)
			x[i] = find(s, i, p, &at, &e) && inside ?
			    gradients<T>(s, *buffers, at + p.channel, e) :
			    vector();
	}

	__device__ inline void fetch_elements(const struct conv_shape &s, uint32_t k,
	    uint32_t depth)
	{
		typename wide<T>::type v[panel::slots];
		uint32_t e;
		size_t at;

#pragma unroll
		for (int j = 0; j < chunk<T>::vector; j++) {
			const struct patch_place p = patch_place_of(s, k + j, s.by_o);

#pragma unroll
			for (int i = 0; i < panel::slots; i++)
				v[i].x[j] = find(s, i, p, &at, &e) && k + j < depth ?
				    gradient<T>(s, *buffers, at + p.channel, e) :
				    from_float<T>(0);
		}
#pragma unroll
		for (int i = 0; i < panel::slots; i++)
			x[i] = packed<T>(v[i]);
	}

	__device__ inline void fetch(const struct conv_shape &s, uint32_t k)
	{
		const uint32_t depth = s.o * s.kernel[0] * s.kernel[1];

		k += panel::place();
		if (s.vector_o)
			fetch_vectors(s, k, k < depth);
		else
			fetch_elements(s, k, depth);
	}
};

/* Rows are the output's channels; k runs over its pixels. */
template <typename T> struct gradients_along_rows {
	typedef ::panel<T, CONV_ROWS, false> panel;
	vector x[panel::slots];
	const struct conv_buffers *buffers;
	uint32_t channel, count, first, end; /* first, count: of the group */

	__device__ inline void start(const struct conv_shape &s,
	    const struct conv_job &job, const struct conv_buffers &b,
	    const struct tile &t)
	{
		buffers = &b;
		channel = t.row + panel::place();
		count = s.o;
		first = t.group * s.o;
		end = job.depth;
	}

	__device__ inline vector elements_of(const struct conv_shape &s, size_t at,
	    uint32_t e) const
	{
		typename wide<T>::type v;

#pragma unroll
		for (int j = 0; j < chunk<T>::vector; j++)
			v.x[j] = channel + j < count ?
			    gradient<T>(s, *buffers, at + j, e) :
			    from_float<T>(0);
		return packed<T>(v);
	}

	__device__ inline void fetch(const struct conv_shape &s, uint32_t k)
	{
#pragma unroll
		for (int i = 0; i < panel::slots; i++) {
			const uint32_t row = k + panel::line(i);
			uint32_t window = row, e = 0;
			size_t at;

			x[i] = vector();
			if (row >= end || channel >= count)
				continue;
			if (s.area > 1) {
				window = divide(row, s.by_area);
				e = row - window * s.area;
			}
			at = (size_t)window * s.out_pixel + first + channel;
			x[i] = s.vector_o ? gradients<T>(s, *buffers, at, e) :
					    elements_of(s, at, e);
		}
	}
};

/* --- the input's patches ---------------------------------------------------------- */

/* Columns run over the patch, followed by a column of ones if there is a bias; k runs
 * over the output's pixels. */
template <typename T, int N> struct patches_along_columns {
	typedef ::panel<T, N, false> panel;
	vector x[panel::slots];
	const T *in;
	uint32_t group, column, end;
	struct patch_place place; /* of column, if vectors are whole */

	__device__ inline void start(const struct conv_shape &s,
	    const struct conv_job &job, const void *input, const struct tile &t)
	{
		in = (const T *)input;
		group = t.group;
		column = t.column + panel::place();
		end = job.depth;
		place = patch_place_of(s, column, s.by_c);
	}

	/* An element of column `at` after the patch; `row`: the row exists. */
	static __device__ inline T beside(const struct conv_shape &s, uint32_t at,
	    bool row)
	{
		return from_float<T>(s.bias && at == s.patch && row ? 1 : 0);
	}

	__device__ inline vector vector_of(const struct conv_shape &s,
	    const struct origin<T> &o, bool row) const
	{
		bool there;
		const T *from = o.find(s, place, &there);
		typename wide<T>::type v = unpacked<T>(vector());

		if (column < s.patch)
			return there ? *(const vector *)from : vector();
		v.x[0] = beside(s, column, row);
		return packed<T>(v);
	}

	__device__ inline vector elements_of(const struct conv_shape &s,
	    const struct origin<T> &o, bool row) const
	{
		typename wide<T>::type v;

#pragma unroll
		for (int j = 0; j < chunk<T>::vector; j++) {
			const uint32_t at = column + j;
			bool there;
			const T *from =
			    o.find(s, patch_place_of(s, at, s.by_c), &there);

			v.x[j] = at >= s.patch ? beside(s, at, row) :
			    there	       ? *from :
						 from_float<T>(0);
		}
		return packed<T>(v);
	}

	__device__ inline void fetch(const struct conv_shape &s, uint32_t k)
	{
#pragma unroll
		for (int i = 0; i < panel::slots; i++) {
			const uint32_t row = k + panel::line(i);
			struct origin<T> o;

			o.set(s, in, group, row, row < end);
			x[i] = s.vector_c ? vector_of(s, o, row < end) :
					    elements_of(s, o, row < end);
		}
	}
};

#endif
