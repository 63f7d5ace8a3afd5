/* check.c - graph_check(): checks that a graph matches its layer.
 *
 * With (p, d, s, k) the padding, dilation, stride and kernel of an axis,
 *   out = (in + 2 p - d (k - 1) - 1) / s + 1.
 * The channels of x are groups times those of a filter, groups divide the filters, and
 * every tensor has the sizes that follow. Each tensor has its own id and is NHWC.
 * Tensors inside the graph are written before they are read. Tensors outside are
 * written at most once.
 */
#include "graphs.h"

#include <stdio.h>

#define MAX_SIZE 0x7fffffff	     /* of an axis: kernels use int */
#define MAX_COUNT ((int64_t)1 << 40) /* elements of a tensor */

static const char *shape_text(const int64_t dims[4], char text[96])
{
	snprintf(text, 96, "%lldx%lldx%lldx%lld", (long long)dims[0],
	    (long long)dims[1], (long long)dims[2], (long long)dims[3]);
	return text;
}

/* --- the layer -------------------------------------------------------------------- */

static int check_axis(const struct graph_spec *s, int axis, int64_t in, int64_t out,
    struct graph_error *e)
{
	int64_t k = s->kernel[axis], d = s->dilation[axis], p = s->padding[axis];
	const char *name = axis ? "width" : "height";
	int64_t window, padded, right;

	if (k < 1 || s->stride[axis] < 1 || d < 1 || p < 0 || k > MAX_SIZE ||
	    s->stride[axis] > MAX_SIZE || d > MAX_SIZE || p > MAX_SIZE || in < 1 ||
	    in > MAX_SIZE)
		return graph_fail(e, CNN_EUSAGE,
		    "%s: a kernel, stride, dilation, padding or size out of range",
		    name);
	window = d * (k - 1) + 1;
	padded = in + 2 * p;
	if (window > padded)
		return graph_fail(e, CNN_EUSAGE,
		    "%s: the window (%lld) is larger than the padded input (%lld)",
		    name, (long long)window, (long long)padded);
	right = (padded - window) / s->stride[axis] + 1;
	if (out != right)
		return graph_fail(e, CNN_EUSAGE,
		    "%s: output is %lld, but the window gives %lld", name,
		    (long long)out, (long long)right);
	return CNN_OK;
}

static int check_spec(const struct graph_spec *s, struct graph_error *e)
{
	bool pool = s->kind >= GRAPH_MAXPOOL;
	int r;

	if (s->dtype != CNN_F32 && s->dtype != CNN_F16 && s->dtype != CNN_BF16)
		return graph_fail(e, CNN_EUSAGE, "element type %u is not supported",
		    (unsigned)s->dtype);
	if (s->n < 1 || s->c < 1 || s->o < 1 || s->n > MAX_SIZE || s->c > MAX_SIZE ||
	    s->o > MAX_SIZE)
		return graph_fail(e, CNN_EUSAGE, "samples or channels out of range");
	if (s->groups < 1 || s->c % s->groups || s->o % s->groups)
		return graph_fail(e, CNN_EUSAGE,
		    "%lld groups do not divide %lld and %lld channels",
		    (long long)s->groups, (long long)s->c, (long long)s->o);
	if (pool &&
	    (s->c != s->o || s->groups != 1 || s->dilation[0] != 1 ||
		s->dilation[1] != 1))
		return graph_fail(e, CNN_EUSAGE,
		    "pooling cannot change the channels or have groups or dilation");
	if ((r = check_axis(s, 0, s->h, s->oh, e)) != CNN_OK)
		return r;
	return check_axis(s, 1, s->w, s->ow, e);
}

/* --- the tensors ------------------------------------------------------------------ */

static int check_tensor(const struct graph *g, uint32_t i, struct graph_error *e)
{
	const struct graph_tensor *t = &g->tensors[i];
	const int64_t c = t->dims[1], row = t->dims[3] * c;
	int64_t count = 1;

	if (t->id <= GRAPH_NONE)
		return graph_fail(e, CNN_EUSAGE, "tensor %u has no id", (unsigned)i);
	for (uint32_t k = 0; k < i; k++)
		if (g->tensors[k].id == t->id)
			return graph_fail(e, CNN_EUSAGE, "two tensors have the id %lld",
			    (long long)t->id);
	if (t->is_virtual != (t->id >= GRAPH_VIRTUAL))
		return graph_fail(e, CNN_EUSAGE,
		    "tensor %lld has the id of a tensor %s the graph", (long long)t->id,
		    t->is_virtual ? "outside" : "inside");
	for (int k = 0; k < 4; k++) {
		if (t->dims[k] < 1 || t->dims[k] > MAX_COUNT / count)
			return graph_fail(e, CNN_EUSAGE,
			    "tensor %lld is too large or empty", (long long)t->id);
		count *= t->dims[k];
	}
	if (t->strides[1] != 1 || t->strides[3] != c || t->strides[2] != row ||
	    t->strides[0] != row * t->dims[2])
		return graph_fail(e, CNN_EUSAGE, "tensor %lld is not NHWC",
		    (long long)t->id);
	if (t->alignment < GRAPH_ALIGNMENT || (t->alignment & (t->alignment - 1)))
		return graph_fail(e, CNN_EUSAGE,
		    "tensor %lld is aligned only to %lld bytes", (long long)t->id,
		    (long long)t->alignment);
	return CNN_OK;
}

static int want_shape(const struct graph *g, int64_t id, const char *what, int64_t d0,
    int64_t d1, int64_t d2, int64_t d3, struct graph_error *e)
{
	const int64_t want[4] = { d0, d1, d2, d3 };
	const struct graph_tensor *t = graph_find(g, id);
	char is[96], should[96];

	for (int i = 0; i < 4; i++)
		if (t->dims[i] != want[i])
			return graph_fail(e, CNN_EUSAGE, "%s is %s, but should be %s",
			    what, shape_text(t->dims, is), shape_text(want, should));
	return CNN_OK;
}

static int want_type(const struct graph *g, int64_t id, const char *what,
    cudnnDataType_t type, struct graph_error *e)
{
	if (graph_find(g, id)->type == type)
		return CNN_OK;
	return graph_fail(e, CNN_EUSAGE,
	    "%s has the element type %d, but should have %d", what,
	    (int)graph_find(g, id)->type, (int)type);
}

/* Requires a tensor in the layer's type, or a float tensor inside the graph. */
static int want_numbers(const struct graph *g, int64_t id, const char *what,
    struct graph_error *e)
{
	return want_type(g, id, what,
	    id >= GRAPH_VIRTUAL ? CUDNN_DATA_FLOAT : graph_type(g->spec.dtype), e);
}

/* --- the operations --------------------------------------------------------------- */

static int check_convolution(const struct graph *g, int64_t x, int64_t w, int64_t y,
    struct graph_error *e)
{
	const struct graph_spec *s = &g->spec;
	int r;

	if ((r = want_shape(g, x, "x", s->n, s->c, s->h, s->w, e)) != CNN_OK ||
	    (r = want_shape(g, w, "w", s->o, s->c / s->groups, s->kernel[0],
		 s->kernel[1], e)) != CNN_OK ||
	    (r = want_shape(g, y, "y", s->n, s->o, s->oh, s->ow, e)) != CNN_OK ||
	    (r = want_numbers(g, x, "x", e)) != CNN_OK ||
	    (r = want_numbers(g, w, "w", e)) != CNN_OK)
		return r;
	return want_numbers(g, y, "y", e);
}

static int check_pool(const struct graph *g, int64_t x, int64_t index, int64_t y,
    struct graph_error *e)
{
	const struct graph_spec *s = &g->spec;
	int r;

	if ((r = want_shape(g, x, "x", s->n, s->c, s->h, s->w, e)) != CNN_OK ||
	    (r = want_shape(g, y, "y", s->n, s->o, s->oh, s->ow, e)) != CNN_OK ||
	    (r = want_numbers(g, x, "x", e)) != CNN_OK ||
	    (r = want_numbers(g, y, "y", e)) != CNN_OK)
		return r;
	if (index == GRAPH_NONE)
		return CNN_OK;
	if ((r = want_type(g, index, "the index", CUDNN_DATA_INT8, e)) != CNN_OK)
		return r;
	if (s->kernel[0] * s->kernel[1] > GRAPH_MAX_INDEX)
		return graph_fail(e, CNN_EUSAGE, "the window has more than %d elements",
		    GRAPH_MAX_INDEX);
	return want_shape(g, index, "the index", s->n, s->o, s->oh, s->ow, e);
}

/* b has the same shape, or one number per channel. */
static int check_pointwise(const struct graph *g, const struct graph_op *op,
    struct graph_error *e)
{
	const int64_t *d = graph_find(g, op->out)->dims;
	int r;

	if ((r = want_shape(g, op->a, "an operand", d[0], d[1], d[2], d[3], e)) !=
		CNN_OK ||
	    (r = want_numbers(g, op->a, "an operand", e)) != CNN_OK ||
	    (r = want_numbers(g, op->out, "a result", e)) != CNN_OK ||
	    op->b == GRAPH_NONE)
		return r;
	r = op->kind == OP_ADD ?
	    want_shape(g, op->b, "the bias", 1, d[1], 1, 1, e) :
	    want_shape(g, op->b, "the mask", d[0], d[1], d[2], d[3], e);
	return r == CNN_OK ? want_numbers(g, op->b, "an operand", e) : r;
}

static int check_op(const struct graph *g, const struct graph_op *op,
    struct graph_error *e)
{
	switch (op->kind) {
	case OP_CONV: return check_convolution(g, op->a, op->b, op->out, e);
	case OP_DGRAD: return check_convolution(g, op->out, op->b, op->a, e);
	case OP_WGRAD: return check_convolution(g, op->a, op->out, op->b, e);
	case OP_MAXPOOL:
	case OP_AVGPOOL: return check_pool(g, op->a, op->b, op->out, e);
	case OP_MAXPOOL_BACKWARD:
	case OP_AVGPOOL_BACKWARD: return check_pool(g, op->out, op->b, op->a, e);
	default: return check_pointwise(g, op, e);
	}
}

/* True if one of the first `count` operations writes tensor id. */
static bool made(const struct graph *g, uint32_t count, int64_t id)
{
	const struct graph_op *op;

	for (uint32_t i = 0; i < count; i++) {
		op = &g->ops[i];
		if (op->out == id || (op->kind == OP_MAXPOOL && op->b == id))
			return true;
	}
	return false;
}

static int check_order(const struct graph *g, uint32_t i, struct graph_error *e)
{
	const struct graph_op *op = &g->ops[i];
	const int64_t ids[3] = { op->a, op->b, op->out };

	for (int k = 0; k < 3; k++) {
		bool optional = k == 1 &&
		    (op->kind == OP_RELU || op->kind == OP_AVGPOOL ||
			op->kind == OP_AVGPOOL_BACKWARD || op->kind == OP_MAXPOOL);
		bool out = k == 2 || (k == 1 && op->kind == OP_MAXPOOL);

		if (ids[k] == GRAPH_NONE && optional)
			continue;
		if (!graph_find(g, ids[k]))
			return graph_fail(e, CNN_EUSAGE,
			    "operation %u uses tensor %lld, which does not exist",
			    (unsigned)i, (long long)ids[k]);
		if (made(g, i, ids[k]) != (!out && ids[k] >= GRAPH_VIRTUAL))
			return graph_fail(e, CNN_EUSAGE,
			    "operation %u: tensor %lld is written %s", (unsigned)i,
			    (long long)ids[k],
			    out				? "twice" :
				ids[k] >= GRAPH_VIRTUAL ? "later" :
							  "by the graph that reads it");
	}
	return op->a == op->out || op->b == op->out ?
	    graph_fail(e, CNN_EUSAGE, "operation %u writes a tensor that it reads",
		(unsigned)i) :
	    CNN_OK;
}

int graph_check(const struct graph *g, struct graph_error *e)
{
	int r = check_spec(&g->spec, e);

	if (r == CNN_OK &&
	    (g->tensor_count > GRAPH_MAX_TENSORS || g->op_count < 1 ||
		g->op_count > GRAPH_MAX_OPS))
		return graph_fail(e, CNN_EUSAGE,
		    "the graph has no operations, or too many");
	for (uint32_t i = 0; i < g->tensor_count && r == CNN_OK; i++)
		r = check_tensor(g, i, e);
	for (uint32_t i = 0; i < g->op_count && r == CNN_OK; i++)
		if ((r = check_order(g, i, e)) == CNN_OK)
			r = check_op(g, &g->ops[i], e);
	return r;
}
