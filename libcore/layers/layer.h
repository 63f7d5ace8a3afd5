/* layer.h - helpers shared by the built-in layer definitions.
 *
 * A definition knows names, shapes and sizes, never a device. infer() accepts at most
 * LAYER_MAX_ELEMENTS elements, so a provider that multiplies the dimensions of one
 * tensor, or of one parameter, cannot overflow size_t.
 */
#ifndef LAYER_H
#define LAYER_H

#include <cnn/plugin.h>
#include "base/tensor.h"

#define LAYER_MAX_ELEMENTS ((size_t)INT32_MAX) /* per sample or parameter */
#define LAYER_MAX_CHANNELS 16777216	       /* 2^24 */
#define LAYER_MAX_WINDOW 65535		       /* kernel, stride, padding, ... */

/* How a window slides over H x W; [0] is H, [1] is W. */
struct cnn_window {
	int64_t kernel[2], stride[2], padding[2], dilation[2];
};

/* The window of a pooling layer, whose first arguments are kernel, stride and padding.
 * The stride defaults to the kernel. */
struct cnn_window cnn_layer_pool_window(const struct cnn_node *);

/* infer() and flops() of a pooling layer. */
int cnn_layer_pool_infer(const struct cnn_host *, const struct cnn_node *,
    struct cnn_shape *out);
double cnn_layer_pool_flops(const struct cnn_node *);

/* *out = channels x OH x OW, where OH = (H + 2 padding - dilation (kernel - 1)
 * - 1) / stride + 1 rounded down, and OW likewise. */
int cnn_layer_slide(const struct cnn_host *, const struct cnn_shape *in,
    const struct cnn_window *, size_t channels, struct cnn_shape *out);

/* Fails unless the input is channels x height x width; the message states its shape. */
int cnn_layer_want_image(const struct cnn_host *, const char *type,
    const struct cnn_shape *in);
/* Fails unless the input is a vector. */
int cnn_layer_want_vector(const struct cnn_host *, const char *type,
    const struct cnn_shape *in);

/* Fails unless every dimension is at least 1 and their product at most
 * LAYER_MAX_ELEMENTS. The message starts with `what`. */
int cnn_layer_check(const struct cnn_host *, const char *what,
    const struct cnn_shape *);

/* infer() of a layer that does not change the shape. */
int cnn_layer_same_shape(const struct cnn_host *, const struct cnn_node *,
    struct cnn_shape *out);

/* Number of elements of a checked shape. */
size_t cnn_layer_count(const struct cnn_shape *);

/* The shape as "1x28x28", for messages. */
struct cnn_shape_string {
	char text[CNN_SHAPE_TEXT];
};
struct cnn_shape_string cnn_layer_text(const struct cnn_shape *);

/* Sets *param to a trainable parameter, initialised from U(-1/sqrt(fan_in),
 * 1/sqrt(fan_in)): PyTorch's default for weights (Kaiming-uniform with a = sqrt 5) and
 * biases. */
void cnn_layer_uniform_param(struct cnn_param *param, const char *name,
    struct cnn_shape shape, double fan_in);

#endif
