/* activations.h - the table of activations: elementwise layers of one input.
 *
 * out = f(x, a, b), where x is an element of in; grad_in = gradient(x, g, a, b), which
 * is g df/dx, where g is an element of grad_out. `flags` says what x is in the
 * gradient: READS_INPUT: of in, READS_OUTPUT: of out, READS_NEITHER: nothing. a and b are
 * the first `arg_count` arguments, which are CNN_ARG_FLOAT; the others are 0. All are float: write x / 2 or
 * 0.5f * x. f of NaN is NaN, so a comparison that is false must lead to x; fmaxf()
 * drops a NaN.
 *
 * elementwise.c makes a kernel of each row, elementwise.cu its functions for the
 * device.
 */
#ifndef NATIVE_ACTIVATIONS_H
#define NATIVE_ACTIVATIONS_H

#include <cnn/plugin.h>

#define READS_INPUT (CNN_KEEP_INPUT | CNN_INPLACE_BACKWARD)
#define READS_OUTPUT (CNN_KEEP_OUTPUT | CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD)
#define READS_NEITHER (CNN_INPLACE_FORWARD | CNN_INPLACE_BACKWARD)

/* ROW(type, flags, arg_count, f, gradient) */
/* clang-format off */
#define ACTIVATIONS(ROW) \
	ROW(relu, READS_OUTPUT, 0, x <= 0 ? 0 : x, x <= 0 ? 0 : g) \
	ROW(normalize, READS_NEITHER, 2, (x - a) / b, g / b)
/* clang-format on */

/* The number of each row: NATIVE_relu. */
#define NUMBER(NAME, ...) NATIVE_##NAME,
enum native_activation { ACTIVATIONS(NUMBER) };
#undef NUMBER

#endif
