/* view-private.h - images and captions, shared by text and contact sheet. */
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

#define VIEW_CHARACTERS 60		    /* of a name in a caption */
#define VIEW_NAME (4 * VIEW_CHARACTERS + 1) /* bytes; UTF-8 has up to 4 for each */

/* What is known of a sample. The texts are names of classes, or numbers, without control
 * characters, cut to fit; "" if the sample has no such field. */
struct view_caption {
	bool has_label, has_class;
	bool wrong; /* it has both, and they differ */
	char label[VIEW_NAME], class[VIEW_NAME];
};
void view_caption_get(const struct cnn_view *, size_t i, struct view_caption *);

#endif
