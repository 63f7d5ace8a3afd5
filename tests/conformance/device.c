/* device.c - a device's memory, conversions, layouts and gathering; the rest is
 * in device-step.c. */
#include "device.h"
#include "base/tensor.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t float_types[] = { CNN_F32, CNN_F64, CNN_BF16, CNN_F16 };
#define FLOAT_TYPES 4

void *give(const struct subject *s, const void *x, size_t bytes)
{
	void *d = s->device->alloc(s->device_handle, bytes + 1);

	if (d && x)
		s->device->upload(s->device_handle, s->queue, d, x, bytes);
	return d;
}

void take(const struct subject *s, void *x, void *d, size_t bytes)
{
	s->device->download(s->device_handle, s->queue, x, d, bytes);
	s->device->free(s->device_handle, d);
}

static size_t bytes_of(const struct cnn_shape *shape, size_t n, struct cnn_format f)
{
	return cnn_layout_count(shape, f.layout, n) * cnn_dtype_size(f.dtype);
}

static int reorder(const struct subject *s, const struct cnn_shape *shape, size_t n,
    struct cnn_format from, const void *src, struct cnn_format to, void *dst)
{
	size_t in = bytes_of(shape, n, from), out = bytes_of(shape, n, to);
	void *a = give(s, src, in), *b;
	int r;

	memset(dst, 0xff, out);
	b = give(s, dst, out);
	r = s->device->reorder(s->device_handle, s->queue, shape, n, from, a, to, b);
	take(s, dst, b, out);
	s->device->free(s->device_handle, a);
	return r;
}

/* --- memory ----------------------------------------------------------------------- */

static void test_memory(struct suite *s)
{
	const struct subject *d = &s->trial.subject;
	const struct cnn_host *host = &s->trial.subject.host->host;
	struct cnn_device_info info = { .size = sizeof(info) };
	struct cnn_error e = { 0 };
	unsigned char bytes[1000], more[1000];
	bool zero = true;
	void *p;
	int r;

	r = d->device->probe(host, 0, &info);
	claim(&s->trial, r == CNN_OK && info.name[0] && info.memory > 0,
	    "%s is there: %s; %s", s->trial.device, info.name, info.detail);
	r = d->device->probe(host, 9999, &info);
	cnn_host_error(s->trial.subject.host, r, &e);
	claim(&s->trial, r == CNN_EPLUGIN, "%s:9999 is not: %s", s->trial.device,
	    e.text);

	p = d->device->alloc(d->device_handle, sizeof(bytes));
	d->device->download(d->device_handle, d->queue, bytes, p, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		zero = zero && bytes[i] == 0;
	claim(&s->trial, p && (uintptr_t)p % 64 == 0 && zero,
	    "memory is aligned and zero");
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7);
	d->device->upload(d->device_handle, d->queue, p, bytes, sizeof(bytes));
	take(d, more, p, sizeof(more));
	claim(&s->trial, memcmp(bytes, more, sizeof(bytes)) == 0,
	    "upload and download");
}

/* --- conversions ------------------------------------------------------------------ */

static uint16_t to_half(const struct subject *s, double x, uint32_t dtype)
{
	const struct cnn_shape one = { 0 };
	uint16_t half;

	reorder(s, &one, 1, (struct cnn_format){ CNN_F64, CNN_NCHW }, &x,
	    (struct cnn_format){ dtype, CNN_NCHW }, &half);
	return half;
}

static void test_conversions(struct suite *s)
{
	static const uint32_t halves[] = { CNN_BF16, CNN_F16 };
	const struct subject *d = &s->trial.subject;
	const struct cnn_shape shape = { 1, { 65536 } };
	uint16_t *all = malloc(65536 * 2), *again = malloc(65536 * 2);
	double *wide = malloc(65536 * sizeof(double));
	float *floats = malloc(65536 * sizeof(float));

	for (int h = 0; h < 2; h++) {
		const struct cnn_format half = { halves[h], CNN_NCHW };
		const struct cnn_format f64 = { CNN_F64, CNN_NCHW };
		const struct cnn_format f32 = { CNN_F32, CNN_NCHW };
		unsigned wrong = 0, differ = 0;

		for (unsigned i = 0; i < 65536; i++)
			all[i] = (uint16_t)i;
		reorder(d, &shape, 1, half, all, f64, wide);
		reorder(d, &shape, 1, f64, wide, half, again);
		for (unsigned i = 0; i < 65536; i++) {
			float f = h ? cnn_f16_to_f32(all[i]) : cnn_bf16_to_f32(all[i]);

			if (isnan(f) ? !isnan(wide[i]) : wide[i] != f || again[i] != i)
				wrong++;
		}
		claim(&s->trial, wrong == 0, "every %s goes to f64 and back",
		    h ? "f16" : "bf16");

		/* Floats of all sizes, among them every tie of a half's last bit. */
		for (uint32_t i = 0; i < 65536; i++) {
			uint32_t bits = i << 16 |
			    (i % 3 == 0 ? 0x8000 : i * 40503 % 65536);

			if (h && i % 2) /* f16 has 13 bits less than f32 */
				bits = (bits & ~0x1fffu) | 0x1000;
			memcpy(&floats[i], &bits, sizeof(bits));
		}
		reorder(d, &shape, 1, f32, floats, half, again);
		for (unsigned i = 0; i < 65536; i++)
			differ += !isnan(floats[i]) &&
			    again[i] !=
				(h ? cnn_f32_to_f16(floats[i]) :
				     cnn_f32_to_bf16(floats[i]));
		claim(&s->trial, differ == 0,
		    "f32 to %s rounds to nearest even (%u differ)", h ? "f16" : "bf16",
		    differ);
	}
	claim(&s->trial,
	    to_half(d, 1 + 0x1p-8, CNN_BF16) == 0x3f80 &&
		to_half(d, 1 + 0x1p-8 + 0x1p-45, CNN_BF16) == 0x3f81 &&
		to_half(d, -1 - 0x1p-7 - 0x1p-8 + 0x1p-45, CNN_BF16) == 0xbf81 &&
		to_half(d, 1 + 0x1p-11 + 0x1p-45, CNN_F16) == 0x3c01 &&
		to_half(d, 65519.999999, CNN_F16) == 0x7bff &&
		to_half(d, 65520, CNN_F16) == 0x7c00 &&
		to_half(d, -1e300, CNN_BF16) == 0xff80 &&
		to_half(d, 1e-300, CNN_F16) == 0,
	    "f64 to half is rounded once");
	free(all);
	free(again);
	free(wide);
	free(floats);
}

/* --- layouts ---------------------------------------------------------------------- */

/* Where element (c, p) of a sample lies. */
static size_t place(const struct cnn_shape *s, uint32_t layout, size_t c, size_t p)
{
	size_t area = s->dims[1] * s->dims[2];

	switch (layout) {
	case CNN_NHWC: return p * s->dims[0] + c;
	case CNN_NCHW8C: return (c / 8 * area + p) * 8 + c % 8;
	case CNN_NCHW16C: return (c / 16 * area + p) * 16 + c % 16;
	default: return c * area + p;
	}
}

static void test_layouts(struct suite *s)
{
	static const struct cnn_shape shapes[] = {
		{ 3, { 1, 1, 1 } },
		{ 3, { 3, 5, 4 } },
		{ 3, { 17, 2, 3 } },
		{ 3, { 16, 3, 3 } },
		{ 3, { 8, 1, 2 } },
		{ 1, { 7 } },
		{ 2, { 3, 4 } },
		{ 0 },
	};
	const struct subject *d = &s->trial.subject;
	const size_t n = 2;
	static float x[1000], y[4000], z[4000], back[1000];

	for (size_t k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++) {
		const struct cnn_shape *shape = &shapes[k];
		const struct cnn_format plain = { CNN_F32, CNN_NCHW };
		size_t count = cnn_layout_count(shape, CNN_NCHW, n);
		bool right = true, round = true, padded = true;

		for (size_t i = 0; i < count; i++)
			x[i] = (float)i + 1;
		for (uint32_t from = CNN_NCHW; from <= CNN_NCHW16C; from++) {
			const struct cnn_format f = { CNN_F32, from };
			size_t one = cnn_layout_count(shape, from, 1);
			double sum = 0;

			reorder(d, shape, n, plain, x, f, y);
			for (size_t i = 0; i < one * n; i++)
				sum += y[i];
			padded = padded &&
			    sum == (double)count * (double)(count + 1) / 2;
			for (size_t i = 0; i < count && shape->rank == 3; i++) {
				size_t area = shape->dims[1] * shape->dims[2];
				size_t sample = i / (shape->dims[0] * area);
				size_t c = i / area % shape->dims[0];

				right = right &&
				    y[sample * one + place(shape, from, c, i % area)] ==
					x[i];
			}
			for (uint32_t to = CNN_NCHW; to <= CNN_NCHW16C; to++) {
				const struct cnn_format t = { CNN_F32, to };

				reorder(d, shape, n, f, y, t, z);
				reorder(d, shape, n, t, z, plain, back);
				round = round &&
				    memcmp(x, back, count * sizeof(*x)) == 0;
			}
		}
		claim(&s->trial, right && padded && round,
		    "layouts of a rank %u shape of %zu: places, zero padding, and back",
		    shape->rank, count / n);
	}
}

/* --- sums and gathering ----------------------------------------------------------- */

static void test_add(struct suite *s)
{
	const struct subject *d = &s->trial.subject;
	const struct cnn_shape shape = { 1, { 50 } };
	double a[50], b[50], sum[50];

	for (int i = 0; i < 50; i++)
		a[i] = i - 25, b[i] = 0.5 * i;
	for (int t = 0; t < FLOAT_TYPES; t++) {
		const struct cnn_format f = { float_types[t], CNN_NCHW };
		const struct cnn_format f64 = { CNN_F64, CNN_NCHW };
		size_t bytes = bytes_of(&shape, 1, f);
		unsigned char x[400], y[400];
		void *dx, *dy;
		bool right = true;
		int r;

		reorder(d, &shape, 1, f64, a, f, x);
		reorder(d, &shape, 1, f64, b, f, y);
		dx = give(d, x, bytes);
		dy = give(d, y, bytes);
		r = d->device->add(d->device_handle, d->queue, f.dtype, 50, dx, dy);
		take(d, x, dx, bytes);
		d->device->free(d->device_handle, dy);
		reorder(d, &shape, 1, f, x, f64, sum);
		for (int i = 0; i < 50; i++)
			right = right && sum[i] == a[i] + b[i];
		claim(&s->trial, r == CNN_OK && right, "add in %s",
		    cnn_dtype_name(f.dtype));
	}
}

static void test_gather(struct suite *s)
{
	static const uint32_t types[] = { CNN_U8, CNN_I8, CNN_I16, CNN_I32, CNN_I64,
		CNN_F16, CNN_F32, CNN_F64, CNN_BOOL, CNN_BF16 };
	/* The batch's rows begin at place cursor + first = 3 of the order. */
	static const uint32_t order[] = { 9, 9, 9, 4, 0, 4, 2 }, *index = order + 3;
	static const int32_t labels[] = { 7, -1, 5, 3, 9 };
	enum { SAMPLES = 5, ELEMENTS = 3, TAKEN = 4 };
	const struct subject *d = &s->trial.subject;

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		unsigned char data[SAMPLES * ELEMENTS * 8] = { 0 };
		size_t size = cnn_dtype_size(types[t]), wrong = 0;
		const uint32_t out_type = types[t] == CNN_F64 ? CNN_F64 : CNN_F32;
		double wanted[TAKEN * ELEMENTS], got[TAKEN * ELEMENTS];
		float floats[TAKEN * ELEMENTS];
		int32_t got_labels[TAKEN];
		int32_t whole_numbers[TAKEN * ELEMENTS];
		void *dwhole = give(d, NULL, sizeof(whole_numbers));
		struct cnn_gather_column columns[3];
		struct cnn_gather g;
		struct cnn_state *state;
		size_t out_bytes = TAKEN * ELEMENTS * cnn_dtype_size(out_type);
		void *dd, *di, *dl, *dout, *dout_labels;
		int r;

		for (int i = 0; i < SAMPLES * ELEMENTS; i++) {
			const struct cnn_shape one = { 0 };
			int64_t whole = types[t] == CNN_BOOL ? i % 2 :
			    types[t] == CNN_U8		     ? 240 + i :
							       i * 5 - 30;
			double real = (double)whole;
			unsigned char *element = data + (size_t)i * size;

			if (types[t] == CNN_F16 || types[t] == CNN_F32 ||
			    types[t] == CNN_F64 || types[t] == CNN_BF16)
				reorder(d, &one, 1, (struct cnn_format){ CNN_F64, 0 },
				    &real, (struct cnn_format){ types[t], 0 }, element);
			else /* little-endian */
				memcpy(element, &whole, size);
			for (int k = 0; k < TAKEN; k++)
				if (index[k] == (uint32_t)i / ELEMENTS)
					wanted[k * ELEMENTS + i % ELEMENTS] =
					    real * 0.25 - 3;
		}
		dd = give(d, data, sizeof(data));
		di = give(d, order, sizeof(order));
		dout = give(d, NULL, out_bytes);
		dl = give(d, labels, sizeof(labels));
		dout_labels = give(d, NULL, sizeof(got_labels));
		state = give(d, &(struct cnn_state){ .cursor = 2 }, sizeof(*state));
		columns[0] = (struct cnn_gather_column){ types[t], out_type, dd,
			ELEMENTS, 0.25, -3, dout };
		columns[1] = (struct cnn_gather_column){ CNN_I32, CNN_I32, dl, 1, 0.25,
			-3, dout_labels };
		/* A column of whole numbers can be taken as it is, too. */
		columns[2] = (struct cnn_gather_column){ types[t], CNN_I32, dd,
			ELEMENTS, 0.25, -3, dwhole };
		g = (struct cnn_gather){ .size = sizeof(g),
			.first = 1,
			.samples = TAKEN,
			.columns = columns,
			.column_count = 3,
			.order = di };
		r = d->device->gather(d->device_handle, d->queue, state, &g);
		take(d, whole_numbers, dwhole, sizeof(whole_numbers));
		take(d, out_type == CNN_F64 ? (void *)got : floats, dout, out_bytes);
		take(d, got_labels, dout_labels, sizeof(got_labels));
		d->device->free(d->device_handle, dd);
		d->device->free(d->device_handle, di);
		d->device->free(d->device_handle, dl);
		d->device->free(d->device_handle, state);
		for (int i = 0; i < TAKEN * ELEMENTS; i++)
			wrong += (out_type == CNN_F64 ? got[i] : floats[i]) !=
			    wanted[i];
		for (int i = 0; i < TAKEN * ELEMENTS; i++)
			wrong += whole_numbers[i] != (wanted[i] + 3) / 0.25;
		for (int i = 0; i < TAKEN; i++)
			wrong += got_labels[i] != labels[index[i]];
		claim(&s->trial, r == CNN_OK && wrong == 0, "gather from %s",
		    cnn_dtype_name(types[t]));
	}
}

/* Pixels of 8 bits to every type: rounded once, whatever the alignment; without
 * an order the rows come as they lie. */
static void test_pixels(struct suite *s)
{
	static const uint32_t types[] = { CNN_F32, CNN_F16, CNN_BF16 };
	static const double scales[][2] = { { 1 / 255.0, 0 }, { 1 / 77.0, -0.1307 } };
	enum { ROWS = 3, ELEMENTS = 259 };
	const struct subject *d = &s->trial.subject;
	const struct cnn_shape shape = { 1, { ELEMENTS } };
	static unsigned char data[ROWS * ELEMENTS];
	static double exact[ROWS * ELEMENTS];
	static unsigned char wanted[ROWS * ELEMENTS * 4], got[ROWS * ELEMENTS * 4];

	for (int i = 0; i < ROWS * ELEMENTS; i++)
		data[i] = (unsigned char)(i * 37 % 256);
	for (size_t k = 0; k < 2; k++)
		for (size_t t = 0; t < 3; t++) {
			const struct cnn_format out = { types[t], CNN_NCHW };
			const size_t bytes = ROWS * ELEMENTS * cnn_dtype_size(types[t]);
			void *dd = give(d, data, sizeof(data)),
			     *dout = give(d, NULL, bytes);
			struct cnn_state *state =
			    give(d, &(struct cnn_state){ 0 }, sizeof(*state));
			const struct cnn_gather_column column = { CNN_U8, types[t], dd,
				ELEMENTS, scales[k][0], scales[k][1], dout };
			struct cnn_gather g = { .size = sizeof(g),
				.samples = ROWS,
				.columns = &column,
				.column_count = 1 };
			int r =
			    d->device->gather(d->device_handle, d->queue, state, &g);

			for (int i = 0; i < ROWS * ELEMENTS; i++)
				exact[i] = data[i] * scales[k][0] + scales[k][1];
			reorder(&s->trial.reference, &shape, ROWS,
			    (struct cnn_format){ CNN_F64, CNN_NCHW }, exact, out,
			    wanted);
			take(d, got, dout, bytes);
			d->device->free(d->device_handle, dd);
			d->device->free(d->device_handle, state);
			claim(&s->trial, r == CNN_OK && memcmp(got, wanted, bytes) == 0,
			    "pixels times %g plus %g in %s", scales[k][0], scales[k][1],
			    cnn_dtype_name(types[t]));
		}
}

/* A provider's folder may hold the device's plugin; then it is tested. */
void test_device(struct suite *s)
{
	struct cnn_error e = { 0 };
	struct cnn_plugin *p;

	if (cnn_plugins_find(s->trial.plugins, s->trial.device, s->trial.provider,
		"device", &p, &e) != CNN_OK)
		return;
	test_memory(s);
	test_conversions(s);
	test_layouts(s);
	test_add(s);
	test_gather(s);
	test_pixels(s);
	test_steps(s);
}
