/* strokes.h - digits drawn with a pen, a data set that needs no files.
 *
 * Everything is computed in integers, so the bytes are the same with every compiler,
 * processor and set of flags.
 */
#ifndef MNIST_FETCH_STROKES_H
#define MNIST_FETCH_STROKES_H

#include "catalogue.h"

#include <stdint.h>

#define CNN_STROKES_SIDE 28
#define CNN_STROKES_PIXELS (CNN_STROKES_SIDE * CNN_STROKES_SIDE)

/* Number of samples in a split: 60000 in training, 10000 in test. */
size_t cnn_strokes_count(enum cnn_split);

/* Draws sample `index`, white on black. The result depends only on these arguments.
 * Returns its digit. Each group of ten samples that starts at a multiple of ten has
 * every digit once. Thread-safe. */
uint8_t cnn_strokes_draw(uint64_t seed, enum cnn_split, uint64_t index,
    uint8_t image[CNN_STROKES_PIXELS]);

#endif
