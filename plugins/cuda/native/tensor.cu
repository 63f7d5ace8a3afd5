/* tensor.cu - the device's tensor functions: sums, conversions, gathering. */
#include "gpu.h"
#include "kernels.h"

#define BLOCK 256

/* --- one element of any type ------------------------------------------------------ */

/* A double as a float that may be rounded again. Rounds to odd: truncates, and sets the
 * last bit if digits were lost, so that the second rounding sees no false tie. */
static __device__ float round_odd(double d)
{
	float f = (float)d;
	unsigned u = __float_as_uint(f);

	if (f == d || d != d || d - d != 0)
		return f;
	if (fabs((double)f) > fabs(d))
		u--;
	return __uint_as_float(u | 1);
}

static __device__ double load(uint32_t dtype, const void *data, size_t i)
{
	switch (dtype) {
	case CNN_U8: return ((const uint8_t *)data)[i];
	case CNN_I8: return ((const int8_t *)data)[i];
	case CNN_I16: return ((const int16_t *)data)[i];
	case CNN_I32: return ((const int32_t *)data)[i];
	case CNN_I64: return (double)((const int64_t *)data)[i];
	case CNN_BOOL: return ((const uint8_t *)data)[i] != 0;
	case CNN_F16: return (double)to_float(((const __half *)data)[i]);
	case CNN_BF16: return (double)to_float(((const __nv_bfloat16 *)data)[i]);
	case CNN_F32: return (double)((const float *)data)[i];
	default: return ((const double *)data)[i];
	}
}

static __device__ void set_double(float *p, double x)
{
	*p = (float)x;
}
static __device__ void set_double(__half *p, double x)
{
	set_float(p, round_odd(x));
}
static __device__ void set_double(__nv_bfloat16 *p, double x)
{
	set_float(p, round_odd(x));
}

static __device__ void store(uint32_t dtype, void *data, size_t i, double x)
{
	switch (dtype) {
	case CNN_F16: set_double(&((__half *)data)[i], x); break;
	case CNN_BF16: set_double(&((__nv_bfloat16 *)data)[i], x); break;
	case CNN_F32: set_double(&((float *)data)[i], x); break;
	default: ((double *)data)[i] = x;
	}
}

/* --- sums ------------------------------------------------------------------------- */

/* A float has more than twice a half's digits plus two, so rounding the sum to float
 * and then to half equals rounding once. */
template <typename T> static __device__ T sum_of(T a, T b)
{
	T sum;

	set_float(&sum, to_float(a) + to_float(b));
	return sum;
}

static __device__ double sum_of(double a, double b)
{
	return a + b;
}

template <typename T>
static __global__ void accumulate(T *dst, const T *src, size_t count, size_t packs)
{
	typedef typename wide<T>::type pack;
	const size_t n = wide<T>::count;

	for (size_t i = first_item(); i < packs; i += item_step()) {
		pack a = ((pack *)dst)[i];
		const pack b = ((const pack *)src)[i];

		for (size_t k = 0; k < n; k++)
			a.x[k] = sum_of(a.x[k], b.x[k]);
		((pack *)dst)[i] = a;
	}
	for (size_t i = packs * n + first_item(); i < count; i += item_step())
		dst[i] = sum_of(dst[i], src[i]);
}

template <typename T>
static int launch_accumulate(void *queue, void *dst, const void *src, size_t count)
{
	const size_t n = wide<T>::count;
	const size_t packs = is_aligned(dst) && is_aligned(src) ? count / n : 0;

	return LAUNCH(accumulate<T>, blocks_of(packs ? packs : count, BLOCK), BLOCK, 0,
	    queue, (T *)dst, (const T *)src, count, packs);
}

extern "C" int native_accumulate(void *queue, uint32_t dtype, void *dst,
    const void *src, size_t count)
{
	if (dtype == CNN_F64)
		return launch_accumulate<double>(queue, dst, src, count);
#define CALL(T) launch_accumulate<T>(queue, dst, src, count)
	return BY_DTYPE(dtype, CALL);
#undef CALL
}

/* --- conversions ------------------------------------------------------------------ */

/* The place of channel c, pixel p of a sample in a layout is (c / block) * area * block
 * + p * block + c % block. NCHW has blocks of one channel, NHWC one block of all
 * channels. */
struct lay {
	size_t block, stored;
};

static struct lay lay_of(uint32_t layout, size_t channels)
{
	struct lay l;

	l.block = layout == CNN_NHWC ? channels :
	    layout == CNN_NCHW8C     ? 8 :
	    layout == CNN_NCHW16C    ? 16 :
				       1;
	l.stored = (channels + l.block - 1) / l.block * l.block;
	return l;
}

/* Any type and layout to any other: one thread per element of dst. */
static __global__ void convert_any(uint32_t to_type, void *dst, struct lay to,
    uint32_t from_type, const void *src, struct lay from, size_t channels, size_t area,
    size_t samples)
{
	const size_t size = to.stored * area, group = area * to.block;

	for (size_t i = first_item(); i < samples * size; i += item_step()) {
		const size_t n = i / size, o = i % size;
		const size_t c = o / group * to.block + o % to.block;
		const size_t p = o % group / to.block;
		const size_t place = n * from.stored * area +
		    c / from.block * area * from.block + p * from.block +
		    c % from.block;

		store(to_type, dst, i, c < channels ? load(from_type, src, place) : 0);
	}
}

template <typename OUT, typename IN>
static __global__ void convert(OUT *dst, const IN *src, size_t count)
{
	const size_t packs = count / 4;

	for (size_t i = first_item(); i < packs; i += item_step()) {
		const pack<IN, 4> in = ((const pack<IN, 4> *)src)[i];
		pack<OUT, 4> out;

		for (int k = 0; k < 4; k++)
			set_float(&out.x[k], to_float(in.x[k]));
		((pack<OUT, 4> *)dst)[i] = out;
	}
	for (size_t i = packs * 4 + first_item(); i < count; i += item_step())
		set_float(&dst[i], to_float(src[i]));
}

#define TILE 32	    /* elements in each direction */
#define TILE_ROWS 8 /* of threads */

/* dst (N,columns,rows) = src (N,rows,columns), through tiles in shared memory. The
 * tiles' rows have one extra element, so that a column lies in different banks. */
template <typename OUT, typename IN>
static __global__ void transpose(OUT *dst, const IN *src, size_t rows, size_t columns,
    size_t samples)
{
	extern __shared__ __align__(16) unsigned char shared[];
	OUT *tile = (OUT *)shared;
	const size_t across = (columns + TILE - 1) / TILE;
	const size_t tiles = across * ((rows + TILE - 1) / TILE);

	for (size_t t = blockIdx.x; t < tiles * samples; t += gridDim.x) {
		const size_t row = t % tiles / across * TILE,
			     column = t % across * TILE;
		const size_t first = t / tiles * rows * columns;

		for (unsigned y = threadIdx.y; y < TILE; y += TILE_ROWS)
			if (row + y < rows && column + threadIdx.x < columns)
				set_float(&tile[y * (TILE + 1) + threadIdx.x],
				    to_float(src[first + (row + y) * columns + column +
					threadIdx.x]));
		__syncthreads();
		for (unsigned y = threadIdx.y; y < TILE; y += TILE_ROWS)
			if (column + y < columns && row + threadIdx.x < rows)
				dst[first + (column + y) * rows + row + threadIdx.x] =
				    tile[threadIdx.x * (TILE + 1) + y];
		__syncthreads();
	}
}

/* The matrix of one sample; rows = 0: all elements keep their order. */
struct matrix {
	size_t rows, columns, samples;
};

template <typename OUT, typename IN>
static int launch_convert(void *queue, void *dst, const void *src, struct matrix m)
{
	const size_t tiles = (m.rows + TILE - 1) / TILE *
	    ((m.columns + TILE - 1) / TILE) * m.samples;

	if (m.rows == 0)
		return LAUNCH((convert<OUT, IN>), blocks_of(m.columns / 4 + 1, BLOCK),
		    BLOCK, 0, queue, (OUT *)dst, (const IN *)src, m.columns);
	return LAUNCH((transpose<OUT, IN>), blocks_of(tiles, 1), dim3(TILE, TILE_ROWS),
	    TILE * (TILE + 1) * sizeof(OUT), queue, (OUT *)dst, (const IN *)src, m.rows,
	    m.columns, m.samples);
}

/* Launches the conversion if it is one of a training step's; otherwise returns -1. */
static int convert_fast(void *queue, uint32_t to, void *dst, uint32_t from,
    const void *src, struct matrix m)
{
	if (from == CNN_F32 && to != CNN_F64) {
#define CALL(T) launch_convert<T, float>(queue, dst, src, m)
		return BY_DTYPE(to, CALL);
#undef CALL
	}
	if (to == CNN_F32 && from != CNN_F64) {
#define CALL(T) launch_convert<float, T>(queue, dst, src, m)
		return BY_DTYPE(from, CALL);
#undef CALL
	}
	if (to == from && to == CNN_F16)
		return launch_convert<__half, __half>(queue, dst, src, m);
	if (to == from && to == CNN_BF16)
		return launch_convert<__nv_bfloat16, __nv_bfloat16>(queue, dst, src, m);
	return -1;
}

/* Below this a tile is mostly empty. */
#define NARROW 8

extern "C" int native_reorder(void *queue, const struct cnn_shape *shape,
    size_t samples, struct cnn_format to, void *dst, struct cnn_format from,
    const void *src)
{
	const bool image = shape->rank == 3 && shape->dims[0] > 0;
	const uint32_t to_layout = image ? to.layout : (uint32_t)CNN_NCHW;
	const uint32_t from_layout = image ? from.layout : (uint32_t)CNN_NCHW;
	const size_t channels = image ? shape->dims[0] : 1;
	const size_t area = cnn_layout_count(shape, CNN_NCHW, 1) / channels;
	const struct lay t = lay_of(to_layout, channels);
	const struct lay f = lay_of(from_layout, channels);
	const size_t count = samples * t.stored * area;
	const bool flat = t.block == f.block && t.stored == f.stored;
	const bool plain = (t.block == 1 || t.block == channels) &&
	    (f.block == 1 || f.block == channels);
	const struct matrix m = { flat ? 0 :
		    f.block == 1       ? channels :
					 area,
		flat		 ? count :
		    f.block == 1 ? area :
				   channels,
		samples };
	int error = -1;

	if (count == 0)
		return cudaSuccess;
	if (flat && to.dtype == from.dtype)
		return (int)cudaMemcpyAsync(dst, src,
		    count *
			(to.dtype == CNN_F64	    ? 8 :
				to.dtype == CNN_F32 ? 4 :
						      2),
		    cudaMemcpyDeviceToDevice, (cudaStream_t)queue);
	if (flat || (plain && channels >= NARROW && area >= NARROW))
		error = convert_fast(queue, to.dtype, dst, from.dtype, src, m);
	if (error >= 0)
		return error;
	return LAUNCH(convert_any, blocks_of(count, BLOCK), BLOCK, 0, queue, to.dtype,
	    dst, t, from.dtype, src, f, channels, area, samples);
}

/* --- gathering -------------------------------------------------------------------- */

/* out (samples,elements) = data (rows,elements) * scale + offset, for the row of each
 * sample. Block column y processes the samples y, y + gridDim.y, ... */
struct rows {
	const struct cnn_state *state;
	const uint32_t *order;
	size_t elements;
	uint32_t first, samples;
	double scale, offset;
	/* A second column, one int32 per sample, which the same kernel copies */
	const int32_t *indices;
	int32_t *out_indices;
};

/* The row of sample n. One thread copies its index. */
static __device__ size_t row_of(const struct rows *r, uint32_t n)
{
	size_t row = (size_t)r->state->cursor + r->first + n;

	if (r->order)
		row = r->order[row];
	if (r->out_indices && first_item() == 0)
		r->out_indices[n] = r->indices[row];
	return row;
}

static __global__ void gather_any(uint32_t out_type, void *out, uint32_t type,
    const void *data, struct rows r)
{
	for (uint32_t n = blockIdx.y; n < r.samples; n += gridDim.y) {
		const size_t from = row_of(&r, n) * r.elements, to = n * r.elements;

		for (size_t i = first_item(); i < r.elements; i += item_step())
			store(out_type, out, to + i,
			    rounded_mul_add(load(type, data, from + i), r.scale,
				r.offset));
	}
}

static __global__ void gather_indices(int32_t *out, uint32_t type, const void *data,
    struct rows r)
{
	for (uint32_t n = blockIdx.y; n < r.samples; n += gridDim.y) {
		const size_t from = row_of(&r, n) * r.elements, to = n * r.elements;

		for (size_t i = first_item(); i < r.elements; i += item_step())
			out[to + i] = (int32_t)load(type, data, from + i);
	}
}

/* For one-byte types: the 256 values are computed in double once per block. Packs have
 * as many elements as fill 16 bytes of out. */
template <typename OUT>
static __global__ void gather_bytes(OUT *out, uint32_t type, const uint8_t *data,
    struct rows r, size_t packs)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int count = wide<OUT>::count;
	typedef pack<uint8_t, wide<OUT>::count> bytes;
	typedef typename wide<OUT>::type values;
	OUT *table = (OUT *)shared;

	for (unsigned i = threadIdx.x; i < 256; i += blockDim.x) {
		const int value = type == CNN_I8 ? (int8_t)i :
		    type == CNN_BOOL		 ? i != 0 :
						   i;

		set_double(&table[i], rounded_mul_add(value, r.scale, r.offset));
	}
	__syncthreads();
	for (uint32_t n = blockIdx.y; n < r.samples; n += gridDim.y) {
		const uint8_t *from = data + row_of(&r, n) * r.elements;
		OUT *to = out + n * r.elements;

		for (size_t i = first_item(); i < packs; i += item_step()) {
			const bytes in = ((const bytes *)from)[i];
			values v;

			for (int k = 0; k < count; k++)
				v.x[k] = table[in.x[k]];
			((values *)to)[i] = v;
		}
		for (size_t i = packs * count + first_item(); i < r.elements;
		     i += item_step())
			to[i] = table[from[i]];
	}
}

#define ROW_BLOCKS 16 /* at most, so that the tables pay off */
#define MAX_GRID_Y 65535

static dim3 row_grid(const struct rows *r, size_t items)
{
	const unsigned x = blocks_of(items, BLOCK);

	return dim3(x < ROW_BLOCKS ? x : ROW_BLOCKS,
	    r->samples < MAX_GRID_Y ? r->samples : MAX_GRID_Y);
}

template <typename OUT>
static int launch_bytes(void *queue, const struct cnn_gather_column *c,
    const struct rows *r)
{
	const size_t count = wide<OUT>::count;
	const bool whole = is_aligned(c->data) && is_aligned(c->out) &&
	    r->elements % count == 0;
	const size_t packs = whole ? r->elements / count : 0;

	return LAUNCH(gather_bytes<OUT>, row_grid(r, whole ? packs : r->elements),
	    BLOCK, 256 * sizeof(OUT), queue, (OUT *)c->out, c->dtype,
	    (const uint8_t *)c->data, *r, packs);
}

static int launch_column(void *queue, const struct cnn_gather_column *c,
    const struct rows *r)
{
	if (c->out_dtype == CNN_I32)
		return LAUNCH(gather_indices, row_grid(r, c->elements), BLOCK, 0, queue,
		    (int32_t *)c->out, c->dtype, c->data, *r);
	if ((c->dtype == CNN_U8 || c->dtype == CNN_I8 || c->dtype == CNN_BOOL) &&
	    c->out_dtype != CNN_F64) {
#define CALL(T) launch_bytes<T>(queue, c, r)
		return BY_DTYPE(c->out_dtype, CALL);
#undef CALL
	}
	return LAUNCH(gather_any, row_grid(r, c->elements), BLOCK, 0, queue,
	    c->out_dtype, c->out, c->dtype, c->data, *r);
}

/* True for a column that another column's kernel can copy, such as labels. */
static bool is_passenger(const struct cnn_gather_column *c)
{
	return c->out_dtype == CNN_I32 && c->dtype == CNN_I32 && c->elements == 1;
}

/* Launches one kernel per column. The first other column's kernel copies the first
 * passenger. */
extern "C" int native_gather(void *queue, const struct cnn_state *state,
    const struct cnn_gather *g)
{
	const struct cnn_gather_column *passenger = NULL;
	bool others = false, aboard = false;
	int e = cudaSuccess;

	for (uint32_t i = 0; i < g->column_count; i++) {
		others |= !is_passenger(&g->columns[i]);
		if (!passenger && is_passenger(&g->columns[i]))
			passenger = &g->columns[i];
	}
	if (!others)
		passenger = NULL;
	for (uint32_t i = 0; e == cudaSuccess && g->samples > 0 && i < g->column_count;
	     i++) {
		const struct cnn_gather_column *c = &g->columns[i];
		struct rows r = { state, g->order, c->elements, g->first, g->samples,
			c->scale, c->offset, NULL, NULL };

		if (c == passenger)
			continue;
		if (passenger && !aboard && !is_passenger(c)) {
			r.indices = (const int32_t *)passenger->data;
			r.out_indices = (int32_t *)passenger->out;
			aboard = true;
		}
		e = launch_column(queue, c, &r);
	}
	return e;
}
