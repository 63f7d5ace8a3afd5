/* elementwise.c - the activations, add, flatten, dropout. */
#include "ref.h"
#include <string.h>

/* --- activations ------------------------------------------------------------
 * out = f(x, a, b), where x is an element of in; grad_in = gradient(x, g, a, b), which
 * is g df/dx, where g is an element of grad_out. `flags` says what x is in the
 * gradient: READS_INPUT: of in, READS_OUTPUT: of out, READS_NEITHER: nothing. a and b are the first `arg_count`
 * arguments, which are CNN_ARG_FLOAT; the others are 0. All are real: write x / 2 or
 * (real)0.5 * x. f of NaN is NaN, so a comparison that is false must lead to x.
 */
#define READS_INPUT (CNN_KEEP_INPUT | CNN_INPLACE_BACKWARD)
#define READS_OUTPUT (CNN_KEEP_OUTPUT | CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD)
#define READS_NEITHER (CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD)

/* ROW(type, flags, arg_count, f, gradient) */
/* clang-format off */
#define ACTIVATIONS(ROW) \
	ROW(relu, READS_OUTPUT, 0, x <= 0 ? 0 : x, x <= 0 ? 0 : g) \
	ROW(normalize, READS_NEITHER, 2, (x - a) / b, g / b)
/* clang-format on */

struct activation {
	struct ref ref;
	real a, b;
};

typedef real activation_function(real x, real g, real a, real b);

static int activation_plan(struct ref *r, const struct cnn_run *run, uint32_t arg_count)
{
	struct activation *s = (struct activation *)r;
	const struct cnn_arg_value *args = run->nodes[0].args;

	s->a = arg_count > 0 ? (real)args[0].f : 0;
	s->b = arg_count > 1 ? (real)args[1].f : 0;
	return CNN_OK;
}

/* Each row has a loop of its own, into which its function is inlined: f is a constant,
 * so the loop can be vectorised. */
static inline __attribute__((always_inline)) int activation_forward(
    const struct activation *s, const struct cnn_call *call, activation_function *f)
{
	const size_t n = s->ref.in * call->samples;
	const real *in = call->in[0], a = s->a, b = s->b;
	real *out = call->out;

	for (size_t i = 0; i < n; i++)
		out[i] = f(in[i], 0, a, b);
	return CNN_OK;
}

static inline __attribute__((always_inline)) int activation_backward(
    const struct activation *s, const struct cnn_call *call,
    activation_function *gradient)
{
	const uint32_t flags = s->ref.layer->flags;
	const size_t n = s->ref.in * call->samples;
	const real *grad_out = call->grad_out, a = s->a, b = s->b;
	const real *x = flags & CNN_KEEP_INPUT ? call->in[0] :
	    flags & CNN_KEEP_OUTPUT	       ? call->out :
						 grad_out;
	real *grad_in = call->grad_in[0];

	for (size_t i = 0; grad_in && i < n; i++)
		grad_in[i] = gradient(x[i], grad_out[i], a, b);
	return CNN_OK;
}

#define DEFINE(NAME, FLAGS, ARG_COUNT, F, GRADIENT) \
	static inline real NAME##_f(real x, real g, real a, real b) \
	{ \
		return (void)g, (void)a, (void)b, (F); \
	} \
	static inline real NAME##_gradient(real x, real g, real a, real b) \
	{ \
		return (void)x, (void)a, (void)b, (GRADIENT); \
	} \
	static int NAME##_forward(void *instance, const struct cnn_call *call) \
	{ \
		return activation_forward(instance, call, NAME##_f); \
	} \
	static int NAME##_backward(void *instance, const struct cnn_call *call) \
	{ \
		return activation_backward(instance, call, NAME##_gradient); \
	} \
	static int NAME##_plan(struct ref *r, const struct cnn_run *run, \
	    struct cnn_plan *plan) \
	{ \
		return (void)plan, activation_plan(r, run, ARG_COUNT); \
	} \
	static const struct ref_layer NAME##_layer = { \
		.instance_size = sizeof(struct activation), \
		.flags = (FLAGS), \
		.plan = NAME##_plan, \
		.forward_ns = 0.3, \
		.backward_ns = 0.4, \
		.forward = NAME##_forward, \
		.backward = NAME##_backward, \
	};

ACTIVATIONS(DEFINE)

/* --- the others ------------------------------------------------------------------- */

/* add: out = in[0] + in[1] + ..., in this order; each grad_in = grad_out. */
static int add_forward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	const size_t n = r->in * call->samples;
	real *out = call->out;

	for (size_t i = 0; i < n; i++) {
		real sum = ((const real *)call->in[0])[i];

		for (uint32_t k = 1; k < r->in_count; k++)
			sum += ((const real *)call->in[k])[i];
		out[i] = sum;
	}
	return CNN_OK;
}

static int add_backward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;

	for (uint32_t k = 0; k < r->in_count; k++)
		if (call->grad_in[k] && call->grad_in[k] != call->grad_out)
			memcpy(call->grad_in[k], call->grad_out,
			    r->in * call->samples * sizeof(real));
	return CNN_OK;
}

static const struct ref_layer add = {
	.instance_size = sizeof(struct ref),
	.forward_ns = 0.6,
	.backward_ns = 0.6,
	.flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD,
	.forward = add_forward,
	.backward = add_backward,
};

/* flatten: out = in, both in C order. */
static int flatten_forward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;

	if (call->out != call->in[0])
		memcpy(call->out, call->in[0], r->in * call->samples * sizeof(real));
	return CNN_OK;
}

static int flatten_backward(void *instance, const struct cnn_call *call)
{
	const struct ref *r = instance;
	void *grad_in = call->grad_in[0];

	if (grad_in && grad_in != call->grad_out)
		memcpy(grad_in, call->grad_out, r->in * call->samples * sizeof(real));
	return CNN_OK;
}

static const struct ref_layer flatten = {
	.instance_size = sizeof(struct ref),
	.forward_ns = 0.05,
	.backward_ns = 0.05,
	.flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD,
	.forward = flatten_forward,
	.backward = flatten_backward,
};

/* dropout: in training out[i] = in[i] mask[i] / (1 - p), and grad_in[i] = grad_out[i]
 * mask[i] / (1 - p). mask[i] is 1 if the i-th uniform of the step is at least p (as a
 * float), else 0. Otherwise out = in.
 * saved: mask, one byte per element.
 */
#define CHUNK 1024 /* uniforms generated at once */

struct dropout {
	struct ref ref;
	float p;
	uint32_t random_stream;
	real scale;
};

static int dropout_plan(struct ref *r, const struct cnn_run *run, struct cnn_plan *plan)
{
	struct dropout *d = (struct dropout *)r;
	double p = run->nodes[0].args[0].f;

	d->p = (float)p;
	d->scale = p < 1 ? (real)(1 / (1 - p)) : 0;
	d->random_stream = run->nodes[0].random_stream;
	if (!run->training)
		return CNN_OK;
	return ref_bytes(r, r->in, run->batch, 1, &plan->saved_bytes);
}

static int dropout_forward(void *instance, const struct cnn_call *call)
{
	const struct dropout *d = instance;
	const uint64_t first = call->first_sample * d->ref.in;
	const size_t n = d->ref.in * call->samples;
	const real *in = call->in[0];
	real *out = call->out;
	unsigned char *mask = call->saved;
	float u[CHUNK];

	if (!call->training) {
		if (out != in)
			memcpy(out, in, n * sizeof(real));
		return CNN_OK;
	}
	for (size_t i = 0; i < n; i++) {
		if (i % CHUNK == 0)
			d->ref.host->uniform(call->state->seed, d->random_stream,
			    call->state->step, first + i, n - i < CHUNK ? n - i : CHUNK,
			    u);
		mask[i] = u[i % CHUNK] >= d->p;
		out[i] = mask[i] ? in[i] * d->scale : 0;
	}
	return CNN_OK;
}

static int dropout_backward(void *instance, const struct cnn_call *call)
{
	const struct dropout *d = instance;
	const size_t n = d->ref.in * call->samples;
	const unsigned char *mask = call->saved;
	const real *grad_out = call->grad_out;
	real *grad_in = call->grad_in[0];

	for (size_t i = 0; grad_in && i < n; i++)
		grad_in[i] = mask[i] ? grad_out[i] * d->scale : 0;
	return CNN_OK;
}

static const struct ref_layer dropout = {
	.instance_size = sizeof(struct dropout),
	.forward_ns = 6,
	.backward_ns = 2,
	.flags = CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD,
	.plan = dropout_plan,
	.forward = dropout_forward,
	.backward = dropout_backward,
};

#define KERNEL(NAME, ...) REF_KERNEL(#NAME, NAME##_layer),

static const struct cnn_kernel kernels[] = {
	ACTIVATIONS(KERNEL) REF_KERNEL("add", add),
	REF_KERNEL("flatten", flatten),
	REF_KERNEL("dropout", dropout),
};

REF_PLUGIN("elementwise", CNN_KERNELS(kernels));
