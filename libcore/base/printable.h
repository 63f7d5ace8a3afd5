/* printable.h - text from a file and computed numbers, made fit to print. */
#ifndef CNN_PRINTABLE_H
#define CNN_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Replaces, in place, each byte of a control character (cnn_is_control()) and of a
 * sequence that is not UTF-8 with '?'. The ASCII characters in `keep` ("\n\t", or "")
 * stay. The text keeps its length. Returns `text`. */
char *cnn_printable(char *text, const char *keep);

/* Whether a terminal or a browser may obey the character instead of showing it: U+0000 to
 * U+001F, U+007F to U+009F, and those that reorder or break lines (U+061C, U+200E, U+200F,
 * U+2028 to U+202E, U+2066 to U+2069). */
bool cnn_is_control(uint32_t code);

/* Decodes the first of `size` bytes of UTF-8 (RFC 3629). Returns the number of bytes of
 * the character, 1 to 4, or 0 if they are not UTF-8 or size is 0. */
size_t cnn_utf8_decode(const char *text, size_t size, uint32_t *code);

/* The size in bytes of the first `most` characters of the text, or of all if it has
 * fewer. Stores their number. A byte that is not UTF-8 counts as one character. */
size_t cnn_utf8_fit(const char *text, size_t most, size_t *characters);

/* The number without the sign of a NaN, which has no meaning and depends on the CPU. */
double cnn_printable_number(double);

#endif
