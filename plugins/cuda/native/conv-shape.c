/* conv-shape.c - derives the kernels' parameters from a run of layers. */
#include "conv.h"
#include "native.h"
#include <string.h>

#define MAX_SIZE (1u << 30) /* side of a padded image: see CONV_OUTSIDE */
#define MAX_ROWS ((size_t)INT32_MAX - CONV_ROWS)

/* --- the shape -------------------------------------------------------------------- */

static struct conv_divisor divisor(uint32_t by)
{
	struct conv_divisor d = { by, 0, 0 };

	while (d.shift < 31 && 1u << d.shift < by)
		d.shift++;
	d.multiplier = (uint32_t)((((uint64_t)1 << (31 + d.shift)) + by - 1) / by);
	return d;
}

static void pair(uint32_t *p, const struct cnn_arg_value *a)
{
	p[0] = (uint32_t)a->i;
	p[1] = (uint32_t)a->j;
}

static void both(uint32_t *p, uint32_t value)
{
	p[0] = p[1] = value;
}

static void read_conv2d(struct conv_shape *s, const struct cnn_node *node)
{
	enum { OUT, KERNEL, STRIDE, PADDING, DILATION, GROUPS, BIAS };
	const struct cnn_arg_value *a = node->args;
	const size_t *in = node->inputs[0].dims, *out = node->output.dims;

	s->groups = (uint32_t)a[GROUPS].i;
	s->bias = a[BIAS].i != 0;
	s->c = (uint32_t)in[0] / s->groups, s->h = (uint32_t)in[1],
	s->w = (uint32_t)in[2];
	s->o = (uint32_t)out[0] / s->groups;
	s->oh = (uint32_t)out[1], s->ow = (uint32_t)out[2];
	pair(s->kernel, &a[KERNEL]);
	pair(s->stride, &a[STRIDE]);
	pair(s->padding, &a[PADDING]);
	pair(s->dilation, &a[DILATION]);
}

static void read_linear(struct conv_shape *s, const struct cnn_node *node)
{
	enum { OUT, BIAS };

	s->groups = 1;
	s->bias = node->args[BIAS].i != 0;
	s->c = (uint32_t)node->inputs[0].dims[0];
	s->o = (uint32_t)node->output.dims[0];
	s->h = s->w = s->oh = s->ow = 1;
	both(s->kernel, 1);
	both(s->stride, 1);
	both(s->dilation, 1);
}

static void read_maxpool2d(struct conv_shape *s, const struct cnn_node *node)
{
	enum { KERNEL, STRIDE, PADDING };
	const struct cnn_arg_value *a = node->args;

	s->pooled = 1;
	pair(s->window, &a[KERNEL]);
	pair(s->window_stride, &a[STRIDE]);
	pair(s->window_padding, &a[PADDING]);
	s->ph = (uint32_t)node->output.dims[1];
	s->pw = (uint32_t)node->output.dims[2];
}

/* Sets `resident` if the conditions of conv-resident.h hold and most of its tile is
 * used. */
static void check_resident(struct conv_shape *s)
{
	uint64_t rows;

	s->plane_w = s->w + (s->kernel[1] - 1) * s->dilation[1];
	s->by_plane_w = divisor(s->plane_w);
	rows = ((uint64_t)s->h * s->plane_w + 15) / 16 * 16 +
	    (s->kernel[0] - 1) * s->dilation[0] * (uint64_t)s->plane_w + s->plane_w -
	    s->w;
	if (!native_is_half(s->dtype) || s->in_channel != 1 || s->c % 16 || s->o % 16 ||
	    s->stride[0] > 1 || s->stride[1] > 1 || s->h * s->w < CONV_ROWS ||
	    s->plane_w > 2 * s->w || rows > CONV_SHARED ||
	    conv_resident_bytes(s, (uint32_t)rows) > CONV_SHARED)
		return;
	s->plane_rows = (uint32_t)rows;
	s->resident = 1;
}

/* Sets `small` if the conditions of conv-small.cu hold. */
static void check_small(struct conv_shape *s)
{
	const uint64_t high = (s->oh - 1) * (uint64_t)s->stride[0] +
	    (s->kernel[0] - 1) * s->dilation[0] + 1;
	const uint64_t wide = (s->ow - 1) * (uint64_t)s->stride[1] +
	    (s->kernel[1] - 1) * s->dilation[1] + 1;

	if (s->groups > 1 || s->o > CONV_SMALL_OUTPUTS || (s->pooled && s->area != 4) ||
	    (s->patch != 9 && s->patch != 25 && s->patch != 27) ||
	    high * wide > CONV_SHARED || conv_small_bytes(s, high * wide) > CONV_SHARED)
		return;
	s->view_h = (uint32_t)high;
	s->view_w = (uint32_t)wide;
	s->small = 1;
}

/* Fills in windows without pooling, and the derived members. */
static void complete(struct conv_shape *s, uint32_t in_layout)
{
	const uint32_t vector = 16 / (uint32_t)native_size(s->dtype);
	const uint32_t channels = s->groups * s->c, pixels = s->h * s->w;

	if (!s->pooled) {
		both(s->window, 1);
		both(s->window_stride, 1);
		s->ph = s->oh;
		s->pw = s->ow;
	}
	s->area = s->window[0] * s->window[1];
	s->patch = s->kernel[0] * s->kernel[1] * s->c;
	s->out_pixel = s->groups * s->o;
	s->in_image = channels * pixels;
	s->in_channel = in_layout == CNN_NCHW ? pixels : 1;
	s->in_pixel = in_layout == CNN_NCHW ? 1 : channels;
	s->in_row = s->w * s->in_pixel;
	s->vector_c = s->in_channel == 1 && s->c % vector == 0;
	s->vector_o = s->o % vector == 0;
	s->by_c = divisor(s->c);
	s->by_o = divisor(s->o);
	s->by_kernel_w = divisor(s->kernel[1]);
	s->by_image = divisor(pixels);
	s->by_w = divisor(s->w);
	s->by_area = divisor(s->area);
	s->by_window_w = divisor(s->window[1]);
	s->by_windows = divisor(s->ph * s->pw);
	s->by_pw = divisor(s->pw);
	for (int i = 0; i < 2; i++) {
		s->by_stride[i] = divisor(s->stride[i]);
		s->by_window_stride[i] = divisor(s->window_stride[i]);
	}
	check_resident(s);
	check_small(s);
}

/* True if coordinates cannot wrap and each pixel of conv is in at most one window. */
static int is_countable(const struct conv_shape *s)
{
	uint64_t area = (uint64_t)s->window[0] * s->window[1];

	if (s->c == 0 || s->o == 0) /* neither convolution nor linear */
		return 0;
	for (int i = 0; i < 2; i++)
		if ((i ? s->w : s->h) + (uint64_t)2 * s->padding[i] >= MAX_SIZE ||
		    (i ? s->ow : s->oh) + (uint64_t)2 * s->window_padding[i] >=
			MAX_SIZE ||
		    (s->pooled && s->window_stride[i] < s->window[i]))
			return 0;
	return !s->pooled || area <= CONV_MAX_AREA;
}

int conv_shape_read(struct conv_shape *s, const struct cnn_run *run, uint32_t in_layout)
{
	memset(s, 0, sizeof(*s));
	s->dtype = run->dtype;
	for (uint32_t i = 0; i < run->node_count; i++) {
		const struct cnn_node *node = &run->nodes[i];

		if (strcmp(node->type, "conv2d") == 0)
			read_conv2d(s, node);
		else if (strcmp(node->type, "linear") == 0)
			read_linear(s, node);
		else if (strcmp(node->type, "relu") == 0)
			s->relu = 1;
		else if (strcmp(node->type, "maxpool2d") == 0)
			read_maxpool2d(s, node);
	}
	if (!is_countable(s))
		return 0;
	complete(s, in_layout);
	return 1;
}

/* --- the products ----------------------------------------------------------------- */

static uint32_t up(uint64_t n, uint32_t by)
{
	return (uint32_t)((n + by - 1) / by);
}

/* Returns 0 if one of the sides is too long. */
static int set_sides(struct conv_job *job, const struct conv_shape *s,
    enum conv_product product, uint32_t samples)
{
	const uint64_t places = (uint64_t)samples * s->ph * s->pw * s->area;
	const uint64_t pixels = (uint64_t)samples * s->h * s->w;
	const uint64_t kernel = (uint64_t)s->kernel[0] * s->kernel[1];
	uint64_t rows, columns = s->o, depth = s->patch;

	if (product == CONV_FORWARD) {
		rows = places;
	} else if (product == CONV_INPUT) {
		rows = pixels;
		columns = s->c;
		depth = kernel * s->o;
	} else {
		rows = s->o;
		columns = s->patch + s->bias;
		depth = places;
	}
	job->rows = (uint32_t)rows;
	job->columns = (uint32_t)columns;
	job->depth = (uint32_t)depth;
	return rows <= MAX_ROWS && columns <= MAX_ROWS && depth <= MAX_ROWS;
}

/* Cuts a product of few tiles along k if it is so long that the gain exceeds the cost
 * of another kernel. A part has at least CONV_MIN_CHUNKS chunks. Pooled products are
 * not cut, because their parts would be larger than out. */
static void split(struct conv_job *job, const struct conv_shape *s,
    enum conv_product product, uint64_t tiles)
{
	const uint32_t depth = CONV_CHUNK_BYTES / (uint32_t)native_size(s->dtype);
	const uint32_t chunks = up(job->depth, depth), most = chunks / CONV_MIN_CHUNKS;
	uint32_t each;

	job->splits = 1;
	if (tiles < CONV_BLOCKS && chunks >= CONV_LONG &&
	    !(product == CONV_FORWARD && s->pooled))
		job->splits = CONV_BLOCKS / (uint32_t)tiles;
	if (job->splits > most)
		job->splits = most > 1 ? most : 1;
	each = up(chunks, job->splits);
	job->splits = up(chunks, each);
	job->split_depth = each * depth;
}

static uint64_t set_tiles(struct conv_job *job, const struct conv_shape *s,
    uint32_t tile_columns)
{
	job->tile_columns = tile_columns;
	job->row_tiles = up(job->rows, job->tile_rows);
	job->column_tiles = up(job->columns, tile_columns);
	return (uint64_t)job->row_tiles * job->column_tiles * s->groups;
}

/* Tiles have 64 columns, or 32 if the product has no more columns or, in forward and
 * the input's gradient, fewer than CONV_BLOCKS tiles of 64. With the resident method
 * the weights' tiles always have 64. A tile of forward has whole windows. */
static uint64_t make_tiles(struct conv_job *job, const struct conv_shape *s,
    enum conv_product product)
{
	uint64_t tiles;

	job->tile_rows = product == CONV_FORWARD ? CONV_ROWS / s->area * s->area :
						   CONV_ROWS;
	tiles = set_tiles(job, s, 64);
	if (product == CONV_WEIGHT ? job->columns <= 32 && !s->resident :
				     job->columns <= 32 || tiles < CONV_BLOCKS)
		tiles = set_tiles(job, s, 32);
	split(job, s, product, tiles);
	return tiles * job->splits;
}

static uint64_t make_resident(struct conv_job *job, const struct conv_shape *s,
    uint32_t samples)
{
	job->method = CONV_RESIDENT;
	job->tile_rows = CONV_RESIDENT_ROWS;
	job->tile_columns = 32;
	job->row_tiles = up((uint64_t)s->h * s->plane_w, CONV_RESIDENT_ROWS);
	job->column_tiles = up(s->c, 32);
	job->splits = samples;
	return (uint64_t)samples * job->row_tiles * job->column_tiles * s->groups;
}

/* Forward: at least CONV_BLOCKS shares of images. Backward: at most CONV_BLOCKS, each
 * block with one or more shares. */
static uint64_t make_small(struct conv_job *job, const struct conv_shape *s,
    enum conv_product product, uint32_t samples)
{
	const uint32_t windows = s->ph * s->pw;
	uint64_t units;
	uint32_t most;

	job->method = CONV_SMALL;
	job->samples = samples;
	job->tile_columns = 64;
	job->splits = 1;
	job->parts = product == CONV_FORWARD ? up(CONV_BLOCKS, samples) :
					       CONV_BLOCKS / samples;
	if (job->parts > windows / 4)
		job->parts = windows / 4;
	if (job->parts == 0)
		job->parts = 1;
	units = (uint64_t)samples * job->parts;
	if (product == CONV_FORWARD)
		return units;
	job->row_tiles = up(s->o, 32);
	most = CONV_BLOCKS / job->row_tiles;
	job->splits = up(units, up(units, most));
	return (uint64_t)job->splits * job->row_tiles;
}

int conv_job_make(struct conv_job *job, const struct conv_shape *s,
    enum conv_product product, uint32_t samples)
{
	uint64_t blocks;

	memset(job, 0, sizeof(*job));
	if (!set_sides(job, s, product, samples))
		return 0;
	if (product == CONV_INPUT && s->resident)
		blocks = make_resident(job, s, samples);
	else if (product != CONV_INPUT && s->small)
		blocks = make_small(job, s, product, samples);
	else
		blocks = make_tiles(job, s, product);
	job->blocks = (uint32_t)blocks;
	return blocks <= INT32_MAX;
}

size_t conv_partial_count(const struct conv_shape *s, const struct conv_job *job)
{
	if (job->splits <= 1 || job->method == CONV_RESIDENT)
		return 0;
	return (size_t)job->splits * s->groups * job->rows * job->columns;
}
