/* kernels.h - kernels of this provider for operations for which cuDNN has no
 * precompiled engine. Each function puts its work into the queue and returns CUDA's
 * error as an int. Matrices are [rows][channels]; an NHWC tensor is one.
 */
#ifndef CUDNN_KERNELS_H
#define CUDNN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* weight_out, bias_out = weight, bias, converted to dtype. bias NULL: zeros. */
int kernel_pack(void *queue, uint32_t dtype, const float *weight, size_t weights,
    const float *bias, size_t biases, void *weight_out, void *bias_out);

/* to = from, converted from dtype to float. */
int kernel_unpack(void *queue, uint32_t dtype, const void *from, size_t count,
    float *to);

/* The gradient of a bias, through ReLU if there is one:
 *   grad = gate <= 0 ? 0 : grad_out           -> masked, unless gate is NULL
 *   grad_bias[c] = sum over the rows of grad  -> unless grad_bias is NULL
 * The order of the sums depends only on rows. partial: scratch of
 * kernel_partials(rows) * channels floats. masked may be grad_out. */
size_t kernel_partials(size_t rows);
int kernel_bias_gradient(void *queue, uint32_t dtype, size_t rows, size_t channels,
    const void *grad_out, const void *gate, void *masked, float *partial,
    float *grad_bias);

#ifdef __cplusplus
}
#endif

#endif
