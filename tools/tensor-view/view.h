/* view.h - shows images in a terminal or as a contact sheet. */
#ifndef TENSOR_VIEW_VIEW_H
#define TENSOR_VIEW_VIEW_H

#include "formats/operand/columns.h"

#include "stream/io.h"
#include <stdio.h>

struct cnn_view {
	const struct cnn_columns *samples; /* the samples to show */
	const char *image, *label;	   /* names of the fields */
	size_t columns;			   /* images side by side; 0: as many as fit */
	bool fancy;			   /* half blocks in 256 colours, not ASCII */
	size_t width;			   /* of the terminal, in characters */
	size_t scale;			   /* a sheet's pixels for one of an image */
};

/* Checks that a segment with this header has images in field `image`: H x W, or C x H x
 * W. If not, returns CNN_EDATA and names the missing or unsuitable field. */
int cnn_view_check(const struct cnn_header *, const char *image, const char *where,
    struct cnn_error *);

/* Prints the samples, each with its number and, if these fields exist, its label and
 * the class that a model predicted ("3: cat -> dog !" if they differ). One channel is
 * shown as grey, three as RGB; of any other number only the first is shown. Values are
 * scaled as the header says, bytes by 1/255; if they are then outside 0 .. 1, the range
 * of the image is mapped to it. */
int cnn_view_print(const struct cnn_view *, FILE *, struct cnn_error *);

/* Writes the images as one PNG, `columns` (0: about square) side by side. If there are
 * labels or classes, they are written above the images as "cat > dog". CNN_EUSAGE if the
 * PNG would be too large. */
int cnn_view_sheet(const struct cnn_view *, struct cnn_output *, struct cnn_error *);

#endif
