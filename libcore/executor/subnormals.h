/* subnormals.h - subnormal numbers in a step.
 *
 * Numbers below 2^-126 take some CPUs over a hundred cycles. Adam's moments decay into
 * them where gradients stay zero: its update then takes more than half of a step. So
 * they are flushed to zero where a thread computes.
 */
#ifndef CNN_SUBNORMALS_H
#define CNN_SUBNORMALS_H

/* The state of a thread's arithmetic. */
typedef unsigned long cnn_float_state;

/* From now on the calling thread takes and gives zeros instead of subnormal floats and
 * doubles. Returns the state before. Does nothing on CPUs other than x86-64 and
 * AArch64. */
cnn_float_state cnn_subnormals_flush(void);
void cnn_subnormals_restore(cnn_float_state);

/* Takes and gives subnormals. Returns the state before. */
cnn_float_state cnn_subnormals_keep(void);

#endif
