/* border.h - a runner's buffers, and numbers on their way in and out of them.
 *
 * Buffers lie in the subject's device, hold NaN at first (poison), and lie between
 * guards that border_check() looks at. What it finds wrong goes to the runner's
 * complaint.
 */
#ifndef BORDER_H
#define BORDER_H

#include "runner.h"

size_t border_real_size(const struct runner *); /* of a parameter's element */
/* Of `samples` samples in a format. */
size_t border_tensor_bytes(const struct cnn_shape *, struct cnn_format,
    uint32_t samples);

int border_upload(const struct subject *, void *dst, const void *src, size_t bytes);
int border_download(const struct subject *, void *dst, const void *src, size_t bytes);

/* Zeros in the CPU's memory. NULL: there is none; the subject's host has the message. */
void *border_host_alloc(const struct subject *, size_t bytes);
void border_host_free(const struct subject *, void *); /* NULL is fine */

/* overrun: what to say if the guards were written to. */
int border_alloc(const struct runner *, struct buffer *, size_t bytes,
    const char *overrun);
void border_free(struct runner *, struct buffer *);
void border_poison(const struct runner *, const struct buffer *);
void border_fill(const struct runner *, const struct buffer *, int byte);
void border_check(struct runner *, const struct buffer *);

/* `samples` samples of x, NCHW in double, to and from the run's own format. What
 * the layout pads must be zero in what comes out. */
int border_put(struct runner *, const struct buffer *, const struct cnn_shape *,
    struct cnn_format, const double *x, uint32_t samples);
int border_get(struct runner *, const struct buffer *, const struct cnn_shape *,
    struct cnn_format, double *x, uint32_t samples);

/* Parameter i, or (coming out) its gradient, which is added to x. */
int border_put_param(struct runner *, uint32_t i, const struct buffer *,
    const double *x);
int border_add_param(struct runner *, uint32_t i, const struct buffer *, double *x);

#endif
