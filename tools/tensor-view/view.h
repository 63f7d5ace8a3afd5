/* view.h - pictures for people: in a terminal, or as a contact sheet. */
#ifndef TENSOR_VIEW_VIEW_H
#define TENSOR_VIEW_VIEW_H

#include "formats/operand/columns.h"

#include "stream/io.h"
#include <stdio.h>

struct cnn_view {
	const struct cnn_columns *samples;     /* to show */
	const char *image, *label;       /* the fields' names */
	size_t columns;                  /* pictures side by side; 0: as many as fit */
	bool fancy;                      /* half blocks in 256 colours, or ASCII */
	size_t width;                    /* the terminal's, in characters */
};

/* Does a segment of this header have pictures in field `image`: H x W, or
 * C x H x W? If not, the field that is missing or wrong is CNN_EDATA. */
int cnn_view_check(const struct cnn_header *, const char *image,
	const char *where, struct cnn_error *);

/* Prints the samples, each under its number and, if there are such fields, its
 * label and the class that a model gave it ("3: cat -> dog !" where that is
 * another one). One channel is shown as grey, three as RGB, of any other number
 * the first. Values are scaled as the header says, bytes by 1/255; where that
 * leaves 0 .. 1, the picture's range is stretched to it. */
int cnn_view_print(const struct cnn_view *, FILE *, struct cnn_error *);

/* Writes them as one PNG, `columns` (0: about square) side by side. */
int cnn_view_sheet(const struct cnn_view *, struct cnn_output *,
	struct cnn_error *);

#endif
