/* direct.c - see direct.h. */
#include "direct.h"

enum { WEIGHT, BIAS };

/* The arguments of conv2d. */
enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS };

NATIVE_TABLE(direct_kernels);

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* The pixels that tiles of `most` compute for a row of n, see sum_row(). */
static size_t tiled(size_t n, size_t most)
{
	const size_t rest = n % most;
	size_t some = most / 2;

	if (some == 0)
		some = 1;
	if (n >= most && rest > some)
		return n - rest + most;
	return n < some ? n : n - rest + round_up(rest, some);
}

/* Products per tap of a row of n pixels, by tiles of `outs` channels. */
static size_t products(const struct direct_kernels *k, size_t channels, size_t n,
    size_t outs)
{
	return round_up(channels, outs) *
	    tiled(n,
		outs == 1     ? k->pixels_1 :
		    outs == 4 ? k->pixels_4 :
				k->pixels_6);
}

/* The channels of a tile: those that waste least. */
static size_t tile_of(const struct direct_kernels *k, size_t channels, size_t n)
{
	if (channels == 1)
		return 1;
	return products(k, channels, n, 6) < products(k, channels, n, 4) ? 6 : 4;
}

/* The node that pools, or NULL. */
static const struct cnn_node *pool_of(const struct cnn_run *run)
{
	const struct cnn_node *last = &run->nodes[run->node_count - 1];

	return strcmp(last->type, "maxpool2d") == 0 ||
		strcmp(last->type, "avgpool2d") == 0 ?
	    last :
	    NULL;
}

/* True if the windows of pooling do not overlap and their places fit a code. */
static bool pools_apart(const struct cnn_run *run)
{
	enum { POOL_KERNEL, POOL_STRIDE, POOL_PADDING };
	const struct cnn_node *pool = pool_of(run);
	const struct cnn_arg_value *a;

	if (!pool)
		return true;
	a = pool->args;
	return a[POOL_KERNEL].i == a[POOL_STRIDE].i &&
	    a[POOL_KERNEL].j == a[POOL_STRIDE].j && a[POOL_PADDING].i == 0 &&
	    a[POOL_PADDING].j == 0 && a[POOL_KERNEL].i * a[POOL_KERNEL].j <= INT8_MAX;
}

static void describe_pool(struct direct *v, const struct cnn_run *run)
{
	const struct cnn_node *pool = pool_of(run);

	v->zh = run->output.dims[1];
	v->zw = run->output.dims[2];
	v->ph = v->pw = 1;
	if (!pool)
		return;
	v->pool = strcmp(pool->type, "maxpool2d") == 0 ? DIRECT_MAX : DIRECT_MEAN;
	v->ph = (size_t)pool->args[0].i;
	v->pw = (size_t)pool->args[0].j;
}

/* Describes all except the tables. */
static void describe(struct direct *v, const struct cnn_host *host,
    const struct cnn_run *run)
{
	const struct cnn_arg_value *a = run->nodes[0].args;
	const size_t *in = run->inputs[0].shape.dims, *out = run->nodes[0].output.dims;
	size_t reach, last;

	*v = (struct direct){
		.host = host,
		.kernels = levels[native_level(host)],
		.half = run->dtype == CNN_BF16,
		.relu = run->node_count > 1 && strcmp(run->nodes[1].type, "relu") == 0,
		.has_bias = run->param_count > BIAS,
		.training = run->training,
		.wants_gradient = run->training && run->inputs[0].wants_gradient,
		.c = in[0],
		.h = in[1],
		.w = in[2],
		.o = out[0],
		.oh = out[1],
		.ow = out[2],
		.kh = (size_t)a[KERNEL].i,
		.kw = (size_t)a[KERNEL].j,
		.sy = (size_t)a[STRIDE].i,
		.sx = (size_t)a[STRIDE].j,
		.dy = (size_t)a[DILATION].i,
		.dx = (size_t)a[DILATION].j,
		.py = (size_t)a[PADDING].i,
		.px = (size_t)a[PADDING].j,
		.groups = (size_t)a[GROUPS].i,
	};
	describe_pool(v, run);
	v->c_group = v->c / v->groups;
	v->o_group = v->o / v->groups;
	v->rows = v->h + 2 * v->py;
	v->row = v->w + 2 * v->px;
	v->outs = tile_of(v->kernels, v->o_group, v->ow);
	v->back_outs = tile_of(v->kernels, v->c_group, (v->w + v->sx - 1) / v->sx);
	/* Column X = x + PX of in reads columns (X - j DX) / SX of grad. */
	reach = (v->kw - 1) * v->dx;
	v->grad_left = reach > v->px ? (reach - v->px + v->sx - 1) / v->sx : 0;
	last = (v->px + v->w - 1) / v->sx;
	v->grad_row = v->grad_left + (last >= v->ow ? last + 1 : v->ow);
	v->packed_out = v->groups * round_up(v->o_group, v->outs) * v->c_group * v->kh *
	    v->kw;
	v->packed_all = v->packed_out;
	if (v->wants_gradient)
		v->packed_all += v->groups * round_up(v->c_group, v->back_outs) *
		    v->o_group * v->kh * v->kw;
}

/* True if all places fit their 32 bits. */
static bool fits(const struct direct *v)
{
	const double in = (double)v->c * (double)v->rows * (double)v->row;
	const double out = (double)v->o * (double)v->oh * (double)v->grad_row;

	return v->kh <= DIRECT_KERNEL && v->kw <= DIRECT_KERNEL && in < 0x1p31 &&
	    out < 0x1p31;
}

/* This kernel takes and gives planes, or blocks of LANES channels. */
static void set_formats(const struct direct *v, const struct cnn_run *run,
    struct cnn_plan *plan)
{
	const uint32_t blocked = native_blocked(v->kernels->lanes);
	const uint32_t in = plan->inputs[0].layout;

	plan->inputs[0] =
	    (struct cnn_format){ run->dtype, in == blocked ? blocked : CNN_NCHW };
	plan->output = (struct cnn_format){ run->dtype,
		v->o % v->kernels->lanes == 0 ? blocked : CNN_NCHW };
}

/* Measured on one core of a Zen 4. To transpose an element takes longer if the
 * transposed tensors exceed the L2 cache. */
double direct_cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	static const double speeds[NATIVE_LEVELS] = { 14, 50, 75, 75 }; /* GFLOP/s */
	const enum native_level level = native_level(host);
	const int passes = !run->training ? 1 : run->inputs[0].wants_gradient ? 3 : 2;
	double flops, elements, vectors, ns;
	struct direct v;

	(void)kernel;
	if ((run->dtype != CNN_F32 && run->dtype != CNN_BF16) || !pools_apart(run))
		return 0;
	describe(&v, host, run);
	if (!fits(&v))
		return 0;
	set_formats(&v, run, plan);
	flops = 2.0 * (double)v.oh *
	    (double)products(v.kernels, v.o_group, v.ow, v.outs) *
	    (double)(v.groups * v.c_group * v.kh * v.kw);
	elements =
	    (double)cnn_layout_count(&run->inputs[0].shape, plan->inputs[0].layout, 1) +
	    (double)cnn_layout_count(&run->output, plan->output.layout, 1);
	vectors = (double)(v.c * v.rows * v.row) + (double)(v.o * v.zh * v.zw);
	ns = vectors * (double)v.kernels->lanes * sizeof(float) > 0x1p19 ? 1.2 : 0.5;
	return 1 +
	    (double)round_up(run->batch, v.kernels->lanes) * passes *
	    (flops / speeds[level] + elements * ns) / 1e3;
}

/* --- tables ----------------------------------------------------------------------- */

/* places[e] of each stored element e: row * (plane of its channel) + ... */
static void set_places(uint32_t *places, const struct cnn_shape *shape, uint32_t layout,
    size_t plane, size_t row, size_t first)
{
	const size_t height = shape->dims[1], width = shape->dims[2];
	const size_t block = layout == CNN_NCHW16C ? 16 : layout == CNN_NCHW8C ? 8 : 1;
	const size_t stored = cnn_layout_count(shape, layout, 1);

	for (size_t e = 0; e < stored; e++) {
		const size_t pixel = e / block % (height * width);
		const size_t c = e / block / (height * width) * block + e % block;

		places[e] = c >= shape->dims[0] ?
		    NO_PLACE :
		    (uint32_t)(c * plane + pixel / width * row + pixel % width + first);
	}
}

static int make_tables(struct direct *v, const struct cnn_run *run,
    const struct cnn_plan *plan)
{
	const struct cnn_shape *in = &run->inputs[0].shape, *out = &run->output;
	const size_t taps = v->c_group * v->kh * v->kw;

	v->in_count = cnn_layout_count(in, plan->inputs[0].layout, 1);
	v->out_count = cnn_layout_count(out, plan->output.layout, 1);
	v->in_places = v->host->alloc(v->host, v->in_count * sizeof(uint32_t));
	v->out_places = v->host->alloc(v->host, v->out_count * sizeof(uint32_t));
	v->grad_places = v->host->alloc(v->host, v->out_count * sizeof(uint32_t));
	v->back_places = v->host->alloc(v->host, v->in_count * sizeof(uint32_t));
	v->taps = v->host->alloc(v->host, taps * sizeof(uint32_t));
	if (!v->in_places || !v->out_places || !v->grad_places || !v->back_places ||
	    !v->taps)
		return CNN_ENOMEM;
	set_places(v->in_places, in, plan->inputs[0].layout, v->rows * v->row, v->row,
	    v->py * v->row + v->px);
	set_places(v->out_places, out, plan->output.layout, v->zh * v->zw, v->zw, 0);
	if (v->pool != DIRECT_NO_POOL)
		set_places(v->grad_places, out, plan->output.layout, v->zh * v->zw,
		    v->zw, 0);
	else
		set_places(v->grad_places, out, plan->output.layout,
		    v->oh * v->grad_row, v->grad_row, v->grad_left);
	set_places(v->back_places, in, plan->inputs[0].layout, v->h * v->w, v->w, 0);
	for (size_t k = 0; k < taps; k++)
		v->taps[k] = (uint32_t)((k / (v->kh * v->kw) * v->rows +
					    k / v->kw % v->kh * v->dy) *
			v->row +
		    k % v->kw * v->dx);
	return CNN_OK;
}

void direct_destroy(void *instance)
{
	struct direct *v = instance;

	if (!v)
		return;
	v->host->free(v->host, v->in_places);
	v->host->free(v->host, v->out_places);
	v->host->free(v->host, v->grad_places);
	v->host->free(v->host, v->back_places);
	v->host->free(v->host, v->taps);
	v->host->free(v->host, v);
}

int direct_create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	struct direct *v = host->alloc(host, sizeof *v);
	int r;

	(void)kernel;
	if (!v)
		return CNN_ENOMEM;
	describe(v, host, run);
	set_formats(v, run, plan);
	if ((r = make_tables(v, run, plan)) != CNN_OK) {
		direct_destroy(v);
		return r;
	}
	plan->flags = CNN_KEEP_INPUT;
	if (v->pool != DIRECT_NO_POOL && v->training)
		plan->saved_bytes = round_up(run->batch, v->kernels->lanes) * v->o *
		    (v->pool == DIRECT_MAX ? v->zh * v->zw : v->oh * v->ow);
	else if (v->relu)
		plan->flags |= CNN_KEEP_OUTPUT;
	plan->scratch_bytes = v->kernels->scratch(v);
	plan->packed_bytes = v->packed_all * sizeof(float);
	*instance = v;
	return CNN_OK;
}

/* --- calls ------------------------------------------------------------------------ */

int direct_pack(void *instance, void *queue, void *const *params, void *packed)
{
	const struct direct *v = instance;
	const float *weight = params[WEIGHT];
	const size_t area = v->kh * v->kw;
	const size_t tiles = (v->o_group + v->outs - 1) / v->outs;
	const size_t back_tiles = (v->c_group + v->back_outs - 1) / v->back_outs;
	float *out = packed, *back = out + v->packed_out;

	(void)queue;
	memset(packed, 0, v->packed_all * sizeof *out);
	for (size_t o = 0; o < v->o; o++)
		for (size_t c = 0; c < v->c_group; c++)
			for (size_t k = 0; k < area; k++) {
				const size_t g = o / v->o_group, in_o = o % v->o_group;
				const float w = *weight++;

				out[(((g * tiles + in_o / v->outs) * v->c_group + c) *
					    area +
					k) *
					v->outs +
				    in_o % v->outs] = w;
				if (v->wants_gradient)
					back[(((g * back_tiles + c / v->back_outs) *
						      v->o_group +
						  in_o) *
						     area +
						 k) *
						v->back_outs +
					    c % v->back_outs] = w;
			}
	return CNN_OK;
}

/* Parameters keep their plain layout. */
static void copy_param(const struct direct *v, uint32_t index, const float *from,
    float *to)
{
	memcpy(to, from,
	    (index == BIAS ? v->o : v->o * v->c_group * v->kh * v->kw) * sizeof *to);
}

int direct_param_import(void *instance, void *queue, uint32_t index, const float *plain,
    float *native)
{
	(void)queue;
	copy_param(instance, index, plain, native);
	return CNN_OK;
}

int direct_param_export(void *instance, void *queue, uint32_t index,
    const float *native, float *plain)
{
	(void)queue;
	copy_param(instance, index, native, plain);
	return CNN_OK;
}

int direct_forward(void *instance, const struct cnn_call *c)
{
	const struct direct *v = instance;

	v->kernels->forward(v, c);
	return CNN_OK;
}

int direct_backward(void *instance, const struct cnn_call *c)
{
	const struct direct *v = instance;

	v->kernels->backward(v, c);
	return CNN_OK;
}
