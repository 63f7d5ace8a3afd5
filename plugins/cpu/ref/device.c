/* device.c - the CPU as a device: memory, conversions, gathering. */
#include "ref.h"
#include "half.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

struct cpu {
	const struct cnn_host *host;
};

/* --- the processor ---------------------------------------------------------------- */

static void read_name(char *name, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256], *text;

	snprintf(name, size, "CPU");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "model name", 10) == 0 &&
		    (text = strchr(line, ':'))) {
			text += 1 + strspn(text + 1, " \t");
			text[strcspn(text, "\n")] = '\0';
			snprintf(name, size, "%s", text);
			break;
		}
	if (f)
		fclose(f);
}

/* The instruction sets by which the layers' libraries choose their kernels. */
static void read_isa(char *detail, size_t size)
{
	size_t n = (size_t)snprintf(detail, size, "%d processors",
	    (int)sysconf(_SC_NPROCESSORS_ONLN));

#if defined(__x86_64__)
#define ISA(name) \
	if (__builtin_cpu_supports(name) && n < size) \
	n += (size_t)snprintf(detail + n, size - n, " " name)
	__builtin_cpu_init();
	ISA("sse4.1");
	ISA("avx");
	ISA("avx2");
	ISA("fma");
	ISA("avx512f");
	ISA("avx512vnni");
	ISA("avx512bf16");
#undef ISA
#else
	(void)n;
#endif
}

static int probe(const struct cnn_host *host, uint32_t ordinal,
    struct cnn_device_info *info)
{
	if (ordinal > 0)
		return host->fail(host, CNN_EPLUGIN, "cpu:%u: there is only cpu:0",
		    ordinal);
	read_name(info->name, sizeof(info->name));
	read_isa(info->detail, sizeof(info->detail));
	info->memory = (uint64_t)sysconf(_SC_PHYS_PAGES) *
	    (uint64_t)sysconf(_SC_PAGESIZE);
	return CNN_OK;
}

/* --- memory ----------------------------------------------------------------------- */

static int open_cpu(const struct cnn_host *host, uint32_t ordinal, void **device)
{
	struct cpu *cpu;

	(void)ordinal;
	if (!(cpu = host->alloc(host, sizeof(*cpu))))
		return CNN_ENOMEM;
	cpu->host = host;
	*device = cpu;
	return CNN_OK;
}

static void close_cpu(void *device)
{
	struct cpu *cpu = device;

	if (cpu)
		cpu->host->free(cpu->host, cpu);
}

static void *alloc(void *device, size_t bytes)
{
	struct cpu *cpu = device;
	void *memory = cpu->host->alloc(cpu->host, bytes);

	if (memory)
		memset(memory, 0, bytes);
	return memory;
}

static void free_memory(void *device, void *memory)
{
	struct cpu *cpu = device;

	cpu->host->free(cpu->host, memory);
}

static int copy(void *device, void *queue, void *dst, const void *src, size_t bytes)
{
	(void)device;
	(void)queue;
	if (bytes > 0)
		memcpy(dst, src, bytes);
	return CNN_OK;
}

/* --- one element ------------------------------------------------------------------ */

/* A double as a float that may be rounded again. Rounds to odd: truncates, and sets the
 * last bit if digits were lost, so that the second rounding sees no false tie. */
static float round_odd(double d)
{
	float f = (float)d;
	uint32_t u = float_bits(f);

	if (f == d || d != d || d - d != 0)
		return f;
	if ((f < 0 ? -f : f) > (d < 0 ? -d : d))
		u--;
	return bits_float(u | 1);
}

static double load(uint32_t dtype, const void *data, size_t i)
{
	switch (dtype) {
	case CNN_U8: return ((const uint8_t *)data)[i];
	case CNN_I8: return ((const int8_t *)data)[i];
	case CNN_I16: return ((const int16_t *)data)[i];
	case CNN_I32: return ((const int32_t *)data)[i];
	case CNN_I64: return (double)((const int64_t *)data)[i];
	case CNN_BOOL: return ((const uint8_t *)data)[i] != 0;
	case CNN_F16: return f16_to_float(((const uint16_t *)data)[i]);
	case CNN_BF16: return bf16_to_float(((const uint16_t *)data)[i]);
	case CNN_F32: return ((const float *)data)[i];
	default: return ((const double *)data)[i];
	}
}

static void store(uint32_t dtype, void *data, size_t i, double value)
{
	switch (dtype) {
	case CNN_F16: ((uint16_t *)data)[i] = float_to_f16(round_odd(value)); break;
	case CNN_BF16: ((uint16_t *)data)[i] = float_to_bf16(round_odd(value)); break;
	case CNN_F32: ((float *)data)[i] = (float)value; break;
	default: ((double *)data)[i] = value;
	}
}

/* out[k * step_out] = in[k * step_in] for k < n, converted to another type. */
static void convert(uint32_t from, const void *in, size_t step_in, uint32_t to,
    void *out, size_t step_out, size_t n)
{
#define LOOP(IN, OUT, VALUE, STEP_IN, STEP_OUT) \
	for (size_t k = 0; k < n; k++) { \
		const IN x = ((const IN *)in)[k * (STEP_IN)]; \
		((OUT *)out)[k * (STEP_OUT)] = VALUE; \
	}
	/* Neighbours get a loop of their own, which becomes vectors. */
#define EACH(IN, OUT, VALUE) \
	{ \
		if (step_in == 1 && step_out == 1) \
			LOOP(IN, OUT, VALUE, 1, 1) \
		else \
			LOOP(IN, OUT, VALUE, step_in, step_out) \
	}
	/* Conversions of a training step first; then all others. */
	if (from == CNN_F32 && to == CNN_F32)
		EACH(float, float, x)
	else if (from == to && from != CNN_F64)
		EACH(uint16_t, uint16_t, x)
	else if (from == CNN_F32 && to == CNN_BF16)
		EACH(float, uint16_t, float_to_bf16(x))
	else if (from == CNN_BF16 && to == CNN_F32)
		EACH(uint16_t, float, bf16_to_float(x))
	else
		for (size_t k = 0; k < n; k++)
			store(to, out, k * step_out, load(from, in, k * step_in));
#undef EACH
#undef LOOP
}

/* Bytes of an element that store() can write, 0 for other types. */
static size_t float_size(uint32_t dtype)
{
	return dtype == CNN_F16 || dtype == CNN_BF16 ? 2 :
	    dtype == CNN_F32			     ? 4 :
	    dtype == CNN_F64			     ? 8 :
						       0;
}

static int no_float(const struct cpu *cpu, uint32_t dtype)
{
	return cpu->host->fail(cpu->host, CNN_EUSAGE,
	    "cpu: element type %u is not floating-point", dtype);
}

/* --- tensors ---------------------------------------------------------------------- */

static int add(void *device, void *queue, uint32_t dtype, size_t count, void *dst,
    const void *src)
{
	(void)queue;
	if (!float_size(dtype))
		return no_float(device, dtype);
	if (dtype == CNN_F32) /* gradients: keep both fast */
		for (size_t i = 0; i < count; i++)
			((float *)dst)[i] += ((const float *)src)[i];
	else if (dtype == CNN_BF16)
		for (size_t i = 0; i < count; i++)
			((uint16_t *)dst)[i] = float_to_bf16(
			    bf16_to_float(((uint16_t *)dst)[i]) +
			    bf16_to_float(((const uint16_t *)src)[i]));
	else
		for (size_t i = 0; i < count; i++)
			store(dtype, dst, i, load(dtype, dst, i) + load(dtype, src, i));
	return CNN_OK;
}

/* The place of channel c, pixel p of a sample in a layout is (c / block) * area * block
 * + p * block + c % block. NCHW has blocks of one channel, NHWC one block of all
 * channels. */
struct lay {
	size_t block, stored;
};

static struct lay lay_of(uint32_t layout, size_t channels)
{
	struct lay l = { .block = layout == CNN_NHWC ? channels :
		    layout == CNN_NCHW8C	     ? 8 :
		    layout == CNN_NCHW16C	     ? 16 :
						       1 };

	l.stored = (channels + l.block - 1) / l.block * l.block;
	return l;
}

static int reorder(void *device, void *queue, const struct cnn_shape *shape,
    size_t samples, struct cnn_format from, const void *src, struct cnn_format to,
    void *dst)
{
	const size_t in_size = float_size(from.dtype), out_size = float_size(to.dtype);
	const bool image = shape->rank == 3 && shape->dims[0] > 0;
	const size_t channels = image ? shape->dims[0] : 1;
	const size_t area = cnn_layout_count(shape, CNN_NCHW, 1) / channels;
	const struct lay f = lay_of(image ? from.layout : CNN_NCHW, channels);
	const struct lay t = lay_of(image ? to.layout : CNN_NCHW, channels);
	const char *in = src;
	char *out = dst;

	(void)queue;
	if (!in_size || !out_size)
		return no_float(device, in_size ? to.dtype : from.dtype);
	if (from.dtype == to.dtype && f.block == t.block && f.stored == t.stored)
		return copy(device, queue, dst, src,
		    samples * t.stored * area * out_size);
	for (size_t n = 0; n < samples; n++) {
		for (size_t c = 0; c < t.stored; c++) {
			const size_t i = c / f.block * area * f.block + c % f.block;
			const size_t o = c / t.block * area * t.block + c % t.block;

			if (c < channels)
				convert(from.dtype, in + i * in_size, f.block, to.dtype,
				    out + o * out_size, t.block, area);
			else
				for (size_t p = 0; p < area; p++)
					store(to.dtype, out, o + p * t.block, 0);
		}
		in += f.stored * area * in_size;
		out += t.stored * area * out_size;
	}
	return CNN_OK;
}

/* 8-bit pixels have 256 values: convert each value once per call. */
struct pixels {
	uint16_t half[256];
	float single[256];
};

static void make_pixels(const struct cnn_gather_column *c, struct pixels *p)
{
	for (size_t v = 0; v < 256; v++) {
		const double x = (double)v * c->scale + c->offset;

		if (c->out_dtype == CNN_F32)
			p->single[v] = (float)x;
		else
			store(c->out_dtype, p->half, v, x);
	}
}

static void gather_pixels(const struct cnn_gather_column *c, const struct pixels *p,
    size_t row, uint32_t i)
{
	const uint8_t *data = (const uint8_t *)c->data + row * c->elements;
	const size_t to = i * c->elements;

	if (c->out_dtype == CNN_F32)
		for (size_t e = 0; e < c->elements; e++)
			((float *)c->out)[to + e] = p->single[data[e]];
	else
		for (size_t e = 0; e < c->elements; e++)
			((uint16_t *)c->out)[to + e] = p->half[data[e]];
}

/* out = data * scale + offset, or data as it is, of one sample. */
static void gather_row(const struct cnn_gather_column *c, size_t row, uint32_t i)
{
	const size_t from = row * c->elements, to = i * c->elements;

	for (size_t e = 0; e < c->elements; e++) {
		const double x = load(c->dtype, c->data, from + e);

		if (c->out_dtype == CNN_I32)
			((int32_t *)c->out)[to + e] = (int32_t)x;
		else
			store(c->out_dtype, c->out, to + e, x * c->scale + c->offset);
	}
}

static void gather_column(const struct cnn_state *state, const struct cnn_gather *g,
    const struct cnn_gather_column *c)
{
	const bool pixels = c->dtype == CNN_U8 && c->out_dtype != CNN_F64 &&
	    c->out_dtype != CNN_I32;
	struct pixels table;

	if (pixels)
		make_pixels(c, &table);
	for (uint32_t i = 0; i < g->samples; i++) {
		size_t row = (size_t)state->cursor + g->first + i;

		if (g->order)
			row = g->order[row];
		if (pixels)
			gather_pixels(c, &table, row, i);
		else
			gather_row(c, row, i);
	}
}

static int gather(void *device, void *queue, const struct cnn_state *state,
    const struct cnn_gather *g)
{
	const struct cpu *cpu = device;

	(void)queue;
	for (uint32_t i = 0; i < g->column_count; i++) {
		const struct cnn_gather_column *c = &g->columns[i];

		if (c->out_dtype != CNN_I32 && !float_size(c->out_dtype))
			return no_float(device, c->out_dtype);
		if (c->dtype == CNN_DTYPE_NONE || c->dtype >= CNN_DTYPE_COUNT)
			return cpu->host->fail(cpu->host, CNN_EUSAGE,
			    "cpu: element type %u is unknown", c->dtype);
		gather_column(state, g, c);
	}
	return CNN_OK;
}

/* --- the end of a step ------------------------------------------------------------ */

static int total(void *device, void *queue, const float *const *losses,
    uint32_t loss_count, uint32_t samples, struct cnn_result *result)
{
	struct cnn_result sum = { 0 };

	(void)device;
	(void)queue;
	for (uint32_t i = 0; i < loss_count; i++)
		for (uint32_t n = 0; n < samples; n++)
			sum.loss += (double)losses[i][2 * n];
	for (uint32_t n = 0; n < samples; n++)
		sum.hits += (double)losses[0][2 * n + 1];
	*result = sum;
	return CNN_OK;
}

/* The sum of squares of `count` numbers, in several partial sums side by side. */
static double sum_of_squares(size_t count, const float *x)
{
	enum { LANES = 8 };
	double sums[LANES] = { 0 };
	size_t i = 0;

	for (; i + LANES <= count; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			sums[k] += (double)x[i + k] * (double)x[i + k];
	for (size_t k = 0; i < count; i++, k++)
		sums[k] += (double)x[i] * (double)x[i];
	for (size_t step = LANES / 2; step > 0; step /= 2)
		for (size_t k = 0; k < step; k++)
			sums[k] += sums[k + step];
	return sums[0];
}

static int norm(void *device, void *queue, size_t count, const float *x, double *sums,
    struct cnn_state *bad)
{
	(void)device;
	(void)queue;
	for (size_t i = 0; i < count; i += CNN_NORM_BLOCK) {
		const size_t left = count - i;
		double sum =
		    sum_of_squares(left < CNN_NORM_BLOCK ? left : CNN_NORM_BLOCK,
			x + i);

		sums[i / CNN_NORM_BLOCK] = sum;
		if (bad && !isfinite(sum))
			__atomic_store_n(&bad->bad, 1, __ATOMIC_RELAXED);
	}
	return CNN_OK;
}

static int clip(void *device, void *queue, size_t count, double *sums, double most,
    struct cnn_state *s)
{
	double scale;

	(void)device;
	(void)queue;
	for (size_t step = 1; step < count; step *= 2)
		for (size_t i = 0; i + step < count; i += 2 * step)
			sums[i] += sums[i + step];
	scale = most / (sqrt(count > 0 ? sums[0] : 0) * (double)s->grad_scale + 1e-6);
	/* A NaN stays NaN. */
	if (!(scale >= 1))
		s->grad_scale = (float)((double)s->grad_scale * scale);
	return CNN_OK;
}

/* PyTorch's GradScaler: doubles the scale after this many good steps, but never to
 * infinity, from which it could not return; halves it after a bad one. */
#define GROWTH_STEPS 2000

static void move_scale(struct cnn_state *s)
{
	if (s->bad) {
		s->loss_scale *= s->loss_scale > FLT_MIN ? 0.5f : 1;
		s->good_steps = 0;
	} else if (++s->good_steps == GROWTH_STEPS) {
		s->loss_scale *= s->loss_scale > FLT_MAX / 2 ? 1 : 2;
		s->good_steps = 0;
	}
}

static int advance(void *device, void *queue, struct cnn_state *s,
    const struct cnn_advance *a)
{
	struct cnn_step_record r = { .step = s->step,
		.skipped = s->bad,
		.loss_scale = s->loss_scale };

	(void)device;
	(void)queue;
	for (uint32_t i = 0; i < a->microbatches; i++) {
		r.loss += a->results[i].loss;
		r.hits += a->results[i].hits;
	}
	a->records[s->step % a->record_count] = r;
	s->updates += !s->bad;
	if (a->scaling)
		move_scale(s);
	s->grad_scale = 1 / s->loss_scale;
	s->bad = 0;
	s->step++;
	s->cursor += a->samples;
	s->lr = a->rates[++s->rate];
	return CNN_OK;
}

/* About 9 bytes per nanosecond, counting reads and writes. */
static double reorder_cost(const struct cnn_shape *s, size_t samples,
    struct cnn_format from, struct cnn_format to)
{
	size_t bytes = cnn_layout_count(s, from.layout, samples) *
		float_size(from.dtype) +
	    cnn_layout_count(s, to.layout, samples) * float_size(to.dtype);

	return 0.2 + (double)bytes / 9000;
}

static const struct cnn_device functions = {
	.size = sizeof(functions),
	.name = "cpu",
	.probe = probe,
	.open = open_cpu,
	.close = close_cpu,
	.alloc = alloc,
	.free = free_memory,
	.upload = copy,
	.download = copy,
	.add = add,
	.reorder = reorder,
	.reorder_cost = reorder_cost,
	.gather = gather,
	.total = total,
	.norm = norm,
	.clip = clip,
	.advance = advance,
};

REF_PLUGIN("device", .device_functions = &functions);
