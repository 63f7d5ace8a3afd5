/* border.c - a runner's buffers, and numbers on their way in and out of them. */
#include "border.h"
#include "base/tensor.h"
#include <string.h>

#define GUARD 4096 /* bytes before and after a buffer */
/* Memory of a device of its own begins with the buffer and ends soon after it, so that
 * the device's own checks see what lies beyond. */
#define SHORT_GUARD 64
#define GUARD_BYTE 0xa5
#define FILL_AT_ONCE (1 << 16) /* bytes */

static size_t guard_of(const struct subject *s)
{
	return s->device->flags & CNN_DEVICE_OWN_MEMORY ? SHORT_GUARD : GUARD;
}

static size_t front_of(const struct subject *s)
{
	return s->device->flags & CNN_DEVICE_OWN_MEMORY ? 0 : GUARD;
}

static bool is_f64(const struct runner *runner)
{
	return runner->settings.dtype == CNN_F64;
}

size_t border_real_size(const struct runner *runner)
{
	return is_f64(runner) ? sizeof(double) : sizeof(float);
}

size_t border_tensor_bytes(const struct cnn_shape *shape, struct cnn_format f,
    uint32_t samples)
{
	return cnn_layout_count(shape, f.layout, samples) * cnn_dtype_size(f.dtype);
}

/* --- buffers on the device -------------------------------------------------------- */

int border_upload(const struct subject *s, void *dst, const void *src, size_t bytes)
{
	return bytes ? s->device->upload(s->device_handle, s->queue, dst, src, bytes) :
		       CNN_OK;
}

int border_download(const struct subject *s, void *dst, const void *src, size_t bytes)
{
	return bytes ?
	    s->device->download(s->device_handle, s->queue, dst, src, bytes) :
	    CNN_OK;
}

/* Allocates nothing, so that memory is always poisoned. */
static void fill(const struct subject *s, void *dst, int byte, size_t bytes)
{
	char pattern[FILL_AT_ONCE];
	size_t n;

	memset(pattern, byte, bytes < sizeof(pattern) ? bytes : sizeof(pattern));
	for (size_t at = 0; at < bytes; at += n) {
		n = bytes - at < sizeof(pattern) ? bytes - at : sizeof(pattern);
		border_upload(s, (char *)dst + at, pattern, n);
	}
}

void *border_host_alloc(const struct subject *s, size_t bytes)
{
	const struct cnn_host *h = &s->host->host;
	void *memory = h->alloc(h, bytes);

	if (memory)
		memset(memory, 0, bytes);
	return memory;
}

void border_host_free(const struct subject *s, void *memory)
{
	s->host->host.free(&s->host->host, memory);
}

void border_fill(const struct runner *runner, const struct buffer *b, int byte)
{
	if (b->data)
		fill(runner->subject, b->data, byte, b->bytes);
}

/* NaN in each floating-point type. */
void border_poison(const struct runner *runner, const struct buffer *b)
{
	border_fill(runner, b, 0xff);
}

int border_alloc(const struct runner *runner, struct buffer *b, size_t bytes,
    const char *overrun)
{
	const struct subject *s = runner->subject;
	const size_t front = front_of(s);

	if (bytes == 0)
		return CNN_OK;
	if (!(b->base =
		    s->device->alloc(s->device_handle, front + bytes + guard_of(s))))
		/* The device may have another host. */
		return s->host->host.fail(&s->host->host, CNN_ENOMEM,
		    "out of memory for %zu bytes", bytes);
	b->data = (char *)b->base + front;
	b->bytes = bytes;
	b->overrun = overrun;
	fill(s, b->base, GUARD_BYTE, front);
	fill(s, (char *)b->data + bytes, GUARD_BYTE, guard_of(s));
	border_poison(runner, b);
	return CNN_OK;
}

void border_free(struct runner *runner, struct buffer *b)
{
	const struct subject *s = runner->subject;

	if (b->data)
		s->device->free(s->device_handle, b->base);
	*b = (struct buffer){ 0 };
}

/* Has nobody written to this guard? */
static bool is_intact(const struct subject *s, const char *at, size_t bytes)
{
	unsigned char guard[GUARD];

	if (border_download(s, guard, at, bytes) != CNN_OK)
		return true; /* the next call says what is wrong */
	for (size_t i = 0; i < bytes; i++)
		if (guard[i] != GUARD_BYTE)
			return false;
	return true;
}

void border_check(struct runner *runner, const struct buffer *b)
{
	const struct subject *s = runner->subject;

	if (b->data &&
	    !(is_intact(s, b->base, front_of(s)) &&
		is_intact(s, (char *)b->data + b->bytes, guard_of(s))))
		runner->complaint = b->overrun;
}

/* --- tensors and parameters across the border ------------------------------------- */

/* buffer = `samples` samples of x in the run's own format. */
int border_put(struct runner *runner, const struct buffer *b,
    const struct cnn_shape *shape, struct cnn_format format, const double *x,
    uint32_t samples)
{
	const struct subject *s = runner->subject;
	size_t bytes = border_tensor_bytes(shape, format, samples);
	void *native = border_host_alloc(s, bytes);
	int r = CNN_OK;

	if (!native)
		return CNN_ENOMEM;
	border_poison(runner, b);
	for (size_t i = 0; format.dtype == CNN_I32 && i < bytes / sizeof(int32_t); i++)
		((int32_t *)native)[i] = (int32_t)x[i];
	if (format.dtype != CNN_I32)
		r = s->cpu->reorder(s->cpu_handle, NULL, shape, samples,
		    (struct cnn_format){ CNN_F64, CNN_NCHW }, x, format, native);
	if (r == CNN_OK)
		r = border_upload(s, b->data, native, bytes);
	border_host_free(s, native);
	return r;
}

/* The other way; and what the layout pads must have stayed zero. */
int border_get(struct runner *runner, const struct buffer *b,
    const struct cnn_shape *shape, struct cnn_format format, double *x,
    uint32_t samples)
{
	const struct subject *s = runner->subject;
	const struct cnn_format plain = { CNN_F64, CNN_NCHW };
	size_t bytes = border_tensor_bytes(shape, format, samples);
	unsigned char *native = border_host_alloc(s, 2 * bytes), *again;
	int r;

	if (!native)
		return CNN_ENOMEM;
	again = native + bytes;
	r = border_download(s, native, b->data, bytes);
	if (r == CNN_OK)
		r = s->cpu->reorder(s->cpu_handle, NULL, shape, samples, format, native,
		    plain, x);
	if (r == CNN_OK)
		r = s->cpu->reorder(s->cpu_handle, NULL, shape, samples, plain, x,
		    format, again);
	if (r == CNN_OK &&
	    (format.layout == CNN_NCHW8C || format.layout == CNN_NCHW16C) &&
	    memcmp(native, again, bytes))
		runner->complaint = "did not leave zeros in a tensor's padding";
	border_check(runner, b);
	border_host_free(s, native);
	return r;
}

int border_put_param(struct runner *runner, uint32_t i, const struct buffer *b,
    const double *x)
{
	const struct subject *s = runner->subject;
	size_t n = chain_count(&runner->chain->params[i].shape);
	float *plain;
	int r = CNN_OK;

	if (is_f64(runner))
		return border_upload(s, b->data, x, n * sizeof(double));
	if (!(plain = border_host_alloc(s, n * sizeof(float))))
		return CNN_ENOMEM;
	for (size_t k = 0; k < n; k++)
		plain[k] = (float)x[k];
	border_poison(runner, b);
	if (s->kernel->param_import)
		r = s->kernel->param_import(runner->instance, s->queue, i, plain,
		    b->data);
	else
		r = border_upload(s, b->data, plain, n * sizeof(float));
	border_host_free(s, plain);
	return r;
}

/* x += what buffer holds in the run's own layout, if that is a parameter's;
 * its padding must be zero, which shows in another import. */
int border_add_param(struct runner *runner, uint32_t i, const struct buffer *b,
    double *x)
{
	const struct subject *s = runner->subject;
	size_t n = chain_count(&runner->chain->params[i].shape);
	void *native = border_host_alloc(s, b->bytes);
	void *again = border_host_alloc(s, b->bytes);
	float *plain = border_host_alloc(s, n * sizeof(float));
	struct buffer imported = { 0 };
	int r = native && again && plain ? CNN_OK : CNN_ENOMEM;

	if (r == CNN_OK)
		r = border_download(s, native, b->data, b->bytes);
	border_check(runner, b);
	if (r == CNN_OK && s->kernel->param_export && !is_f64(runner)) {
		r = s->kernel->param_export(runner->instance, s->queue, i, b->data,
		    plain);
		if (r == CNN_OK)
			r = border_alloc(runner, &imported, b->bytes,
			    "param_import writes outside of the parameter");
		if (r == CNN_OK)
			r = s->kernel->param_import(runner->instance, s->queue, i,
			    plain, imported.data);
		if (r == CNN_OK)
			r = border_download(s, again, imported.data, b->bytes);
		border_free(runner, &imported);
		if (r == CNN_OK && memcmp(native, again, b->bytes) != 0)
			runner->complaint =
			    "did not leave zeros in a parameter's padding";
	} else if (r == CNN_OK && !is_f64(runner)) {
		memcpy(plain, native, n * sizeof(float));
	}
	for (size_t k = 0; r == CNN_OK && k < n; k++)
		x[k] += is_f64(runner) ? ((double *)native)[k] : (double)plain[k];
	border_host_free(s, native);
	border_host_free(s, again);
	border_host_free(s, plain);
	return r;
}
