/* kernels.h - functions of the .cu files that put kernels into the queue. They return a
 * cudaError_t as int.
 *
 * Arrays lie in device memory and are 64-byte aligned unless stated otherwise. If a
 * function takes a dtype, its void arrays are CNN_F32, CNN_F16 or CNN_BF16, and it
 * computes in float. Order of arguments: out, inputs, weights, sizes.
 */
#ifndef NATIVE_KERNELS_H
#define NATIVE_KERNELS_H

#include <cnn/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- tensor.cu: functions of the device ------------------------------------------- */

/* dst += src; also for CNN_F64. */
int native_accumulate(void *queue, uint32_t dtype, void *dst, const void *src,
    size_t count);
/* dst = src in another type (also CNN_F64) and layout, rounded once; the padding of dst
 * becomes zero. */
int native_reorder(void *queue, const struct cnn_shape *, size_t samples,
    struct cnn_format to, void *dst, struct cnn_format from, const void *src);
int native_gather(void *queue, const struct cnn_state *, const struct cnn_gather *);

/* --- step.cu: the end of a step --------------------------------------------------- */

/* cnn_device's total. */
int native_total(void *queue, struct cnn_result *, const float *const *losses,
    uint32_t loss_count, uint32_t samples);
/* cnn_device's norm and clip. */
int native_norm(void *queue, double *sums, const float *x, size_t count,
    struct cnn_state *bad);
int native_clip(void *queue, double *sums, size_t count, double most,
    struct cnn_state *);
int native_advance(void *queue, struct cnn_state *, const struct cnn_advance *);

/* --- elementwise.cu --------------------------------------------------------------- */

/* out = f(in); grad_in = the gradient at x, which is in or out. `number` is the row of
 * the table in activations.h. */
int native_activation_forward(void *queue, uint32_t number, uint32_t dtype, void *out,
    const void *in, float a, float b, size_t count);
int native_activation_backward(void *queue, uint32_t number, uint32_t dtype,
    void *grad_in, const void *x, const void *grad_out, float a, float b, size_t count);

struct native_dropout {
	/* Probability of zero; factor 1 / (1 - p) */
	float p, scale;
	uint32_t random_stream, is_nhwc;
	uint32_t channels, area; /* of a sample; 1 and all unless NHWC */
};

/* mask: one byte per element, in the same place as the element. */
int native_dropout_forward(void *queue, uint32_t dtype, void *out, uint8_t *mask,
    const void *in, const struct cnn_state *, const struct native_dropout *,
    uint64_t first_sample, uint32_t samples);
int native_dropout_backward(void *queue, uint32_t dtype, void *grad_in,
    const uint8_t *mask, const void *grad_out, float scale, size_t count);

/* out = in[0] + in[1] + ... */
int native_add_inputs(void *queue, uint32_t dtype, void *out, const void *const *in,
    uint32_t in_count, size_t count);

/* --- loss.cu ---------------------------------------------------------------------- */

/* loss (N,2), loss and hits, of logits (N,K). difference (N,K) = softmax minus the
 * target's one-hot row, unless NULL. */
int native_cross_entropy_forward(void *queue, float *loss, float *difference,
    const float *logits, const int32_t *target, uint32_t samples, size_t classes);
/* grad_in = difference * state->loss_scale / total. */
int native_cross_entropy_backward(void *queue, float *grad_in, const float *difference,
    const struct cnn_state *, uint64_t total, size_t count);

/* --- pool.cu ---------------------------------------------------------------------- */

/* in (N,C,H,W), out (N,C,OH,OW), both NCHW or both NHWC. [0] is H, [1] is W. */
struct native_pool {
	uint32_t c, h, w, oh, ow;
	uint32_t kernel[2], stride[2], padding[2];
	uint32_t is_nhwc;
	uint32_t index_size; /* bytes of a winner's index: 1, 2 or 4 */
};

/* winners: for each output, the index of its element in the window, unless NULL. */
int native_maxpool_forward(void *queue, uint32_t dtype, void *out, void *winners,
    const void *in, const struct native_pool *, uint32_t samples);
int native_maxpool_backward(void *queue, uint32_t dtype, void *grad_in,
    const void *winners, const void *grad_out, const struct native_pool *,
    uint32_t samples);
int native_avgpool_forward(void *queue, uint32_t dtype, void *out, const void *in,
    const struct native_pool *, uint32_t samples);
int native_avgpool_backward(void *queue, uint32_t dtype, void *grad_in,
    const void *grad_out, const struct native_pool *, uint32_t samples);

/* --- batchnorm-sums.cu, batchnorm.cu ---------------------------------------------- */

struct native_norm {
	uint32_t channels, area, is_nhwc;
	uint32_t splits; /* parts in which a channel is summed */
	double eps, momentum;
};

/* sums (2,C): the mean of in, and the sum of (in - mean)^2, over the samples. scratch
 * (2,C,splits). */
int native_norm_sums(void *queue, uint32_t dtype, double *sums, const void *in,
    double *scratch, const struct native_norm *, uint32_t samples);
/* Training: from these sums over the n elements of each channel; also writes
 * saved (2,C): mean and 1 / sqrt(var + eps). If sums is NULL: the running
 * statistics. */
int native_norm_forward(void *queue, uint32_t dtype, void *out, double *saved,
    const void *in, const double *sums, double n, const float *const params[4],
    const struct native_norm *, uint32_t samples);
/* sums (2,C): of grad_out and of grad_out xhat. */
int native_norm_gradient_sums(void *queue, uint32_t dtype, double *sums, const void *in,
    const void *grad_out, const double *saved, double *scratch,
    const struct native_norm *, uint32_t samples);
/* grad_in, unless NULL, from the sums over n elements. grad_weight and grad_bias from
 * `own`, the microbatch's sums. */
int native_norm_backward(void *queue, uint32_t dtype, void *grad_in, float *grad_weight,
    float *grad_bias, const void *in, const void *grad_out, const double *saved,
    const double *sums, double n, const double *own, const float *weight,
    const struct native_norm *, uint32_t samples);
int native_norm_update(void *queue, float *running_mean, float *running_var,
    const struct cnn_state *, const double *sums, double n, const struct native_norm *);

/* --- optimizers.cu ---------------------------------------------------------------- */

/* The arrays of a struct cnn_update are aligned only to their elements. */
int native_adam(const struct cnn_update *);
int native_sgd(const struct cnn_update *);

#ifdef __cplusplus
}
#endif

#endif
