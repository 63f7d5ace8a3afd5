/* view-private.h - what both ways to show pictures share. */
#ifndef TENSOR_VIEW_VIEW_PRIVATE_H
#define TENSOR_VIEW_VIEW_PRIVATE_H

#include "view.h"

/* Pictures as bytes, H x W x channels. */
struct view_pictures {
	const struct cnn_field *field;
	size_t index;                /* of the field */
	size_t planes;               /* channels in the field */
	size_t channels, height, width;    /* as shown: channels 1 or 3 */
	float *values;               /* room for one, as it is in the field */
	unsigned char *bytes;        /* and as it is shown */
};

int view_pictures_init(struct view_pictures *, const struct cnn_view *,
	struct cnn_error *);
void view_pictures_free(struct view_pictures *);
/* Puts sample i into ->bytes. */
void view_pictures_load(struct view_pictures *, const struct cnn_columns *, size_t i);

#endif
