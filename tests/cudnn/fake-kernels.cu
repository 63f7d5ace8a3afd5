/* fake-kernels.cu - the computations of fake.h's engines: the definition, one thread
 * per element of the result, summed in double. */
#include "fake.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <unistd.h>

#define BLOCK 64

static __device__ int64_t place(const struct fake_view *v, int64_t n, int64_t c,
    int64_t h, int64_t w)
{
	return n * v->s[0] + c * v->s[1] + h * v->s[2] + w * v->s[3];
}

static __device__ double load(const struct fake_view *v, int64_t i)
{
	return v->type == CUDNN_DATA_HALF ?
	    __half2float(((const __half *)v->p)[i]) :
	    v->type == CUDNN_DATA_BFLOAT16 ?
	    __bfloat162float(((const __nv_bfloat16 *)v->p)[i]) :
	    ((const float *)v->p)[i];
}

static __device__ void store(const struct fake_view *v, int64_t i, double x)
{
	if (v->type == CUDNN_DATA_HALF)
		((__half *)v->p)[i] = __float2half_rn((float)x);
	else if (v->type == CUDNN_DATA_BFLOAT16)
		((__nv_bfloat16 *)v->p)[i] = __float2bfloat16_rn((float)x);
	else
		((float *)v->p)[i] = (float)x;
}

/* The element of a tensor that a thread computes; false: none. */
struct where {
	int64_t n, c, h, w;
};

static __device__ bool locate(const struct fake_view *v, struct where *at)
{
	int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;

	at->w = i % v->d[3], i /= v->d[3];
	at->h = i % v->d[2], i /= v->d[2];
	at->c = i % v->d[1], i /= v->d[1];
	at->n = i;
	return i < v->d[0];
}

/* The index in x of element k of the window at `out`; false: padding. */
static __device__ bool inside(const struct fake_job *j, int axis, int64_t out,
    int64_t k, int64_t *in)
{
	*in = out * j->stride[axis] - j->padding[axis] + k * j->dilation[axis];
	return *in >= 0 && *in < j->x.d[2 + axis];
}

/* The window whose element k is at x; false: there is none. */
static __device__ bool window(const struct fake_job *j, int axis, int64_t in, int64_t k,
    int64_t *out)
{
	int64_t at = in + j->padding[axis] - k * j->dilation[axis];

	*out = at / j->stride[axis];
	return at >= 0 && at % j->stride[axis] == 0 && *out < j->y.d[2 + axis];
}

static __global__ void forward(struct fake_job j)
{
	const int64_t c = j.w.d[1], o = j.w.d[0] / j.groups;
	struct where at;
	double sum = 0;
	int64_t h, w;

	if (!locate(&j.y, &at))
		return;
	for (int64_t i = 0; i < j.kernel[0]; i++)
		for (int64_t k = 0; k < j.kernel[1]; k++)
			if (inside(&j, 0, at.h, i, &h) && inside(&j, 1, at.w, k, &w))
				for (int64_t x = 0; x < c; x++)
					sum += load(&j.x,
						   place(&j.x, at.n, at.c / o * c + x,
						       h, w)) *
					    load(&j.w, place(&j.w, at.c, x, i, k));
	if (j.bias.p)
		sum += load(&j.bias, place(&j.bias, 0, at.c, 0, 0));
	store(&j.y, place(&j.y, at.n, at.c, at.h, at.w), j.relu && sum <= 0 ? 0 : sum);
}

static __global__ void dgrad(struct fake_job j)
{
	const int64_t c = j.w.d[1], o = j.w.d[0] / j.groups;
	struct where at;
	double sum = 0;
	int64_t h, w, to;

	if (!locate(&j.x, &at))
		return;
	for (int64_t i = 0; i < j.kernel[0]; i++)
		for (int64_t k = 0; k < j.kernel[1]; k++)
			if (window(&j, 0, at.h, i, &h) && window(&j, 1, at.w, k, &w))
				for (int64_t y = at.c / c * o; y < (at.c / c + 1) * o;
				     y++)
					sum += load(&j.y, place(&j.y, at.n, y, h, w)) *
					    load(&j.w, place(&j.w, y, at.c % c, i, k));
	to = place(&j.x, at.n, at.c, at.h, at.w);
	store(&j.x, to, j.mask.p && load(&j.mask, to) <= 0 ? 0 : sum);
}

static __global__ void wgrad(struct fake_job j)
{
	const int64_t c = j.w.d[1], o = j.w.d[0] / j.groups;
	struct where at;
	double sum = 0;
	int64_t x, y;

	if (!locate(&j.w, &at))
		return;
	for (int64_t n = 0; n < j.x.d[0]; n++)
		for (int64_t h = 0; h < j.y.d[2]; h++)
			for (int64_t w = 0; w < j.y.d[3]; w++)
				if (inside(&j, 0, h, at.h, &y) &&
				    inside(&j, 1, w, at.w, &x))
					sum += load(&j.x,
						   place(&j.x, n, at.n / o * c + at.c,
						       y, x)) *
					    load(&j.y, place(&j.y, n, at.n, h, w));
	store(&j.w, place(&j.w, at.n, at.c, at.h, at.w), sum);
}

static __global__ void pool(struct fake_job j)
{
	struct where at;
	double sum = 0, best = 0, value;
	int64_t h, w, to, best_place = -1;

	if (!locate(&j.y, &at))
		return;
	for (int64_t i = 0; i < j.kernel[0]; i++)
		for (int64_t k = 0; k < j.kernel[1]; k++)
			if (inside(&j, 0, at.h, i, &h) && inside(&j, 1, at.w, k, &w)) {
				value = load(&j.x, place(&j.x, at.n, at.c, h, w));
				sum += value;
				if (best_place < 0 || value > best || value != value) {
					best = value;
					best_place = i * j.kernel[1] + k;
				}
			}
	to = place(&j.y, at.n, at.c, at.h, at.w);
	store(&j.y, to, j.max ? best : sum / (double)(j.kernel[0] * j.kernel[1]));
	if (j.index.p)
		((signed char *)j.index.p)[to] = (signed char)best_place;
}

static __global__ void pool_backward(struct fake_job j)
{
	struct where at;
	double sum = 0;
	int64_t h, w, from;

	if (!locate(&j.x, &at))
		return;
	for (int64_t i = 0; i < j.kernel[0]; i++)
		for (int64_t k = 0; k < j.kernel[1]; k++)
			if (window(&j, 0, at.h, i, &h) && window(&j, 1, at.w, k, &w)) {
				from = place(&j.y, at.n, at.c, h, w);
				if (!j.max)
					sum += load(&j.y, from) /
					    (double)(j.kernel[0] * j.kernel[1]);
				else if (((const signed char *)j.index.p)[from] ==
				    i * j.kernel[1] + k)
					sum += load(&j.y, from);
			}
	store(&j.x, place(&j.x, at.n, at.c, at.h, at.w), sum);
}

/* Overwrites a workspace, whose contents nothing may rely on. */
static __global__ void spoil(unsigned char *workspace, size_t bytes, bool slow)
{
	const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;

	if (slow && i == 0)
		usleep(5000);
	if (i < bytes)
		workspace[i] = 0xa5;
}

static unsigned blocks(int64_t count)
{
	return (unsigned)((count + BLOCK - 1) / BLOCK);
}

static int64_t elements(const struct fake_view *v)
{
	return v->d[0] * v->d[1] * v->d[2] * v->d[3];
}

int fake_launch(int kind, const struct fake_job *j, void *workspace, size_t bytes,
    void *queue, bool slow)
{
	HOSTCUDA_LAUNCH(spoil, blocks((int64_t)bytes), BLOCK, 0, queue,
	    (unsigned char *)workspace, bytes, slow);
#define LAUNCH(kernel, result) \
	HOSTCUDA_LAUNCH(kernel, blocks(elements(&j->result)), BLOCK, 0, queue, *j)
	if (kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
		LAUNCH(forward, y);
	else if (kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR)
		LAUNCH(dgrad, x);
	else if (kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR)
		LAUNCH(wgrad, w);
	else if (kind == CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR)
		LAUNCH(pool, y);
	else
		LAUNCH(pool_backward, x);
	return (int)cudaGetLastError();
}
