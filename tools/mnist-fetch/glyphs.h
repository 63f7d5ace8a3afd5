/* glyphs.h - common ways of writing the ten digits. */
#ifndef MNIST_FETCH_GLYPHS_H
#define MNIST_FETCH_GLYPHS_H

/* The pen is put down at a START, moves smoothly through SMOOTH points and turns
 * sharply at a CORNER. x grows to the right, y downwards, both 0 .. 100. */
enum cnn_pen { CNN_PEN_START, CNN_PEN_SMOOTH, CNN_PEN_CORNER };

struct cnn_glyph_point {
	signed char pen, x, y;
};

#define CNN_GLYPH_POINTS 16

struct cnn_glyph {
	unsigned char weight; /* relative frequency among the digit's ways */
	unsigned char count;
	struct cnn_glyph_point points[CNN_GLYPH_POINTS];
};

#define CNN_GLYPH_WAYS 4

/* The ways of each digit; if there are fewer, weight 0 ends them. */
extern const struct cnn_glyph cnn_glyphs[10][CNN_GLYPH_WAYS];

#endif
