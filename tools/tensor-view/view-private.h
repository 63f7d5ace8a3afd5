/* view-private.h - image conversion, shared by text and contact sheet. */
#ifndef TENSOR_VIEW_VIEW_PRIVATE_H
#define TENSOR_VIEW_VIEW_PRIVATE_H

#include "view.h"

/* An image as bytes, H x W x channels. */
struct view_pictures {
	const struct cnn_field *field;
	size_t index;			/* index of the field */
	size_t planes;			/* number of channels in the field */
	size_t channels, height, width; /* as shown: channels 1 or 3 */
	float *values;			/* room for one image, as in the field */
	unsigned char *bytes;		/* the same image, as shown */
};

int view_pictures_init(struct view_pictures *, const struct cnn_view *,
    struct cnn_error *);
void view_pictures_free(struct view_pictures *);
/* Converts the image of sample i to ->bytes. */
void view_pictures_load(struct view_pictures *, const struct cnn_columns *, size_t i);

#endif
