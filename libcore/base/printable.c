/* printable.c - see printable.h. */
#include "printable.h"

#include <math.h>
#include <string.h>

size_t cnn_utf8_decode(const char *text, size_t size, uint32_t *code)
{
	/* The first character that needs so many bytes; shorter ones are overlong. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	size_t n;
	uint32_t c;

	if (size == 0)
		return 0;
	n = s[0] < 0x80 ? 1 :
	    s[0] < 0xc0 ? 0 :
	    s[0] < 0xe0 ? 2 :
	    s[0] < 0xf0 ? 3 :
	    s[0] < 0xf8 ? 4 :
			  0;
	if (n == 0 || n > size)
		return 0;
	c = n == 1 ? s[0] : s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*code = c;
	return n;
}

size_t cnn_utf8_fit(const char *text, size_t most, size_t *characters)
{
	size_t left = strlen(text), used = 0;
	uint32_t code;

	for (*characters = 0; *characters < most && used < left; ++*characters) {
		size_t n = cnn_utf8_decode(text + used, left - used, &code);

		used += n ? n : 1;
	}
	return used;
}

bool cnn_is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c ||
	    code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	    (code >= 0x2066 && code <= 0x2069);
}

char *cnn_printable(char *text, const char *keep)
{
	size_t left = strlen(text);

	for (char *p = text; left > 0;) {
		uint32_t code;
		size_t n = cnn_utf8_decode(p, left, &code);

		if (n == 0)
			*p = '?';
		else if (cnn_is_control(code) && !(n == 1 && strchr(keep, *p)))
			memset(p, '?', n);
		n += n == 0;
		p += n;
		left -= n;
	}
	return text;
}

double cnn_printable_number(double x)
{
	return isnan(x) ? (double)NAN : x;
}
