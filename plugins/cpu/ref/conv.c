/* conv2d: for a sample and a group of channels
 *   out[o][y][x] = bias[o] + sum over c, i, j of weight[o][c][i][j]
 *                  in[c][y * stride - padding + i * dilation][x likewise]
 * in (C,H,W), out (O,OH,OW), weight (O,C/groups,KH,KW), bias (O). Elements outside
 * of in are zeros.
 *
 * The windows of each sample are written out as a matrix `columns`
 * (C/groups * KH * KW, OH * OW). With weight as (O/groups, ...),
 *   out = bias + weight columns
 *   grad_weight = grad_out columns'
 *   grad_columns = weight' grad_out, folded back into grad_in.
 */
#include "ref.h"
#include <string.h>

enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS, BIAS };

struct conv2d {
	struct ref ref;
	size_t groups, c, h, w; /* of a group's input */
	size_t o, oh, ow;	/* of a group's output */
	size_t kernel[2], stride[2], padding[2], dilation[2];
	bool bias;
	size_t patch, area; /* rows and columns of `columns` */
};

static int plan(struct ref *r, const struct cnn_run *run, struct cnn_plan *p)
{
	struct conv2d *v = (struct conv2d *)r;
	const struct cnn_arg_value *a = run->nodes[0].args;
	const size_t *in = run->inputs[0].shape.dims, *out = run->output.dims;

	v->groups = (size_t)a[GROUPS].i;
	v->c = in[0] / v->groups, v->h = in[1], v->w = in[2];
	v->o = out[0] / v->groups, v->oh = out[1], v->ow = out[2];
	v->kernel[0] = (size_t)a[KERNEL].i, v->kernel[1] = (size_t)a[KERNEL].j;
	v->stride[0] = (size_t)a[STRIDE].i, v->stride[1] = (size_t)a[STRIDE].j;
	v->padding[0] = (size_t)a[PADDING].i, v->padding[1] = (size_t)a[PADDING].j;
	v->dilation[0] = (size_t)a[DILATION].i, v->dilation[1] = (size_t)a[DILATION].j;
	v->bias = a[BIAS].i;
	v->patch = v->c * v->kernel[0] * v->kernel[1];
	v->area = v->oh * v->ow;
	return ref_bytes(r, v->patch, v->area, sizeof(real), &p->scratch_bytes);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The outputs x of a row of ow that read inside the input, x0 <= x < x1. Output x reads
 * element x * stride + offset - padding of w. */
static void inside(size_t w, size_t ow, size_t stride, size_t offset, size_t padding,
    size_t *x0, size_t *x1)
{
	size_t end = w + padding; /* x * stride + offset must be below it */

	*x0 = offset >= padding ? 0 : (padding - offset + stride - 1) / stride;
	*x0 = smaller(*x0, ow);
	*x1 = offset >= end ? 0 : (end - offset + stride - 1) / stride;
	*x1 = smaller(*x1, ow);
	if (*x1 < *x0)
		*x1 = *x0;
}

/* Calls row(v, i, j, ...) for each row of `columns` and each line of the output.
 * `place` is one line of a row of columns. Its elements x0 .. x1 - 1 belong to line[0],
 * line[stride], ...; the others lie in the padding. If line is NULL, all do. */
typedef void line_function(real *place, real *line, size_t x0, size_t x1, size_t ow,
    size_t stride);

static void each_line(const struct conv2d *v, real *columns, real *image,
    line_function *function)
{
	for (size_t c = 0; c < v->c; c++, image += v->h * v->w)
		for (size_t i = 0; i < v->kernel[0]; i++)
			for (size_t j = 0; j < v->kernel[1]; j++) {
				size_t dx = j * v->dilation[1], x0, x1, y0, y1;

				inside(v->h, v->oh, v->stride[0], i * v->dilation[0],
				    v->padding[0], &y0, &y1);
				inside(v->w, v->ow, v->stride[1], dx, v->padding[1],
				    &x0, &x1);
				for (size_t y = 0; y < v->oh; y++, columns += v->ow) {
					real *line = NULL;

					if (y >= y0 && y < y1 && x1 > x0)
						line = image +
						    (y * v->stride[0] +
							i * v->dilation[0] -
							v->padding[0]) *
							v->w +
						    (x0 * v->stride[1] + dx -
							v->padding[1]);
					function(columns, line, x0, x1, v->ow,
					    v->stride[1]);
				}
			}
}

static void unfold_line(real *place, real *line, size_t x0, size_t x1, size_t ow,
    size_t stride)
{
	if (!line) {
		memset(place, 0, ow * sizeof(*place));
		return;
	}
	for (size_t x = 0; x < x0; x++)
		place[x] = 0;
	if (stride == 1)
		memcpy(&place[x0], line, (x1 - x0) * sizeof(*place));
	else
		for (size_t x = x0; x < x1; x++)
			place[x] = line[(x - x0) * stride];
	for (size_t x = x1; x < ow; x++)
		place[x] = 0;
}

static void fold_line(real *place, real *line, size_t x0, size_t x1, size_t ow,
    size_t stride)
{
	(void)ow;
	if (line)
		for (size_t x = x0; x < x1; x++)
			line[(x - x0) * stride] += place[x];
}

static int forward(void *instance, const struct cnn_call *call)
{
	const struct conv2d *v = instance;
	const real *in = call->in[0], *weight = call->params[0];
	const real *bias = v->bias ? call->params[1] : NULL;
	real *out = call->out, *columns = call->scratch;

	for (size_t n = 0; n < call->samples; n++)
		for (size_t g = 0; g < v->groups; g++) {
			for (size_t o = 0; o < v->o; o++)
				for (size_t x = 0; x < v->area; x++)
					out[o * v->area + x] =
					    bias ? bias[g * v->o + o] : 0;
			each_line(v, columns, (real *)in, unfold_line);
			ref_matmul(out, weight + g * v->o * v->patch, v->patch, 1,
			    columns, v->o, v->area, v->patch);
			in += v->c * v->h * v->w;
			out += v->o * v->area;
		}
	return CNN_OK;
}

static void backward_bias(const struct conv2d *v, const struct cnn_call *call)
{
	const real *grad_out = call->grad_out;
	real *grad_bias = call->grad_params[1];
	size_t channels = v->groups * v->o;

	for (size_t o = 0; o < channels; o++) {
		double sum = 0;

		for (size_t n = 0; n < call->samples; n++)
			sum +=
			    ref_sum(&grad_out[(n * channels + o) * v->area], v->area);
		grad_bias[o] = (real)sum;
	}
}

static int backward(void *instance, const struct cnn_call *call)
{
	const struct conv2d *v = instance;
	const size_t image = v->c * v->h * v->w, weights = v->o * v->patch;
	const real *in = call->in[0], *grad_out = call->grad_out;
	const real *weight = call->params[0];
	real *grad_weight = call->grad_params[0], *grad_in = call->grad_in[0];
	real *columns = call->scratch;

	if (v->bias)
		backward_bias(v, call);
	memset(grad_weight, 0, v->groups * weights * sizeof(real));
	for (size_t n = 0; n < call->samples; n++)
		for (size_t g = 0; g < v->groups; g++) {
			each_line(v, columns, (real *)in, unfold_line);
			ref_matmul_t(grad_weight + g * weights, grad_out, columns, v->o,
			    v->patch, v->area);
			if (grad_in) {
				memset(columns, 0, v->patch * v->area * sizeof(real));
				ref_matmul(columns, weight + g * weights, 1, v->patch,
				    grad_out, v->patch, v->area, v->o);
				memset(grad_in, 0, image * sizeof(real));
				each_line(v, columns, grad_in, fold_line);
				grad_in += image;
			}
			in += image;
			grad_out += v->o * v->area;
		}
	return CNN_OK;
}

/* Multiplications; a group of few channels takes three times as long. */
static size_t work(const struct cnn_run *run)
{
	const size_t *w = run->params[0].shape.dims, *out = run->output.dims;
	const size_t count = w[0] * w[1] * w[2] * w[3] * out[1] * out[2];

	return run->nodes[0].args[GROUPS].i > 1 ? 3 * count : count;
}

static const struct ref_layer layer = {
	.instance_size = sizeof(struct conv2d),
	.forward_ns = 0.15,
	.backward_ns = 0.38,
	.work = work,
	.flags = CNN_KEEP_INPUT,
	.rounds_params = true,
	.plan = plan,
	.forward = forward,
	.backward = backward,
};

static const struct cnn_kernel kernels[] = {
	REF_KERNEL("conv2d", layer),
};

REF_PLUGIN("conv", CNN_KERNELS(kernels));
