/* Text from files and numbers, made fit to print. */
#include "tap.h"

#include "base/printable.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool becomes(const char *text, const char *keep, const char *want)
{
	char copy[64];

	strcpy(copy, text);
	if (!strcmp(cnn_printable(copy, keep), want))
		return true;
	printf("# got %s\n", copy);
	return false;
}

/* Whether each of these characters, from U+0080 to U+FFFF, becomes nothing but '?'. */
static bool all_become(const unsigned *codes)
{
	for (; *codes; codes++) {
		char text[4] = { 0 }, *p = text;

		if (*codes < 0x800) {
			*p++ = (char)(0xc0 | *codes >> 6);
		} else {
			*p++ = (char)(0xe0 | *codes >> 12);
			*p++ = (char)(0x80 | (*codes >> 6 & 0x3f));
		}
		*p = (char)(0x80 | (*codes & 0x3f));
		if (cnn_printable(text, "")[strspn(text, "?")] != '\0')
			return false;
	}
	return true;
}

static bool fits(const char *text, size_t most, size_t bytes, size_t characters)
{
	size_t n = 999, size = cnn_utf8_fit(text, most, &n);

	if (size == bytes && n == characters)
		return true;
	printf("# got %zu bytes, %zu characters\n", size, n);
	return false;
}

int main(void)
{
	char number[64];

	ok(becomes("T-shirt/top, Größe 数字 😀", "", "T-shirt/top, Größe 数字 😀"),
	    "text in UTF-8 stays");
	ok(becomes("a\x1b[31m\tb\nc\x7f", "", "a?[31m?b?c?"),
	    "control characters of ASCII become ?");
	ok(becomes("a\x1b\tb\n\r", "\n\t", "a?\tb\n?"), "those in keep stay");
	ok(becomes("a\xc2\x80\xc2\x9b"
		   "c\u00a0",
	       "", "a????c\u00a0"),
	    "U+0080 to U+009F become ?, the next does not");
	ok(all_become((const unsigned[]){ 0x202a, 0x202e, 0x2066, 0x2069, 0x200e,
	       0x200f, 0x61c, 0 }),
	    "characters that reorder text become ?");
	ok(all_become((const unsigned[]){ 0x2028, 0x2029, 0 }) &&
		!all_become((const unsigned[]){ 0x2027, 0 }) &&
		!all_become((const unsigned[]){ 0x202f, 0 }) &&
		!all_become((const unsigned[]){ 0x2065, 0 }) &&
		!all_become((const unsigned[]){ 0x206a, 0 }),
	    "so do those that break lines, but not their neighbours");
	ok(becomes("\xff\xfe", "", "??") && becomes("a\x9b", "", "a?") &&
		becomes("\xc3", "", "?") && becomes("\xe2\x82", "", "??") &&
		becomes("\xe2\x28\xa1", "", "?(?"),
	    "bytes that are not UTF-8 become ?");
	ok(becomes("\xc0\x9b\xe0\x82\x9b\xf0\x80\x82\x9b", "", "?????????") &&
		becomes("\xed\xa0\x80", "", "???") &&
		becomes("\xf4\x90\x80\x80", "", "????"),
	    "so do overlong forms, surrogates and numbers beyond U+10FFFF");
	ok(fits("abc", 2, 2, 2) && fits("abc", 3, 3, 3) && fits("abc", 9, 3, 3) &&
		fits("", 4, 0, 0) && fits("abc", 0, 0, 0),
	    "the first characters of a text, and their size");
	ok(fits("Größe", 3, 4, 3) && fits("Größe", 4, 6, 4) && fits("Größe", 9, 7, 5) &&
		fits("数字😀", 2, 6, 2) && fits("数字😀", 3, 10, 3),
	    "no character is cut");
	ok(fits("\xff\xe2\x82"
		"a",
	       9, 4, 4) &&
		fits("a\xc3", 2, 2, 2),
	    "a byte that is not UTF-8 is a character of its own");
	snprintf(number, sizeof number, "%g %g %g", cnn_printable_number(-NAN),
	    cnn_printable_number(-INFINITY), cnn_printable_number(-1.5));
	ok(strcmp(number, "nan -inf -1.5") == 0, "no NaN has a sign");
	return done();
}
