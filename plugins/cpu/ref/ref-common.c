/* ref-common.c - connects the host and the kernels of cpu/ref: the plan, calls in half
 * precision, and the matrix products. */
#include "ref.h"
#include "half.h"

/* --- the plan --------------------------------------------------------------------- */

static size_t count_of(const struct cnn_shape *s)
{
	return cnn_layout_count(s, CNN_NCHW, 1);
}

static bool is_half(uint32_t dtype)
{
	return dtype == CNN_BF16 || dtype == CNN_F16;
}

static size_t aligned(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

int ref_bytes(const struct ref *ref, size_t a, size_t b, size_t size, size_t *bytes)
{
	if (__builtin_mul_overflow(a, b, bytes) ||
	    __builtin_mul_overflow(*bytes, size, bytes) || *bytes > SIZE_MAX / 64)
		return ref->host->fail(ref->host, CNN_ENOMEM,
		    "buffer of %zu x %zu x %zu bytes is too large", a, b, size);
	return CNN_OK;
}

static void set_formats(const struct cnn_run *run, struct cnn_plan *plan)
{
	for (uint32_t i = 0; i < run->input_count; i++)
		plan->inputs[i] = (struct cnn_format){
			run->inputs[i].format.dtype == CNN_I32 ? CNN_I32 : run->dtype,
			CNN_NCHW
		};
	plan->output = (struct cnn_format){ run->dtype, CNN_NCHW };
}

double ref_cost(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan)
{
	const struct ref_layer *layer = kernel->data;
	const size_t in = count_of(&run->inputs[0].shape), out = count_of(&run->output);
	double ns = layer->forward_ns + (run->training ? layer->backward_ns : 0);
	double cost;

	(void)host;
	/* The double build leaves half types to the float build. */
	if (run->dtype != REF_DTYPE &&
	    (!is_half(run->dtype) || sizeof(real) != sizeof(float) || layer->real_only))
		return 0;
	set_formats(run, plan);
	cost = ns * (double)(layer->work ? layer->work(run) : in);
	if (is_half(run->dtype)) /* conversions */
		cost += (run->training ? 2 : 1) * 0.7 * (double)(in + out);
	return 0.2 + 1e-3 * cost * run->batch;
}

/* Scratch bytes of the `real` copies of one call's tensors. */
static int half_scratch(const struct ref *ref, uint32_t batch, size_t *bytes)
{
	size_t in, out;
	int r;

	if ((r = ref_bytes(ref, ref->in, batch, sizeof(real), &in)) != CNN_OK ||
	    (r = ref_bytes(ref, ref->out, batch, sizeof(real), &out)) != CNN_OK)
		return r;
	*bytes = 2 * ref->in_count * aligned(in) + 2 * aligned(out);
	for (uint32_t i = 0; i < ref->param_count; i++)
		*bytes += aligned(ref->params[i] * sizeof(real));
	return CNN_OK;
}

int ref_create(const struct cnn_host *host, const struct cnn_kernel *kernel,
    const struct cnn_run *run, struct cnn_plan *plan, void **instance)
{
	const struct ref_layer *layer = kernel->data;
	struct ref *ref = host->alloc(host, layer->instance_size);
	int r = CNN_OK;

	*instance = NULL;
	if (!ref)
		return CNN_ENOMEM;
	memset(ref, 0, layer->instance_size);
	ref->host = host;
	ref->layer = layer;
	ref->dtype = run->dtype;
	ref->in_count = run->input_count;
	ref->param_count = run->param_count;
	ref->in = count_of(&run->inputs[0].shape);
	ref->out = count_of(&run->output);
	for (uint32_t i = 0; i < run->param_count; i++)
		ref->params[i] = count_of(&run->params[i].shape);

	plan->flags = layer->flags;
	set_formats(run, plan);
	if (layer->plan)
		r = layer->plan(ref, run, plan);
	if (r == CNN_OK && is_half(run->dtype)) {
		r = half_scratch(ref, run->batch, &ref->kernel_scratch);
		plan->scratch_bytes += ref->kernel_scratch;
	}
	if (r != CNN_OK) {
		ref_destroy(ref);
		return r;
	}
	*instance = ref;
	return CNN_OK;
}

void ref_destroy(void *instance)
{
	struct ref *ref = instance;

	if (ref)
		ref->host->free(ref->host, ref);
}

/* --- calls ------------------------------------------------------------------------ */

static void widen(uint32_t dtype, const uint16_t *half, size_t n, real *x)
{
	if (dtype == CNN_BF16)
		for (size_t i = 0; i < n; i++)
			x[i] = bf16_to_float(half[i]);
	else
		for (size_t i = 0; i < n; i++)
			x[i] = f16_to_float(half[i]);
}

static void narrow(uint32_t dtype, const real *x, size_t n, uint16_t *half)
{
	if (dtype == CNN_BF16)
		for (size_t i = 0; i < n; i++)
			half[i] = float_to_bf16((float)x[i]);
	else
		for (size_t i = 0; i < n; i++)
			half[i] = float_to_f16((float)x[i]);
}

static void round_to(uint32_t dtype, const real *x, size_t n, real *rounded)
{
	uint16_t half;

	for (size_t i = 0; i < n; i++) {
		narrow(dtype, &x[i], 1, &half);
		widen(dtype, &half, 1, &rounded[i]);
	}
}

/* Takes the next n elements of a call's scratch. */
static real *take(struct cnn_call *c, size_t n)
{
	real *x = c->scratch;

	c->scratch = (char *)c->scratch + aligned(n * sizeof(real));
	return x;
}

static const real *take_wide(struct cnn_call *c, uint32_t dtype, const void *half,
    size_t n)
{
	real *x = take(c, n);

	widen(dtype, half, n, x);
	return x;
}

enum { READS_IN = 1, READS_OUT = 2, READS_GRAD = 4, GIVES_OUT = 8, GIVES_GRAD = 16 };

/* Calls a kernel. In half, it converts the tensors that the kernel reads and writes
 * through copies in `real`. */
static int run_kernel(struct ref *ref, ref_function *kernel,
    const struct cnn_call *call, int uses)
{
	size_t in_n = ref->in * call->samples, out_n = ref->out * call->samples;
	const void *in[CNN_MAX_INPUTS] = { NULL };
	void *grad_in[CNN_MAX_INPUTS] = { NULL };
	void *params[CNN_MAX_PARAMS] = { NULL };
	struct cnn_call wide = *call;
	int r;

	if (!is_half(ref->dtype))
		return kernel(ref, call);

	wide.in = in;
	wide.grad_in = grad_in;
	for (uint32_t i = 0; i < ref->in_count; i++) {
		if (uses & READS_IN)
			in[i] = take_wide(&wide, ref->dtype, call->in[i], in_n);
		if (uses & GIVES_GRAD && call->grad_in[i])
			grad_in[i] = take(&wide, in_n);
	}
	if (uses & READS_OUT)
		wide.out = (void *)take_wide(&wide, ref->dtype, call->out, out_n);
	if (uses & GIVES_OUT)
		wide.out = take(&wide, out_n);
	if (uses & READS_GRAD)
		wide.grad_out = take_wide(&wide, ref->dtype, call->grad_out, out_n);
	if (ref->layer->rounds_params) {
		wide.params = params;
		for (uint32_t i = 0; i < ref->param_count; i++) {
			params[i] = take(&wide, ref->params[i]);
			round_to(ref->dtype, call->params[i], ref->params[i],
			    params[i]);
		}
	}
	wide.scratch = (char *)call->scratch + ref->kernel_scratch;

	if ((r = kernel(ref, &wide)) != CNN_OK)
		return r;
	if (uses & GIVES_OUT)
		narrow(ref->dtype, wide.out, out_n, call->out);
	for (uint32_t i = 0; i < ref->in_count; i++)
		if (grad_in[i])
			narrow(ref->dtype, grad_in[i], in_n, call->grad_in[i]);
	return CNN_OK;
}

static int kept(const struct ref *ref)
{
	return (ref->layer->flags & CNN_KEEP_INPUT ? READS_IN : 0) |
	    (ref->layer->flags & CNN_KEEP_OUTPUT ? READS_OUT : 0);
}

int ref_forward(void *instance, const struct cnn_call *call)
{
	struct ref *ref = instance;

	return run_kernel(ref, ref->layer->forward, call, READS_IN | GIVES_OUT);
}

int ref_backward(void *instance, const struct cnn_call *call)
{
	struct ref *ref = instance;

	return run_kernel(ref, ref->layer->backward, call,
	    kept(ref) | READS_GRAD | GIVES_GRAD);
}

int ref_reduce_forward(void *instance, const struct cnn_call *call)
{
	struct ref *ref = instance;

	return run_kernel(ref, ref->layer->reduce_forward, call, READS_IN);
}

int ref_reduce_backward(void *instance, const struct cnn_call *call)
{
	struct ref *ref = instance;

	return run_kernel(ref, ref->layer->reduce_backward, call,
	    kept(ref) | READS_GRAD);
}

/* --- products and sums ------------------------------------------------------------ */

void ref_matmul(real *restrict c, const real *a, size_t row, size_t column,
    const real *restrict b, size_t m, size_t n, size_t k)
{
	for (size_t i = 0; i < m; i++) {
		real *restrict ci = &c[i * n];
		const real *ai = &a[i * row];
		size_t p = 0;

		/* Four rows of b per pass: c is loaded and stored a quarter as
		 * often. */
		for (; p + 4 <= k; p += 4) {
			const real a0 = ai[p * column], a1 = ai[(p + 1) * column];
			const real a2 = ai[(p + 2) * column], a3 = ai[(p + 3) * column];
			const real *b0 = &b[p * n], *b1 = b0 + n, *b2 = b1 + n,
				   *b3 = b2 + n;

			for (size_t j = 0; j < n; j++)
				ci[j] += (a0 * b0[j] + a1 * b1[j]) +
				    (a2 * b2[j] + a3 * b3[j]);
		}
		for (; p < k; p++) {
			const real ap = ai[p * column];

			for (size_t j = 0; j < n; j++)
				ci[j] += ap * b[p * n + j];
		}
	}
}

/* The sum of x[i] y[i], in LANES interleaved sums, so that the compiler can vectorise
 * it without permission to reorder. */
#define LANES 16

static real dot(const real *x, const real *y, size_t n)
{
	real sum[LANES] = { 0 };
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		for (size_t l = 0; l < LANES; l++)
			sum[l] += x[i + l] * y[i + l];
	for (size_t l = 0; i < n; i++, l++)
		sum[l] += x[i] * y[i];
	for (size_t l = LANES / 2; l > 0; l /= 2)
		for (size_t j = 0; j < l; j++)
			sum[j] += sum[j + l];
	return sum[0];
}

void ref_matmul_t(real *restrict c, const real *a, const real *b, size_t m, size_t n,
    size_t k)
{
	for (size_t j = 0; j < n; j++)
		for (size_t i = 0; i < m; i++)
			c[i * n + j] += dot(&a[i * k], &b[j * k], k);
}

double ref_sum(const real *x, size_t n)
{
	double sum[4] = { 0 };
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		for (size_t l = 0; l < 4; l++)
			sum[l] += x[i + l];
	for (; i < n; i++)
		sum[0] += x[i];
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}
