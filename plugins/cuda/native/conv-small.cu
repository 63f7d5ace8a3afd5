/* conv-small.cu - a first layer's convolution, whose patches are too small for tensor
 * cores: 9, 25 or 27 elements, like 3x3 or 5x5 of one channel or 3x3 of three.
 *
 *   out[n][y][x][o] = bias[o] + sum over k of weight[o][k]
 *                     view[first(y, x) + place[k]]
 *   grad_weight[o][k] = sum over n, y, x of grad_conv[n][y][x][o]
 *                       view[first(y, x) + place[k]];   grad_bias: with 1 for view
 * view (C,VH,VW) is one image with its padding, in float in shared memory. first is the
 * first element of a window. With pooling, backward adds one pixel per window: the one
 * that was its largest. A block has one image or one of its `parts`. Weights are
 * rounded to T; products and sums are float.
 */
#include "conv-result.h"

#define WARPS (CONV_SMALL_THREADS / WARP)
#define OUTPUTS 8 /* channels that a thread computes at once */
#define PIXELS 4  /* and pixels: of a window, or neighbours */
#define AHEAD 4	  /* windows that backward reads at once */

/* view = image n. Does not synchronise the block. */
template <typename T>
static __device__ inline void fill_view(const struct conv_shape &s, const void *in,
    uint32_t n, float *view)
{
	const T *image = (const T *)in + (size_t)n * s.in_image;

	for (uint32_t i = threadIdx.x; i < s.c * s.view_h * s.view_w;
	     i += CONV_SMALL_THREADS) {
		const uint32_t row = i / s.view_w, channel = row / s.view_h;
		const uint32_t y = row - channel * s.view_h - s.padding[0];
		const uint32_t x = i - row * s.view_w - s.padding[1];

		view[i] = y < s.h && x < s.w ?
		    to_float(
			image[y * s.in_row + x * s.in_pixel + channel * s.in_channel]) :
		    0;
	}
}

/* place[k] = the offset in view of element k of a patch from its first element. */
template <int PATCH>
static __device__ inline void set_places(const struct conv_shape &s,
    uint32_t (&place)[PATCH])
{
	uint32_t row = 0, j = 0, channel = 0;

#pragma unroll
	for (int k = 0; k < PATCH; k++) {
		place[k] = channel * s.view_h * s.view_w + row + j * s.dilation[1];
		channel++;
		j += channel == s.c;
		channel = channel == s.c ? 0 : channel;
		row += j == s.kernel[1] ? s.dilation[0] * s.view_w : 0;
		j = j == s.kernel[1] ? 0 : j;
	}
}

/* The offset in view of the patch of conv's pixel (y,x). */
static __device__ inline uint32_t first_of(const struct conv_shape &s, uint32_t y,
    uint32_t x)
{
	return y * s.stride[0] * s.view_w + x * s.stride[1];
}

/* The work of one block: windows (pixels, without pooling) begin .. end - 1 of image
 * n. */
struct share {
	uint32_t n, begin, end;
};

static __device__ inline struct share share_of(const struct conv_shape &s,
    const struct conv_job &job, uint32_t unit)
{
	const uint32_t part = unit % job.parts, windows = s.by_windows.by;
	const uint32_t each = ((windows + job.parts - 1) / job.parts + PIXELS - 1) /
	    PIXELS * PIXELS;
	struct share p = { unit / job.parts, part * each, 0 };

	p.end = min(p.begin + each, windows);
	return p;
}

/* --- forward ---------------------------------------------------------------------- */

/* The sums of PIXELS pixels and OUTPUTS channels. weights (PATCH,outputs). */
template <int PATCH>
static __device__ inline void add_patches(const float *view,
    const uint32_t (&first)[PIXELS], const uint32_t (&place)[PATCH],
    const float *weights, uint32_t outputs, float (&sum)[PIXELS][OUTPUTS])
{
#pragma unroll
	for (int e = 0; e < PIXELS; e++)
#pragma unroll
		for (int o = 0; o < OUTPUTS; o++)
			sum[e][o] = 0;
#pragma unroll
	for (int k = 0; k < PATCH; k++) {
		const pack<float, 4> *w = (const pack<float, 4> *)&weights[k * outputs];
		const pack<float, 4> low = w[0], high = w[1];
		const float *from = &view[place[k]];

#pragma unroll
		for (int e = 0; e < PIXELS; e++) {
			const float x = from[first[e]];

#pragma unroll
			for (int o = 0; o < 4; o++) {
				sum[e][o] += low.x[o] * x;
				sum[e][o + 4] += high.x[o] * x;
			}
		}
	}
}

/* Stores eight channels, or the first `count` of them. */
template <typename T>
static __device__ inline void store(T *to, const T (&x)[OUTPUTS], bool whole,
    uint32_t count)
{
	pack<T, OUTPUTS> all;

#pragma unroll
	for (int o = 0; o < OUTPUTS; o++) {
		all.x[o] = x[o];
		if (!whole && o < (int)count)
			to[o] = x[o];
	}
	if (whole)
		*(pack<T, OUTPUTS> *)to = all;
}

/* Stores a window's largest, like put_window() of conv-forward.cu. `inside` has one bit
 * per pixel. */
template <typename T>
static __device__ inline void put_largest(const struct conv_shape &s,
    const struct conv_buffers &b, size_t at, uint32_t o, uint32_t inside,
    const float (&sum)[PIXELS][OUTPUTS])
{
	const uint32_t count = s.o - o;
	const bool whole = s.o % OUTPUTS == 0;
	uint8_t places[OUTPUTS];
	T out[OUTPUTS];

#pragma unroll
	for (int i = 0; i < OUTPUTS; i++) {
		const float bias = s.bias && i < (int)count ? b.bias[o + i] : 0;
		float best = 0;

		places[i] = CONV_DEAD;
#pragma unroll
		for (int e = 0; e < PIXELS; e++) {
			const float x = to_float(from_float<T>(sum[e][i] + bias));

			if (inside >> e & 1 && (x > best || x != x)) {
				best = x;
				places[i] = (uint8_t)e;
			}
		}
		out[i] = from_float<T>(best);
	}
	store((T *)b.out + at + o, out, whole, count);
	if (b.saved)
		store(b.saved + at + o, places, whole, count);
}

template <typename T>
static __device__ inline void put_pixels(const struct conv_shape &s,
    const struct conv_buffers &b, size_t at, uint32_t o, uint32_t inside,
    const float (&sum)[PIXELS][OUTPUTS])
{
	const uint32_t count = s.o - o;

#pragma unroll
	for (int e = 0; e < PIXELS; e++) {
		T out[OUTPUTS];

#pragma unroll
		for (int i = 0; i < OUTPUTS; i++) {
			float x = sum[e][i] +
			    (s.bias && i < (int)count ? b.bias[o + i] : 0);

			if (s.relu)
				x = x <= 0 ? 0 : x;
			out[i] = from_float<T>(x);
		}
		if (inside >> e & 1)
			store((T *)b.out + at + e * s.out_pixel + o, out,
			    s.o % OUTPUTS == 0, count);
	}
}

/* The pixels of one thread: of window p.begin + i, or four pixels from p.begin + 4
 * i. */
template <typename T, int PATCH>
static __device__ inline void make_pixels(const struct conv_shape &s,
    const struct conv_buffers &b, const struct share &p, uint32_t i, uint32_t o,
    const float *view, const float *weights, uint32_t outputs,
    const uint32_t (&place)[PATCH])
{
	const uint32_t window = p.begin + (s.pooled ? i : i * PIXELS);
	const size_t at = (size_t)(p.n * s.by_windows.by + window) * s.out_pixel;
	float sum[PIXELS][OUTPUTS];
	uint32_t first[PIXELS], inside = 0;

#pragma unroll
	for (int e = 0; e < PIXELS; e++) {
		const uint32_t pixel = window + (s.pooled ? 0 : e),
			       py = divide(pixel, s.by_pw);
		const uint32_t ey = s.pooled ? divide(e, s.by_window_w) : 0;
		const uint32_t ex = s.pooled ? e - ey * s.window[1] : 0;
		const uint32_t y = py * s.window_stride[0] + ey - s.window_padding[0];
		const uint32_t x = (pixel - py * s.pw) * s.window_stride[1] + ex -
		    s.window_padding[1];
		const bool there = y < s.oh && x < s.ow && pixel < p.end;

		first[e] = there ? first_of(s, y, x) : 0;
		inside |= (uint32_t)there << e;
	}
	add_patches<PATCH>(view, first, place, weights + o, outputs, sum);
	if (s.pooled)
		put_largest<T>(s, b, at, o, inside, sum);
	else
		put_pixels<T>(s, b, at, o, inside, sum);
}

template <typename T, int PATCH>
static __global__ void __launch_bounds__(CONV_SMALL_THREADS)
    conv_small_forward(const struct conv_shape s, const struct conv_job job,
	const struct conv_buffers b)
{
	const uint32_t octets = (s.o + OUTPUTS - 1) / OUTPUTS,
		       outputs = octets * OUTPUTS;
	const struct share p = share_of(s, job, blockIdx.x);
	const uint32_t count = p.begin < p.end ? p.end - p.begin : 0;
	const uint32_t items = s.pooled ? count : (count + PIXELS - 1) / PIXELS;
	float *weights = (float *)shared, *view = weights + PATCH * outputs;
	uint32_t place[PATCH];

	for (uint32_t i = threadIdx.x; i < PATCH * outputs; i += CONV_SMALL_THREADS) {
		const uint32_t k = i / outputs, o = i - k * outputs;

		weights[i] =
		    o < s.o ? to_float(from_float<T>(b.weight[o * PATCH + k])) : 0;
	}
	fill_view<T>(s, b.in, p.n, view);
	set_places(s, place);
	__syncthreads();
	for (uint32_t i = threadIdx.x; i < items * octets; i += CONV_SMALL_THREADS) {
		const uint32_t item = i / octets, o = (i - item * octets) * OUTPUTS;

		make_pixels<T, PATCH>(s, b, p, item, o, view, weights, outputs, place);
	}
}

/* --- backward --------------------------------------------------------------------- */

/* The gradient of channel o at a window, and the first element of the patch that it
 * belongs to. */
struct contribution {
	float g;
	uint32_t first;
};

template <typename T>
static __device__ inline struct contribution contribution_of(const struct conv_shape &s,
    const struct conv_buffers &b, uint32_t n, uint32_t window, uint32_t o)
{
	const size_t at = (size_t)(n * s.by_windows.by + window) * s.out_pixel + o;
	const uint32_t py = divide(window, s.by_pw);
	struct contribution c = { to_float(((const T *)b.grad_out)[at]), 0 };
	uint32_t y = py * s.window_stride[0] - s.window_padding[0];
	uint32_t x = (window - py * s.pw) * s.window_stride[1] - s.window_padding[1];

	if (s.pooled) {
		const uint32_t e = b.saved[at], ey = divide(e, s.by_window_w);

		if (e == CONV_DEAD) {
			c.g = 0;
			return c;
		}
		y += ey;
		x += e - ey * s.window[1];
	} else if (s.relu && to_float(((const T *)b.out)[at]) <= 0) {
		c.g = 0;
	}
	c.first = first_of(s, y, x);
	return c;
}

/* Adds every eighth window of the share to sum, from `warp` on. The last element of sum
 * adds the gradients themselves. Several windows are read ahead to hide the latency of
 * memory. */
template <typename T, int PATCH>
static __device__ inline void add_share(const struct conv_shape &s,
    const struct conv_buffers &b, const struct share &p, uint32_t warp, uint32_t o,
    const float *view, const uint32_t (&place)[PATCH], float (&sum)[PATCH + 1])
{
	for (uint32_t i = p.begin + warp; i < p.end; i += WARPS * AHEAD) {
		struct contribution c[AHEAD];

#pragma unroll
		for (int l = 0; l < AHEAD; l++) {
			c[l].g = 0;
			c[l].first = 0;
			if (i + l * WARPS < p.end)
				c[l] = contribution_of<T>(s, b, p.n, i + l * WARPS, o);
		}
#pragma unroll
		for (int l = 0; l < AHEAD; l++) {
#pragma unroll
			for (int k = 0; k < PATCH; k++)
				sum[k] += c[l].g * view[c[l].first + place[k]];
			sum[PATCH] += c[l].g;
		}
	}
}

/* Adds the sums of a block's warps in order. all (WARPS,PATCH+1,WARP). */
template <int PATCH>
static __device__ inline void put_sums(const struct conv_shape &s,
    const struct conv_job &job, const struct conv_buffers &b, uint32_t split,
    uint32_t o0, const float *all)
{
	for (uint32_t i = threadIdx.x; i < WARP * job.columns;
	     i += CONV_SMALL_THREADS) {
		const uint32_t o = i / job.columns, k = i - o * job.columns;
		float sum = 0;

		if (o0 + o >= s.o)
			continue;
#pragma unroll
		for (int warp = 0; warp < WARPS; warp++)
			sum += all[(warp * (PATCH + 1) + k) * WARP + o];
		if (job.splits == 1)
			weight_result::put(s, b, 0, o0 + o, k, sum);
		else
			job.partial[((size_t)split * job.rows + o0 + o) * job.columns +
			    k] = sum;
	}
}

/* A lane has one of 32 channels, a warp every eighth window. */
template <typename T, int PATCH>
static __global__ void __launch_bounds__(CONV_SMALL_THREADS)
    conv_small_weight(const struct conv_shape s, const struct conv_job job,
	const struct conv_buffers b)
{
	const uint32_t lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
	const uint32_t split = blockIdx.x / job.row_tiles;
	const uint32_t o0 = (blockIdx.x - split * job.row_tiles) * WARP;
	float *all = (float *)shared, *view = all + WARPS * (PATCH + 1) * WARP;
	uint32_t place[PATCH];
	float sum[PATCH + 1] = { 0 };

	set_places(s, place);
	for (uint32_t unit = split; unit < job.samples * job.parts;
	     unit += job.splits) {
		const struct share p = share_of(s, job, unit);

		__syncthreads();
		fill_view<T>(s, b.in, p.n, view);
		__syncthreads();
		if (o0 + lane < s.o)
			add_share<T, PATCH>(s, b, p, warp, o0 + lane, view, place, sum);
	}
#pragma unroll
	for (int k = 0; k <= PATCH; k++)
		all[(warp * (PATCH + 1) + k) * WARP + lane] = sum[k];
	__syncthreads();
	put_sums<PATCH>(s, job, b, split, o0, all);
}

/* --- the launches ----------------------------------------------------------------- */

template <typename T, int PATCH>
static int launch_forward(void *queue, const struct conv_shape *s,
    const struct conv_job *job, const struct conv_buffers *b)
{
	return LAUNCH((conv_small_forward<T, PATCH>), job->blocks, CONV_SMALL_THREADS,
	    conv_small_bytes(s, s->view_h * s->view_w), queue, *s, *job, *b);
}

template <typename T, int PATCH>
static int launch_weight(void *queue, const struct conv_shape *s,
    const struct conv_job *job, const struct conv_buffers *b)
{
	int error = LAUNCH((conv_small_weight<T, PATCH>), job->blocks,
	    CONV_SMALL_THREADS, conv_small_bytes(s, s->view_h * s->view_w), queue, *s,
	    *job, *b);

	return error || job->splits == 1 ? error :
					   finish<weight_result>(queue, s, job, b);
}

#define BY_PATCH(T, CALL) \
	(s->patch == 9	       ? CALL<T, 9>(queue, s, job, b) : \
		s->patch == 25 ? CALL<T, 25>(queue, s, job, b) : \
				 CALL<T, 27>(queue, s, job, b))

extern "C" int native_conv_small_forward(void *queue, const struct conv_shape *s,
    const struct conv_job *job, const struct conv_buffers *b)
{
#define FORWARD(T) BY_PATCH(T, launch_forward)
	return BY_DTYPE(s->dtype, FORWARD);
}

extern "C" int native_conv_small_weight(void *queue, const struct conv_shape *s,
    const struct conv_job *job, const struct conv_buffers *b)
{
#define WEIGHT(T) BY_PATCH(T, launch_weight)
	return BY_DTYPE(s->dtype, WEIGHT);
}
