/* pool.cu - maxpool2d and avgpool2d.
 *
 * in (N,C,H,W), out (N,C,OH,OW), both NCHW or both NHWC. A thread processes one element
 * or, in NHWC with suitable channels, 16 bytes of neighbouring channels. Backward
 * gathers: each thread finds the windows that contain an element of the input and adds
 * their contributions in order, so that no two threads add to one element. These loops
 * are short and not worth unrolling.
 */
#include "gpu.h"
#include "kernels.h"

#define BLOCK 256
#define MAX_GRID_Y 65535

typedef struct native_pool shape;

/* --- the work of a thread -----------------------------------------------------
 * The grid is (packs of a sample, samples), so places within a sample need no more
 * than 32 bits. */

static dim3 block_of(uint32_t items)
{
	unsigned x = WARP;

	while (x < items && x < BLOCK)
		x *= 2;
	return dim3(x, BLOCK / x);
}

static dim3 grid_of(uint32_t items, uint32_t samples)
{
	const dim3 block = block_of(items);
	const unsigned y = (samples + block.y - 1) / block.y;

	return dim3(blocks_of(items, block.x), y < MAX_GRID_Y ? y : MAX_GRID_Y);
}

#define EACH_SAMPLE(n, samples) \
	for (size_t n = blockIdx.y * blockDim.y + threadIdx.y; n < (samples); \
	     n += gridDim.y * blockDim.y)
#define EACH_ITEM(i, items) \
	for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < (items); \
	     i += gridDim.x * blockDim.x)

/* Pack i of an image of height h and width w. */
struct place {
	uint32_t c, y, x;
};

template <int V>
static __device__ struct place place_of(const shape *s, uint32_t i, uint32_t h,
    uint32_t w)
{
	const uint32_t packs = s->c / V;
	struct place p;

	if (s->is_nhwc) {
		p.c = i % packs * V;
		p.x = i / packs % w;
		p.y = i / packs / w;
	} else {
		p.x = i % w;
		p.y = i / w % h;
		p.c = i / w / h;
	}
	return p;
}

/* The index in a sample of channel c of pixel (y, x). */
static __device__ uint32_t index_of(const shape *s, uint32_t c, uint32_t y, uint32_t x,
    uint32_t h, uint32_t w)
{
	return s->is_nhwc ? (y * w + x) * s->c + c : (c * h + y) * w + x;
}

/* Writes the pack at element `at`, a multiple of V. (Indexing by packs lets the
 * compiler write it whole.) */
template <typename T, int V> static __device__ void put(T *out, size_t at, pack<T, V> p)
{
	((pack<T, V> *)out)[at / V] = p;
}

/* The part of a window inside the image: begin .. end - 1. */
struct range {
	uint32_t begin, end;
};

static __device__ struct range window(uint32_t at, uint32_t stride, uint32_t padding,
    uint32_t kernel, uint32_t size)
{
	const uint32_t first = at * stride, last = first + kernel;
	struct range r;

	r.begin = first > padding ? first - padding : 0;
	r.end = last > padding ? last - padding : 0;
	if (r.end > size)
		r.end = size;
	return r;
}

/* The windows that contain place `at` of the image. */
static __device__ struct range windows_over(uint32_t at, uint32_t stride,
    uint32_t padding, uint32_t kernel, uint32_t size)
{
	const uint32_t last = at + padding;
	struct range r;

	r.begin = last < kernel ? 0 : (last - kernel) / stride + 1;
	r.end = last / stride + 1;
	if (r.end > size)
		r.end = size;
	return r;
}

/* The index of pixel (y, x) in a window, KW ky + kx. */
static __device__ uint32_t place_in(const shape *s, const struct place *window,
    uint32_t y, uint32_t x)
{
	return (y + s->padding[0] - window->y * s->stride[0]) * s->kernel[1] + x +
	    s->padding[1] - window->x * s->stride[1];
}

/* --- maxpool2d ---------------------------------------------------------------
 * out[c][y][x] = max of in[c] over the window at (y, x). The first of equal elements
 * wins; a NaN wins over all. winners: the index of out's element in its window, in as
 * many bytes as the largest index needs. */

template <int V>
static __device__ void put_winners(void *winners, size_t at, const uint32_t *winner,
    uint32_t size)
{
	pack<uint8_t, V> bytes;
	pack<uint16_t, V> shorts;

	for (int v = 0; v < V; v++) {
		bytes.x[v] = (uint8_t)winner[v];
		shorts.x[v] = (uint16_t)winner[v];
	}
	if (size == 1)
		put((uint8_t *)winners, at, bytes);
	else if (size == 2)
		put((uint16_t *)winners, at, shorts);
	else
		for (int v = 0; v < V; v++)
			((uint32_t *)winners)[at + v] = winner[v];
}

template <int V>
static __device__ void get_winners(uint32_t *winner, const void *winners, size_t at,
    uint32_t size)
{
	if (size == 1) {
		const pack<uint8_t, V> p = *(
		    const pack<uint8_t, V> *)((const uint8_t *)winners + at);

		for (int v = 0; v < V; v++)
			winner[v] = p.x[v];
	} else if (size == 2) {
		const pack<uint16_t, V> p = *(
		    const pack<uint16_t, V> *)((const uint16_t *)winners + at);

		for (int v = 0; v < V; v++)
			winner[v] = p.x[v];
	} else {
		for (int v = 0; v < V; v++)
			winner[v] = ((const uint32_t *)winners)[at + v];
	}
}

template <typename T, int V>
static __global__ void maxpool_forward(T *out, void *winners, const T *in, shape s,
    uint32_t samples)
{
	const uint32_t size = s.c * s.h * s.w, out_size = s.c * s.oh * s.ow;

	EACH_SAMPLE (n, samples)
		EACH_ITEM (i, out_size / V) {
			const struct place p = place_of<V>(&s, i, s.oh, s.ow);
			const struct range ys =
			    window(p.y, s.stride[0], s.padding[0], s.kernel[0], s.h);
			const struct range xs =
			    window(p.x, s.stride[1], s.padding[1], s.kernel[1], s.w);
			const size_t at = n * out_size +
			    index_of(&s, p.c, p.y, p.x, s.oh, s.ow);
			const T *image = in + n * size;
			/* Start with the window's first element; no window is empty. */
			pack<T, V> best = *(const pack<T, V> *)&image[index_of(&s, p.c,
			    ys.begin, xs.begin, s.h, s.w)];
			uint32_t winner[V];

			for (int v = 0; v < V; v++)
				winner[v] = place_in(&s, &p, ys.begin, xs.begin);
			for (uint32_t y = ys.begin; y < ys.end; y++)
				for (uint32_t x = xs.begin; x < xs.end; x++) {
					const pack<T, V> next = *(
					    const pack<T, V> *)&image[index_of(&s, p.c,
					    y, x, s.h, s.w)];

					for (int v = 0; v < V; v++) {
						const float a = to_float(next.x[v]);

						if (a > to_float(best.x[v]) || a != a) {
							best.x[v] = next.x[v];
							winner[v] =
							    place_in(&s, &p, y, x);
						}
					}
				}
			put(out, at, best);
			if (winners)
				put_winners<V>(winners, at, winner, s.index_size);
		}
}

/* grad_in = the sum of grad_out over the windows that it won. */
template <typename T, int V>
static __global__ void maxpool_backward(T *grad_in, const void *winners,
    const T *grad_out, shape s, uint32_t samples)
{
	const uint32_t size = s.c * s.h * s.w, out_size = s.c * s.oh * s.ow;

	EACH_SAMPLE (n, samples)
		EACH_ITEM (i, size / V) {
			const struct place p = place_of<V>(&s, i, s.h, s.w);
			const struct range ys = windows_over(p.y, s.stride[0],
			    s.padding[0], s.kernel[0], s.oh);
			const struct range xs = windows_over(p.x, s.stride[1],
			    s.padding[1], s.kernel[1], s.ow);
			float sum[V] = { 0 };
			pack<T, V> result;

#pragma unroll 1
			for (uint32_t y = ys.begin; y < ys.end; y++)
#pragma unroll 1
				for (uint32_t x = xs.begin; x < xs.end; x++) {
					const size_t at = n * out_size +
					    index_of(&s, p.c, y, x, s.oh, s.ow);
					const pack<T, V> g = *(
					    const pack<T, V> *)&grad_out[at];
					const struct place window = { p.c, y, x };
					const uint32_t k =
					    place_in(&s, &window, p.y, p.x);
					uint32_t winner[V];

					get_winners<V>(winner, winners, at,
					    s.index_size);
					for (int v = 0; v < V; v++)
						sum[v] += winner[v] == k ?
						    to_float(g.x[v]) :
						    0;
				}
			for (int v = 0; v < V; v++)
				set_float(&result.x[v], sum[v]);
			put(grad_in, n * size + index_of(&s, p.c, p.y, p.x, s.h, s.w),
			    result);
		}
}

/* --- avgpool2d ---------------------------------------------------------------
 * out[c][y][x] = sum of in[c] over the window at (y, x) / (KH KW). Padding counts as
 * zeros. */

template <typename T, int V>
static __global__ void avgpool_forward(T *out, const T *in, shape s, uint32_t samples)
{
	const uint32_t size = s.c * s.h * s.w, out_size = s.c * s.oh * s.ow;
	const float count = (float)(s.kernel[0] * s.kernel[1]);

	EACH_SAMPLE (n, samples)
		EACH_ITEM (i, out_size / V) {
			const struct place p = place_of<V>(&s, i, s.oh, s.ow);
			const struct range ys =
			    window(p.y, s.stride[0], s.padding[0], s.kernel[0], s.h);
			const struct range xs =
			    window(p.x, s.stride[1], s.padding[1], s.kernel[1], s.w);
			const T *image = in + n * size;
			float sum[V] = { 0 };
			pack<T, V> result;

			for (uint32_t y = ys.begin; y < ys.end; y++)
				for (uint32_t x = xs.begin; x < xs.end; x++) {
					const pack<T, V> next = *(
					    const pack<T, V> *)&image[index_of(&s, p.c,
					    y, x, s.h, s.w)];

					for (int v = 0; v < V; v++)
						sum[v] += to_float(next.x[v]);
				}
			for (int v = 0; v < V; v++)
				set_float(&result.x[v], sum[v] / count);
			put(out, n * out_size + index_of(&s, p.c, p.y, p.x, s.oh, s.ow),
			    result);
		}
}

template <typename T, int V>
static __global__ void avgpool_backward(T *grad_in, const T *grad_out, shape s,
    uint32_t samples)
{
	const uint32_t size = s.c * s.h * s.w, out_size = s.c * s.oh * s.ow;
	const float count = (float)(s.kernel[0] * s.kernel[1]);

	EACH_SAMPLE (n, samples)
		EACH_ITEM (i, size / V) {
			const struct place p = place_of<V>(&s, i, s.h, s.w);
			const struct range ys = windows_over(p.y, s.stride[0],
			    s.padding[0], s.kernel[0], s.oh);
			const struct range xs = windows_over(p.x, s.stride[1],
			    s.padding[1], s.kernel[1], s.ow);
			float sum[V] = { 0 };
			pack<T, V> result;

#pragma unroll 1
			for (uint32_t y = ys.begin; y < ys.end; y++)
#pragma unroll 1
				for (uint32_t x = xs.begin; x < xs.end; x++) {
					const pack<T, V> g = *(
					    const pack<T, V> *)&grad_out[n * out_size +
					    index_of(&s, p.c, y, x, s.oh, s.ow)];

					for (int v = 0; v < V; v++)
						sum[v] += to_float(g.x[v]) / count;
				}
			for (int v = 0; v < V; v++)
				set_float(&result.x[v], sum[v]);
			put(grad_in, n * size + index_of(&s, p.c, p.y, p.x, s.h, s.w),
			    result);
		}
}

/* --- launching -------------------------------------------------------------------- */

/* CALL(T, V) with V channels per thread. */
#define BY_WIDTH(T, s, CALL) \
	((s)->is_nhwc && (s)->c % wide<T>::count == 0 ? CALL(T, wide<T>::count) : \
							CALL(T, 1))
#define POOL(kernel, T, V, planes, ...) \
	LAUNCH((kernel<T, V>), grid_of(s->c / V * (planes), samples), \
	    block_of(s->c / V * (planes)), 0, queue, __VA_ARGS__, *s, samples)

extern "C" int native_maxpool_forward(void *queue, uint32_t dtype, void *out,
    void *winners, const void *in, const struct native_pool *s, uint32_t samples)
{
#define WIDTH(T, V) \
	POOL(maxpool_forward, T, V, s->oh * s->ow, (T *)out, winners, (const T *)in)
#define TYPE(T) BY_WIDTH(T, s, WIDTH)
	return BY_DTYPE(dtype, TYPE);
#undef WIDTH
}

extern "C" int native_maxpool_backward(void *queue, uint32_t dtype, void *grad_in,
    const void *winners, const void *grad_out, const struct native_pool *s,
    uint32_t samples)
{
#define WIDTH(T, V) \
	POOL(maxpool_backward, T, V, s->h * s->w, (T *)grad_in, winners, \
	    (const T *)grad_out)
	return BY_DTYPE(dtype, TYPE);
#undef WIDTH
}

extern "C" int native_avgpool_forward(void *queue, uint32_t dtype, void *out,
    const void *in, const struct native_pool *s, uint32_t samples)
{
#define WIDTH(T, V) POOL(avgpool_forward, T, V, s->oh * s->ow, (T *)out, (const T *)in)
	return BY_DTYPE(dtype, TYPE);
#undef WIDTH
}

extern "C" int native_avgpool_backward(void *queue, uint32_t dtype, void *grad_in,
    const void *grad_out, const struct native_pool *s, uint32_t samples)
{
#define WIDTH(T, V) \
	POOL(avgpool_backward, T, V, s->h * s->w, (T *)grad_in, (const T *)grad_out)
	return BY_DTYPE(dtype, TYPE);
#undef WIDTH
}
