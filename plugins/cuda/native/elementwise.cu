/* elementwise.cu - the activations, dropout, add.
 *
 * The elementwise kernels process 16 bytes (dropout: 4 elements) per thread and pass.
 * Their arrays are aligned for that. The thread that writes an element has read it
 * before, so they may work in place.
 */
#include "activations.h"
#include "gpu.h"
#include "kernels.h"
#include "philox.h"

#define BLOCK 256

/* --- activations -------------------------------------------------------------
 * See activations.h: each row becomes two types with a function of(). In a half type
 * they compute in float, and the result is rounded once. */

#define FUNCTION(NAME, READS_G, EXPRESSION) \
	struct NAME { \
		static const bool reads_g = READS_G; \
		static __device__ float of(float x, float g, float a, float b) \
		{ \
			return (void)x, (void)g, (void)a, (void)b, (EXPRESSION); \
		} \
	};
#define FUNCTIONS(NAME, FLAGS, ARG_COUNT, F, GRADIENT) \
	FUNCTION(NAME##_f, false, F) \
	FUNCTION(NAME##_gradient, true, GRADIENT)
ACTIVATIONS(FUNCTIONS)

/* out = of(x, g). Does not read g if the function does not. */
template <typename F, typename T>
static __global__ void activate(T *out, const T *x, const T *g, float a, float b,
    size_t count)
{
	typedef typename wide<T>::type pack;
	const size_t n = wide<T>::count, packs = count / n;

	for (size_t i = first_item(); i < packs; i += item_step()) {
		const pack p = ((const pack *)x)[i];
		pack q = F::reads_g ? ((const pack *)g)[i] : p;

		for (size_t k = 0; k < n; k++)
			set_float(&q.x[k],
			    F::of(to_float(p.x[k]), to_float(q.x[k]), a, b));
		((pack *)out)[i] = q;
	}
	for (size_t i = packs * n + first_item(); i < count; i += item_step())
		set_float(&out[i],
		    F::of(to_float(x[i]), F::reads_g ? to_float(g[i]) : 0, a, b));
}

template <typename F>
static int launch_activation(void *queue, uint32_t dtype, void *out, const void *x,
    const void *g, float a, float b, size_t count)
{
#define CALL(T) \
	LAUNCH((activate<F, T>), blocks_of(count / wide<T>::count + 1, BLOCK), BLOCK, \
	    0, queue, (T *)out, (const T *)x, (const T *)g, a, b, count)
	return BY_DTYPE(dtype, CALL);
#undef CALL
}

extern "C" int native_activation_forward(void *queue, uint32_t number, uint32_t dtype,
    void *out, const void *in, float a, float b, size_t count)
{
	switch (number) {
#define CASE(NAME, ...) \
	case NATIVE_##NAME: \
		return launch_activation<NAME##_f>(queue, dtype, out, in, NULL, a, b, \
		    count);
		ACTIVATIONS(CASE)
#undef CASE
	}
	return cudaErrorInvalidValue;
}

extern "C" int native_activation_backward(void *queue, uint32_t number, uint32_t dtype,
    void *grad_in, const void *x, const void *grad_out, float a, float b, size_t count)
{
	switch (number) {
#define CASE(NAME, ...) \
	case NATIVE_##NAME: \
		return launch_activation<NAME##_gradient>(queue, dtype, grad_in, x, \
		    grad_out, a, b, count);
		ACTIVATIONS(CASE)
#undef CASE
	}
	return cudaErrorInvalidValue;
}

/* --- dropout -----------------------------------------------------------------
 * out = in mask scale; mask = 1 if the element's uniform is at least p. The element's
 * number is its NCHW index in the whole batch. A thread uses the four numbers of one
 * Philox block. */

template <typename T>
static __device__ void drop(T *out, uint8_t *mask, T in, uint32_t word,
    const struct native_dropout *d)
{
	*mask = uniform_of(word) >= d->p;
	set_float(out, *mask ? to_float(in) * d->scale : 0);
}

/* NCHW: elements first .. first + count - 1 lie at 0 .. count - 1. */
template <typename T>
static __global__ void dropout_flat(T *out, uint8_t *mask, const T *in,
    const struct cnn_state *state, struct native_dropout d, uint64_t first,
    size_t count)
{
	typedef pack<T, 4> four;
	typedef pack<uint8_t, 4> four_bytes;
	const size_t skipped = (size_t)(first % 4), blocks = (skipped + count + 3) / 4;

	for (size_t b = first_item(); b < blocks; b += item_step()) {
		const struct words r =
		    philox(state->seed, d.random_stream, state->step, first / 4 + b);

		if (skipped == 0 && b * 4 + 4 <= count) {
			four v = ((const four *)in)[b];
			four_bytes m;

			for (int k = 0; k < 4; k++)
				drop(&v.x[k], &m.x[k], v.x[k], r.w[k], &d);
			((four *)out)[b] = v;
			((four_bytes *)mask)[b] = m;
			continue;
		}
		for (size_t k = 0; k < 4; k++) {
			/* Wraps to a huge value if negative */
			const size_t i = b * 4 + k - skipped;

			if (i < count)
				drop(&out[i], &mask[i], in[i], r.w[k], &d);
		}
	}
}

/* NHWC: neighbouring threads take neighbouring channels, and for each channel the
 * Philox blocks of its elements. */
template <typename T>
static __global__ void dropout_nhwc(T *out, uint8_t *mask, const T *in,
    const struct cnn_state *state, struct native_dropout d, uint64_t first,
    size_t samples)
{
	const size_t size = (size_t)d.channels * d.area;
	const size_t blocks = (d.area + 2) / 4 + 1,
		     items = samples * blocks * d.channels;

	for (size_t i = first_item(); i < items; i += item_step()) {
		const size_t c = i % d.channels, rest = i / d.channels;
		const size_t n = rest / blocks;
		const uint64_t start = first + n * size + c * d.area;
		const uint64_t b = start / 4 + rest % blocks;
		const struct words r =
		    philox(state->seed, d.random_stream, state->step, b);

		for (size_t k = 0; k < 4; k++) {
			/* Wraps to a huge value if negative */
			const uint64_t p = b * 4 + k - start;
			const size_t at = n * size + (size_t)p * d.channels + c;

			if (p < d.area)
				drop(&out[at], &mask[at], in[at], r.w[k], &d);
		}
	}
}

template <typename T>
static int launch_dropout(void *queue, void *out, uint8_t *mask, const void *in,
    const struct cnn_state *state, const struct native_dropout *d,
    uint64_t first_sample, uint32_t samples)
{
	const size_t size = (size_t)d->channels * d->area;
	const uint64_t first = first_sample * size;

	if (d->is_nhwc)
		return LAUNCH(dropout_nhwc<T>,
		    blocks_of(samples * (size / 4 + 1), BLOCK), BLOCK, 0, queue,
		    (T *)out, mask, (const T *)in, state, *d, first, (size_t)samples);
	return LAUNCH(dropout_flat<T>, blocks_of(samples * size / 4 + 1, BLOCK), BLOCK,
	    0, queue, (T *)out, mask, (const T *)in, state, *d, first, samples * size);
}

extern "C" int native_dropout_forward(void *queue, uint32_t dtype, void *out,
    uint8_t *mask, const void *in, const struct cnn_state *state,
    const struct native_dropout *d, uint64_t first_sample, uint32_t samples)
{
#define CALL(T) launch_dropout<T>(queue, out, mask, in, state, d, first_sample, samples)
	return BY_DTYPE(dtype, CALL);
#undef CALL
}

template <typename T>
static __global__ void dropout_backward(T *grad_in, const uint8_t *mask,
    const T *grad_out, float scale, size_t count)
{
	typedef pack<T, 4> four;
	typedef pack<uint8_t, 4> four_bytes;
	const size_t packs = count / 4;

	for (size_t i = first_item(); i < packs; i += item_step()) {
		const four_bytes m = ((const four_bytes *)mask)[i];
		four g = ((const four *)grad_out)[i];

		for (int k = 0; k < 4; k++)
			set_float(&g.x[k], m.x[k] ? to_float(g.x[k]) * scale : 0);
		((four *)grad_in)[i] = g;
	}
	for (size_t i = packs * 4 + first_item(); i < count; i += item_step())
		set_float(&grad_in[i], mask[i] ? to_float(grad_out[i]) * scale : 0);
}

extern "C" int native_dropout_backward(void *queue, uint32_t dtype, void *grad_in,
    const uint8_t *mask, const void *grad_out, float scale, size_t count)
{
#define CALL(T) \
	LAUNCH(dropout_backward<T>, blocks_of(count / 4 + 1, BLOCK), BLOCK, 0, queue, \
	    (T *)grad_in, mask, (const T *)grad_out, scale, count)
	return BY_DTYPE(dtype, CALL);
#undef CALL
}

/* --- add ---------------------------------------------------------------------
 * out = in[0] + in[1] + ..., in this order, rounded once. */

struct inputs {
	const void *in[CNN_MAX_INPUTS];
	size_t count;
};

template <typename T>
static __global__ void add_inputs(T *out, struct inputs s, size_t count)
{
	typedef typename wide<T>::type pack;
	const int n = wide<T>::count;
	const size_t packs = count / n;

	for (size_t i = first_item(); i < packs; i += item_step()) {
		float sum[wide<T>::count] = { 0 };
		pack p;

		/* The constant bound lets the loop unroll, which keeps `s` out of local
		 * memory. */
		for (size_t k = 0; k < CNN_MAX_INPUTS; k++) {
			if (k >= s.count)
				break;
			p = ((const pack *)s.in[k])[i];
			for (int e = 0; e < n; e++)
				sum[e] += to_float(p.x[e]);
		}
		for (int e = 0; e < n; e++)
			set_float(&p.x[e], sum[e]);
		((pack *)out)[i] = p;
	}
	for (size_t i = packs * n + first_item(); i < count; i += item_step()) {
		float sum = 0;

		for (size_t k = 0; k < CNN_MAX_INPUTS; k++)
			if (k < s.count)
				sum += to_float(((const T *)s.in[k])[i]);
		set_float(&out[i], sum);
	}
}

extern "C" int native_add_inputs(void *queue, uint32_t dtype, void *out,
    const void *const *in, uint32_t in_count, size_t count)
{
	struct inputs s = { { NULL }, in_count };

	for (uint32_t k = 0; k < in_count; k++)
		s.in[k] = in[k];
#define CALL(T) \
	LAUNCH(add_inputs<T>, blocks_of(count / wide<T>::count + 1, BLOCK), BLOCK, 0, \
	    queue, (T *)out, s, count)
	return BY_DTYPE(dtype, CALL);
#undef CALL
}
