/* batchnorm.cu - batchnorm2d: out = xhat weight[c] + bias[c],
 *                xhat = (in - mean[c]) / sqrt(var[c] + eps).
 *
 * in, out (N,C,H,W), NCHW or NHWC. mean and var = m2 / n of channel c come from what
 * batchnorm-sums.cu computes over its n elements. Either layout is a
 * matrix of rows: NCHW is N C x area, and a row has one channel; NHWC is N area x C,
 * and a column has one channel. A thread takes packs of V elements of a row.
 * (S. Ioffe and C. Szegedy, "Batch Normalization", ICML 2015.)
 */
#include "gpu.h"
#include "kernels.h"

#define BLOCK 256
#define MAX_GRID_Y 65535

/* --- the arithmetic per channel -----------------------------------------------
 * With d = in - mean:
 *   out = d factor + shift, factor = weight / sqrt(var + eps), shift = bias
 *   grad_in = grad_out factor + shift + d slope, factor as above,
 *     shift = -factor grad_bias / n, slope = -factor grad_weight / n / sqrt(..)
 * The mean is stored in two floats, so that a large mean costs d no precision. */
struct channel {
	float mean, mean_rest, factor, shift, slope;
};

template <typename T> struct forward {
	T *out;
	const T *in;
	double *saved;
	const double *sums; /* NULL: use the running statistics */
	double part;	    /* 1 / n */
	const float *weight, *bias, *running_mean, *running_var;
};

template <typename T> struct backward {
	T *grad_in; /* or NULL */
	const T *in, *grad_out;
	float *grad_weight, *grad_bias;
	const double *saved, *sums, *own;
	double part;
	const float *weight;
};

static __device__ void set_mean(struct channel *c, double mean)
{
	c->mean = (float)mean;
	c->mean_rest = (float)(mean - (double)c->mean);
}

/* The constants of channel c. The thread with `first` set also writes the channel's
 * outputs. */
template <typename T>
static __device__ struct channel channel_of(const struct forward<T> *f,
    const struct native_norm *s, uint32_t c, bool first)
{
	struct channel result;
	double mean, var;
	float scale;

	if (f->sums) {
		mean = f->sums[c];
		var = f->sums[s->channels + c] * f->part;
	} else {
		mean = (double)f->running_mean[c];
		var = (double)f->running_var[c];
	}
	var += s->eps;
	scale = var == 0 ? 0 : 1 / sqrtf((float)var);
	set_mean(&result, mean);
	result.factor = scale * f->weight[c];
	result.shift = f->bias[c];
	result.slope = 0;
	if (f->sums && first) {
		f->saved[c] = mean;
		f->saved[s->channels + c] = (double)scale;
	}
	return result;
}

template <typename T>
static __device__ struct channel channel_of(const struct backward<T> *b,
    const struct native_norm *s, uint32_t c, bool first)
{
	const float scale = (float)b->saved[s->channels + c];
	struct channel result;

	set_mean(&result, b->saved[c]);
	result.factor = scale * b->weight[c];
	result.shift = -result.factor * (float)(b->sums[c] * b->part);
	result.slope = -result.factor * scale *
	    (float)(b->sums[s->channels + c] * b->part);
	if (first) {
		b->grad_bias[c] = (float)b->own[c];
		b->grad_weight[c] = (float)b->own[s->channels + c];
	}
	return result;
}

/* Pack i. Its element v has channel c[v], or c[0] if V_CHANNELS is 1. */
template <int V, int V_CHANNELS, typename T>
static __device__ void apply(const struct forward<T> *f, const struct channel *c,
    size_t i)
{
	pack<T, V> x = ((const pack<T, V> *)f->in)[i];

	for (int v = 0; v < V; v++) {
		const struct channel *k = &c[V_CHANNELS == 1 ? 0 : v];

		set_float(&x.x[v],
		    (to_float(x.x[v]) - k->mean - k->mean_rest) * k->factor + k->shift);
	}
	((pack<T, V> *)f->out)[i] = x;
}

template <int V, int V_CHANNELS, typename T>
static __device__ void apply(const struct backward<T> *b, const struct channel *c,
    size_t i)
{
	const pack<T, V> x = ((const pack<T, V> *)b->in)[i];
	pack<T, V> g = ((const pack<T, V> *)b->grad_out)[i];

	for (int v = 0; v < V; v++) {
		const struct channel *k = &c[V_CHANNELS == 1 ? 0 : v];

		set_float(&g.x[v],
		    to_float(g.x[v]) * k->factor + k->shift +
			(to_float(x.x[v]) - k->mean - k->mean_rest) * k->slope);
	}
	((pack<T, V> *)b->grad_in)[i] = g;
}

template <typename T> static __device__ bool has_output(const struct forward<T> *f)
{
	return f->out != NULL;
}

template <typename T> static __device__ bool has_output(const struct backward<T> *b)
{
	return b->grad_in != NULL;
}

/* --- the passes --------------------------------------------------------------
 * PASS is a struct forward or backward. */

/* NCHW: a row has one channel. */
template <typename PASS, int V>
static __global__ void each_row(PASS pass, struct native_norm s, size_t rows)
{
	const uint32_t packs = has_output(&pass) ? s.area / V : 0;

	for (size_t row = blockIdx.y * blockDim.y + threadIdx.y; row < rows;
	     row += gridDim.y * blockDim.y) {
		const struct channel c = channel_of(&pass, &s,
		    (uint32_t)(row % s.channels),
		    row < s.channels && first_item() == 0);

		for (uint32_t p = (uint32_t)first_item(); p < packs;
		     p += (uint32_t)item_step())
			apply<V, 1>(&pass, &c, row * packs + p);
	}
}

/* NHWC: a column has one channel. */
template <typename PASS, int V>
static __global__ void each_column(PASS pass, struct native_norm s, size_t rows)
{
	const uint32_t packs = s.channels / V;
	const size_t first = blockIdx.y * blockDim.y + threadIdx.y;

	if (!has_output(&pass))
		rows = 0;
	for (uint32_t p = (uint32_t)first_item(); p < packs;
	     p += (uint32_t)item_step()) {
		struct channel c[V];

		for (int v = 0; v < V; v++)
			c[v] = channel_of(&pass, &s, p * V + v, first == 0);
		for (size_t row = first; row < rows; row += gridDim.y * blockDim.y)
			apply<V, V>(&pass, c, row * packs + p);
	}
}

/* In NHWC a thread computes the constants of V channels, so it processes several
 * rows. */
#define COLUMN_BLOCKS 1024

template <typename PASS, int V>
static int launch_pass(void *queue, PASS pass, const struct native_norm *s,
    uint32_t samples)
{
	const size_t rows = (size_t)samples * (s->is_nhwc ? s->area : s->channels);
	const uint32_t packs = (s->is_nhwc ? s->channels : s->area) / V;
	const unsigned most = s->is_nhwc ? COLUMN_BLOCKS : MAX_GRID_Y;
	unsigned x = 1, y;

	while (x < packs && x < BLOCK)
		x *= 2;
	y = blocks_of(rows, BLOCK / x);
	if (y > most)
		y = most;
	if (s->is_nhwc)
		return LAUNCH((each_column<PASS, V>), dim3(blocks_of(packs, x), y),
		    dim3(x, BLOCK / x), 0, queue, pass, *s, rows);
	return LAUNCH((each_row<PASS, V>), dim3(blocks_of(packs, x), y),
	    dim3(x, BLOCK / x), 0, queue, pass, *s, rows);
}

template <typename T, typename PASS>
static int launch_wide(void *queue, PASS pass, const struct native_norm *s,
    uint32_t samples)
{
	if ((s->is_nhwc ? s->channels : s->area) % wide<T>::count == 0)
		return launch_pass<PASS, wide<T>::count>(queue, pass, s, samples);
	return launch_pass<PASS, 1>(queue, pass, s, samples);
}

template <typename T>
static int launch_forward(void *queue, void *out, double *saved, const void *in,
    const double *sums, double n, const float *const params[4],
    const struct native_norm *s, uint32_t samples)
{
	const struct forward<T> f = {
		(T *)out, (const T *)in, saved, sums,
		    1 / n, params[0], params[1], params[2], params[3]
	};

	return launch_wide<T>(queue, f, s, samples);
}

extern "C" int native_norm_forward(void *queue, uint32_t dtype, void *out,
    double *saved, const void *in, const double *sums, double n,
    const float *const params[4], const struct native_norm *s, uint32_t samples)
{
#define CALL(T) launch_forward<T>(queue, out, saved, in, sums, n, params, s, samples)
	return BY_DTYPE(dtype, CALL);
#undef CALL
}

template <typename T>
static int launch_backward(void *queue, void *grad_in, float *grad_weight,
    float *grad_bias, const void *in, const void *grad_out, const double *saved,
    const double *sums, double n, const double *own, const float *weight,
    const struct native_norm *s, uint32_t samples)
{
	const struct backward<T> b = {
		(T *)grad_in, (const T *)in,
		    (const T *)grad_out, grad_weight, grad_bias, saved, sums, own,
		    1 / n, weight
	};

	return launch_wide<T>(queue, b, s, samples);
}

extern "C" int native_norm_backward(void *queue, uint32_t dtype, void *grad_in,
    float *grad_weight, float *grad_bias, const void *in, const void *grad_out,
    const double *saved, const double *sums, double n, const double *own,
    const float *weight, const struct native_norm *s, uint32_t samples)
{
#define CALL(T) \
	launch_backward<T>(queue, grad_in, grad_weight, grad_bias, in, grad_out, \
	    saved, sums, n, own, weight, s, samples)
	return BY_DTYPE(dtype, CALL);
#undef CALL
}

/* --- the running statistics -----------------------------------------------------
 * running = (1 - momentum) running + momentum new; the new variance is unbiased. */

static __global__ void update_running(float *running_mean, float *running_var,
    const struct cnn_state *state, const double *sums, double n, struct native_norm s)
{
	if (state->bad)
		return;
	for (size_t c = first_item(); c < s.channels; c += item_step()) {
		running_mean[c] = (float)((1 - s.momentum) * (double)running_mean[c] +
		    s.momentum * sums[c]);
		running_var[c] = (float)((1 - s.momentum) * (double)running_var[c] +
		    s.momentum * (sums[s.channels + c] / (n - 1)));
	}
}

extern "C" int native_norm_update(void *queue, float *running_mean, float *running_var,
    const struct cnn_state *state, const double *sums, double n,
    const struct native_norm *s)
{
	return LAUNCH(update_running, blocks_of(s->channels, BLOCK), BLOCK, 0, queue,
	    running_mean, running_var, state, sums, n, *s);
}
