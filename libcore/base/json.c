/* json.c - values as JSON (RFC 8259), for people and for jq. */
#include "value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Returns the length of the UTF-8 sequence at s and stores its code point, or returns 0
 * if s is not valid UTF-8 (RFC 3629: no overlong form, no surrogate, nothing above
 * 10ffff). */
static size_t utf8(const unsigned char *s, size_t size, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 :
	    s[0] < 0xc0	       ? 0 :
	    s[0] < 0xe0	       ? 2 :
	    s[0] < 0xf0	       ? 3 :
	    s[0] < 0xf8	       ? 4 :
				 0;
	uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

	if (n == 0 || n > size)
		return 0;
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

void cnn_print_json_text(FILE *f, const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;

	while (size > 0) {
		uint32_t c = 0;
		size_t n = utf8(s, size, &c);

		if (n == 0) {
			fputs("\\ufffd", f);
			n = 1;
		} else if (c == '"' || c == '\\') {
			fprintf(f, "\\%c", (int)c);
		} else if (c == '\n') {
			fputs("\\n", f);
		} else if (c == '\t') {
			fputs("\\t", f);
		} else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
			fprintf(f, "\\u%04x", (unsigned)c);
		} else {
			fwrite(s, 1, n, f);
		}
		s += n;
		size -= n;
	}
}

void cnn_print_json_string(FILE *f, const char *text, size_t size)
{
	putc('"', f);
	cnn_print_json_text(f, text, size);
	putc('"', f);
}

void cnn_float_text(double x, char text[CNN_FLOAT_TEXT])
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, CNN_FLOAT_TEXT, "%.*g", digits, x);
		if (strtod(text, NULL) == x)
			break;
	}
}

static void print_float(FILE *f, double x)
{
	char text[CNN_FLOAT_TEXT];

	if (!isfinite(x)) {
		fputs("null", f);
		return;
	}
	cnn_float_text(x, text);
	fputs(text, f);
	if (!strpbrk(text, ".e")) /* keep it a float */
		fputs(".0", f);
}

/* JSON keys are strings: other scalars are printed between quotes, and an array or a
 * map as "?". */
static void print_key(FILE *f, const struct cnn_value *key)
{
	bool text = key->type == CNN_STR || key->type == CNN_BIN;

	if (!text)
		putc('"', f);
	if (key->type == CNN_ARRAY || key->type == CNN_MAP)
		putc('?', f);
	else
		cnn_value_print_json(f, key);
	if (!text)
		putc('"', f);
}

void cnn_value_print_json(FILE *f, const struct cnn_value *v)
{
	if (!v) {
		fputs("null", f);
		return;
	}
	switch (v->type) {
	case CNN_NIL: fputs("null", f); break;
	case CNN_BOOLEAN: fputs(v->as.boolean ? "true" : "false", f); break;
	case CNN_INT: fprintf(f, "%lld", (long long)v->as.i); break;
	case CNN_UINT: fprintf(f, "%llu", (unsigned long long)v->as.u); break;
	case CNN_FLOAT: print_float(f, v->as.f); break;
	case CNN_STR:
	case CNN_BIN: cnn_print_json_string(f, v->as.str.data, v->as.str.size); break;
	case CNN_ARRAY:
		putc('[', f);
		for (size_t i = 0; i < v->as.array.count; i++) {
			fputs(i ? ", " : "", f);
			cnn_value_print_json(f, v->as.array.items[i]);
		}
		putc(']', f);
		break;
	case CNN_MAP:
		putc('{', f);
		for (size_t i = 0; i < v->as.map.count; i++) {
			fputs(i ? ", " : "", f);
			print_key(f, v->as.map.keys[i]);
			fputs(": ", f);
			cnn_value_print_json(f, v->as.map.values[i]);
		}
		putc('}', f);
		break;
	}
}
