/* strokes.h - digits drawn with a pen: the data set that needs
 * no file.
 *
 * Everything is computed in integers, so the bytes are the same with every
 * compiler, processor and set of flags.
 */
#ifndef MNIST_FETCH_STROKES_H
#define MNIST_FETCH_STROKES_H

#include "catalogue.h"

#include <stdint.h>

#define CNN_STROKES_SIDE 28
#define CNN_STROKES_PIXELS (CNN_STROKES_SIDE * CNN_STROKES_SIDE)

/* Samples in a split: 60000 and 10000. */
size_t cnn_strokes_count(enum cnn_split);

/* Draws sample `index`, white on black, which depends on nothing but these
 * arguments; returns its digit. Of ten samples from a multiple of ten on, each
 * is another digit. Threads may draw at the same time. */
uint8_t cnn_strokes_draw(uint64_t seed, enum cnn_split, uint64_t index,
	uint8_t image[CNN_STROKES_PIXELS]);

#endif
