/* view.c - converts samples to displayable bytes. */
#include "view-private.h"

#include <math.h>
#include <stdlib.h>

int cnn_view_check(const struct cnn_header *h, const char *image, const char *where,
    struct cnn_error *e)
{
	const struct cnn_field *f = cnn_header_find(h, image);
	char text[CNN_SHAPE_TEXT];

	if (!f)
		return cnn_fail(e, CNN_EDATA, "%s: no field %s (see --image)", where,
		    image);
	if (f->rank != 2 && f->rank != 3)
		return cnn_fail(e, CNN_EDATA, "%s: field %s: %s is not an image", where,
		    image, cnn_shape_text(f->rank, f->shape, text, sizeof text));
	for (int i = 0; i < f->rank; i++)
		if (f->shape[i] == 0)
			return cnn_fail(e, CNN_EDATA,
			    "%s: field %s: images have no pixels", where, image);
	return CNN_OK;
}

int view_pictures_init(struct view_pictures *p, const struct cnn_view *v,
    struct cnn_error *e)
{
	const struct cnn_field *f = cnn_header_find(v->samples->header, v->image);
	size_t count;

	*p = (struct view_pictures){
		.field = f,
		.index = (size_t)(f - v->samples->header->fields),
		.planes = f->rank == 3 ? f->shape[0] : 1,
		.height = f->shape[f->rank - 2],
		.width = f->shape[f->rank - 1],
	};
	p->channels = p->planes == 3 ? 3 : 1;
	if (!cnn_shape_count(f->rank, f->shape, &count) ||
	    !(p->values = reallocarray(NULL, count, sizeof *p->values)) ||
	    !(p->bytes = reallocarray(NULL, count, 1)))
		return cnn_fail(e, CNN_ENOMEM, "out of memory");
	return CNN_OK;
}

void view_pictures_free(struct view_pictures *p)
{
	free(p->values);
	free(p->bytes);
	p->values = NULL;
	p->bytes = NULL;
}

void view_pictures_load(struct view_pictures *p, const struct cnn_columns *columns,
    size_t i)
{
	const struct cnn_field *f = p->field;
	size_t pixels = p->height * p->width;
	float scale = f->has_scale ? (float)f->scale :
	    f->dtype == CNN_U8	   ? 1.0f / 255 :
				     1;
	float offset = f->has_scale ? (float)f->offset : 0;
	float low = INFINITY, high = -INFINITY;

	cnn_to_f32(f->dtype, columns->data[p->index] + i * columns->row[p->index],
	    p->channels * pixels, p->values);
	for (size_t k = 0; k < p->channels * pixels; k++) {
		float *x = &p->values[k];

		*x = *x * scale + offset;
		if (!isfinite(*x))
			continue;
		low = *x < low ? *x : low;
		high = *x > high ? *x : high;
	}
	if (low >= 0 && high <= 1) {
		low = 0;
		high = 1;
	}
	for (size_t c = 0; c < p->channels; c++)
		for (size_t k = 0; k < pixels; k++) {
			float x = (p->values[c * pixels + k] - low) / (high - low);

			p->bytes[k * p->channels + c] = !(x > 0) ? 0 :
			    x >= 1				 ? 255 :
				     (unsigned char)(x * 255 + 0.5f);
		}
}
