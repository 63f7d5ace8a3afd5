/* font.h - a small bitmap font of the printable ASCII characters. */
#ifndef TENSOR_VIEW_FONT_H
#define TENSOR_VIEW_FONT_H

#include <stdbool.h>
#include <stddef.h>

/* Pixels of a character. Characters stand one pixel apart. */
#define VIEW_FONT_WIDTH 5
#define VIEW_FONT_HEIGHT 8

/* Whether a pixel of the character, which must be printable ASCII, is ink. */
bool view_font_ink(char character, size_t x, size_t y);

/* Writes the text with '?' for each character that the font does not have, cut to
 * size - 1 characters. Returns their number. */
size_t view_font_text(const char *text, char *ascii, size_t size);

#endif
