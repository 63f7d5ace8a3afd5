/* conv.c - convolutions and linear layers, see conv.h: an instance of a run, the layout
 * of its parameters, and the launches of each call.
 *
 * A kernel only names its run. conv_shape_read() derives the rest from the nodes:
 *   linear   a convolution of 1x1 images
 *   relu     is applied to the sums before they are stored; backward reads out again to
 *            see where it passes the gradient
 *   maxpool2d   neither of the larger tensors is stored; for pools whose windows do not
 *            overlap and have at most 64 pixels
 *   flatten  the elements of an image keep their order in memory; the weights are put
 *            into that order instead
 */
#include "conv.h"
#include "native.h"
#include <cuda_runtime_api.h>
#include <string.h>

enum { WEIGHT, BIAS };

struct conv {
	const struct cnn_host *host;
	struct conv_shape shape;
	/* Sizes of the weights. Their order: plain (outputs, channels, places), in this
	 * instance (outputs, places, channels). */
	size_t outputs, channels, places;
};

/* --- the plan --------------------------------------------------------------------- */

static size_t pixels_of(const struct cnn_shape *s)
{
	return s->rank == 3 ? s->dims[1] * s->dims[2] : 1;
}

/* True if NCHW and NHWC have the same bytes. */
static bool is_either(const struct cnn_shape *s)
{
	return s->rank != 3 || s->dims[0] == 1 || pixels_of(s) == 1;
}

/* Chooses NHWC. Keeps an NCHW input if that costs nothing: if the bytes are the same,
 * if the order of the elements does not matter, or if a pixel's channels could not be
 * read as vectors. */
static uint32_t layout_of(const struct cnn_run *run)
{
	const struct cnn_edge *in = &run->inputs[0];
	const bool flat = strcmp(run->nodes[0].type, "conv2d") != 0;
	struct conv_shape s;

	if (in->shape.rank != 3)
		return CNN_NCHW;
	if (in->format.layout != CNN_NCHW)
		return CNN_NHWC;
	if (flat || is_either(&in->shape))
		return CNN_NCHW;
	return conv_shape_read(&s, run, CNN_NHWC) && s.vector_c ? CNN_NHWC : CNN_NCHW;
}

static void set_formats(const struct cnn_run *run, struct cnn_plan *plan)
{
	const uint32_t layout = layout_of(run);

	plan->inputs[0] = (struct cnn_format){ run->dtype, layout };
	plan->output = (struct cnn_format){ run->dtype, CNN_NCHW };
	if (run->output.rank == 3 && !(layout == CNN_NCHW && is_either(&run->output)))
		plan->output.layout = CNN_NHWC;
}

/* A group with few channels leaves most of a tile empty. A kernel made for that case,
 * if there is one, is cheaper. */
static double conv_cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	struct conv_job job;
	struct conv_shape s;
	double cost;

	if (native_cost(host, kernel, run, plan) <= 0 ||
	    !conv_shape_read(&s, run, CNN_NHWC))
		return 0;
	for (int product = CONV_FORWARD; product <= CONV_WEIGHT; product++)
		if (!conv_job_make(&job, &s, (enum conv_product)product, run->batch))
			return 0;
	set_formats(run, plan);
	cost = native_estimate(run, 1,
	    2.0 * s.patch * s.o * s.groups * s.oh * s.ow * run->batch);
	return s.groups > 1 && (s.c < 8 || s.o < 8) ? 6 * cost : cost;
}

/* The parts of backward's two jobs follow each other in scratch. */
static size_t make_backward(const struct conv_shape *s, uint32_t samples,
    bool wants_input, struct conv_job *weight, struct conv_job *input)
{
	conv_job_make(weight, s, CONV_WEIGHT, samples);
	memset(input, 0, sizeof(*input));
	if (wants_input)
		conv_job_make(input, s, CONV_INPUT, samples);
	return conv_partial_count(s, weight) + conv_partial_count(s, input);
}

static size_t make_forward(const struct conv_shape *s, uint32_t samples,
    struct conv_job *job)
{
	conv_job_make(job, s, CONV_FORWARD, samples);
	return conv_partial_count(s, job);
}

/* Fewer samples may be cut into more parts, so all numbers are checked. */
static size_t scratch_bytes(const struct conv_shape *s, const struct cnn_run *run)
{
	struct conv_job job, input;
	size_t most = 0;

	for (uint32_t n = 1; n <= run->batch; n++) {
		size_t count = make_forward(s, n, &job);

		most = count > most ? count : most;
		if (run->training)
			count = make_backward(s, n, run->inputs[0].wants_gradient, &job,
			    &input);
		most = count > most ? count : most;
	}
	return most * sizeof(float);
}

/* "flatten linear" of NHWC has one place per pixel, like a kernel has. */
static void set_weight_order(struct conv *v, const struct cnn_run *run, uint32_t layout)
{
	const struct conv_shape *s = &v->shape;

	v->outputs = (size_t)s->groups * s->o;
	v->channels = s->c;
	v->places = (size_t)s->kernel[0] * s->kernel[1];
	if (strcmp(run->nodes[0].type, "flatten") == 0 && layout == CNN_NHWC) {
		v->places = pixels_of(&run->inputs[0].shape);
		v->channels /= v->places;
	}
}

static void conv_destroy(void *instance)
{
	struct conv *v = instance;

	if (v)
		v->host->free(v->host, v);
}

static int conv_create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	const uint32_t layout = layout_of(run);
	struct conv *v = host->alloc(host, sizeof(*v));
	const struct conv_shape *s;
	int r;

	(void)kernel;
	*instance = NULL;
	native_check_launches(host);
	if (!v)
		return CNN_ENOMEM;
	memset(v, 0, sizeof(*v));
	s = &v->shape;
	v->host = host;
	conv_shape_read(&v->shape, run, layout);
	set_weight_order(v, run, layout);

	set_formats(run, plan);
	plan->scratch_bytes = scratch_bytes(s, run);
	if (run->training) {
		plan->flags = CNN_KEEP_INPUT;
		if (s->relu && !s->pooled)
			plan->flags |= CNN_KEEP_OUTPUT;
		if (s->pooled &&
		    (r = native_bytes(host, run->batch,
			 (size_t)s->ph * s->pw * s->out_pixel, 1,
			 &plan->saved_bytes)) != CNN_OK) {
			conv_destroy(v);
			return r;
		}
	}
	*instance = v;
	return CNN_OK;
}

/* --- parameters ------------------------------------------------------------------- */

/* to (o,b,a) = from (o,a,b). */
static void transpose(float *to, const float *from, size_t o, size_t a, size_t b)
{
	for (size_t k = 0; k < o; k++, to += a * b, from += a * b)
		for (size_t i = 0; i < a; i++)
			for (size_t j = 0; j < b; j++)
				to[j * a + i] = from[i * b + j];
}

static int copy(const struct conv *v, void *dst, const void *src, size_t bytes,
    enum cudaMemcpyKind kind, void *queue)
{
	int error = (int)cudaMemcpyAsync(dst, src, bytes, kind, queue);

	if (!error)
		error = (int)cudaStreamSynchronize(queue);
	return native_done(v->host, "parameters", error, queue);
}

static size_t count_of(const struct conv *v, uint32_t index)
{
	return index == WEIGHT ? v->outputs * v->channels * v->places : v->outputs;
}

static bool is_transposed(const struct conv *v, uint32_t index)
{
	return index == WEIGHT && v->channels > 1 && v->places > 1;
}

static int conv_param_import(void *instance, void *queue, uint32_t index,
    const float *plain, float *native)
{
	const struct conv *v = instance;
	const size_t bytes = count_of(v, index) * sizeof(float);
	float *ordered;
	int r;

	if (!is_transposed(v, index))
		return copy(v, native, plain, bytes, cudaMemcpyHostToDevice, queue);
	if (!(ordered = v->host->alloc(v->host, bytes)))
		return CNN_ENOMEM;
	transpose(ordered, plain, v->outputs, v->channels, v->places);
	r = copy(v, native, ordered, bytes, cudaMemcpyHostToDevice, queue);
	v->host->free(v->host, ordered);
	return r;
}

static int conv_param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain)
{
	const struct conv *v = instance;
	const size_t bytes = count_of(v, index) * sizeof(float);
	float *ordered;
	int r;

	if (!is_transposed(v, index))
		return copy(v, plain, native, bytes, cudaMemcpyDeviceToHost, queue);
	if (!(ordered = v->host->alloc(v->host, bytes)))
		return CNN_ENOMEM;
	r = copy(v, ordered, native, bytes, cudaMemcpyDeviceToHost, queue);
	if (r == CNN_OK)
		transpose(plain, ordered, v->outputs, v->places, v->channels);
	v->host->free(v->host, ordered);
	return r;
}

/* --- calls ------------------------------------------------------------------------ */

static int conv_forward(void *instance, const struct cnn_call *call)
{
	const struct conv *v = instance;
	const struct conv_shape *s = &v->shape;
	struct conv_job job;
	struct conv_buffers b = {
		.in = call->in[0],
		.weight = call->params[WEIGHT],
		.bias = s->bias ? call->params[BIAS] : NULL,
		.out = call->out,
		.saved = s->pooled && call->training ? call->saved : NULL,
	};

	make_forward(s, call->samples, &job);
	job.partial = call->scratch;
	return native_done(v->host, "conv_forward",
	    native_conv_forward(call->queue, s, &job, &b), call->queue);
}

static int conv_backward(void *instance, const struct cnn_call *call)
{
	const struct conv *v = instance;
	const struct conv_shape *s = &v->shape;
	void *grad_in = call->grad_in ? call->grad_in[0] : NULL;
	struct conv_job weight, input;
	struct conv_buffers b = {
		.in = call->in[0],
		.weight = call->params[WEIGHT],
		.out = call->out,
		.saved = call->saved,
		.grad_out = call->grad_out,
		.grad_in = grad_in,
		.grad_weight = call->grad_params[WEIGHT],
		.grad_bias = s->bias ? call->grad_params[BIAS] : NULL,
	};

	make_backward(s, call->samples, grad_in != NULL, &weight, &input);
	weight.partial = call->scratch;
	input.partial = weight.partial + conv_partial_count(s, &weight);
	return native_done(v->host, "conv_backward",
	    native_conv_backward(call->queue, s, &weight, &input, &b), call->queue);
}

#define CONV_KERNEL(RUN) \
	{ \
		.size = sizeof(struct cnn_kernel), .run = (RUN), .cost = conv_cost, \
		.create = conv_create, .destroy = conv_destroy, \
		.param_import = conv_param_import, .param_export = conv_param_export, \
		.forward = conv_forward, .backward = conv_backward, \
	}

static const struct cnn_kernel kernels[] = {
	CONV_KERNEL("conv2d"),
	CONV_KERNEL("conv2d+relu"),
	CONV_KERNEL("conv2d+relu+maxpool2d"),
	CONV_KERNEL("linear"),
	CONV_KERNEL("linear+relu"),
	CONV_KERNEL("flatten+linear"),
	CONV_KERNEL("flatten+linear+relu"),
};

NATIVE_PLUGIN("conv", CNN_KERNELS(kernels));
