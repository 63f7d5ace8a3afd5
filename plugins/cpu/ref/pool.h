/* pool.h - the windows of maxpool2d and avgpool2d. */
#ifndef REF_POOL_H
#define REF_POOL_H

#include "ref.h"

/* in (C,H,W), out (C,OH,OW). */
struct pool {
	struct ref ref;
	size_t c, h, w, oh, ow;
	size_t kernel[2], stride[2], padding[2];
};

/* A window clipped to the image: rows y0 .. y1 - 1, columns x0 .. x1 - 1. */
struct pool_window { size_t y0, y1, x0, x1; };

static inline void pool_read(struct pool *p, const struct cnn_run *run)
{
	enum { KERNEL, STRIDE, PADDING };
	const struct cnn_arg_value *a = run->nodes[0].args;
	const struct cnn_arg_value *stride = &a[STRIDE];
	const size_t *in = run->inputs[0].shape.dims, *out = run->output.dims;

	p->c = in[0], p->h = in[1], p->w = in[2], p->oh = out[1], p->ow = out[2];
	p->kernel[0] = (size_t)a[KERNEL].i, p->kernel[1] = (size_t)a[KERNEL].j;
	p->stride[0] = (size_t)stride->i, p->stride[1] = (size_t)stride->j;
	p->padding[0] = (size_t)a[PADDING].i, p->padding[1] = (size_t)a[PADDING].j;
}

static inline void pool_clip(size_t place, size_t stride, size_t padding,
	size_t kernel, size_t size, size_t *begin, size_t *end)
{
	size_t padded = place * stride;      /* begin + padding */

	*begin = padded > padding ? padded - padding : 0;
	*end = padded + kernel > padding ? padded + kernel - padding : 0;
	if (*end > size)
		*end = size;
}

static inline struct pool_window pool_at(const struct pool *p, size_t y, size_t x)
{
	struct pool_window w;

	pool_clip(y, p->stride[0], p->padding[0], p->kernel[0], p->h, &w.y0, &w.y1);
	pool_clip(x, p->stride[1], p->padding[1], p->kernel[1], p->w, &w.x0, &w.x1);
	return w;
}

#endif
