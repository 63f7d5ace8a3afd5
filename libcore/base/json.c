/* json.c - values as JSON (RFC 8259), for people and for jq. */
#include "printable.h"
#include "value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void cnn_print_json_text(FILE *f, const char *text, size_t size)
{
	while (size > 0) {
		uint32_t c = 0;
		size_t n = cnn_utf8_decode(text, size, &c);

		if (n == 0) {
			fputs("\\ufffd", f);
			n = 1;
		} else if (c == '"' || c == '\\') {
			fprintf(f, "\\%c", (int)c);
		} else if (c == '\n') {
			fputs("\\n", f);
		} else if (c == '\t') {
			fputs("\\t", f);
		} else if (cnn_is_control(c)) {
			fprintf(f, "\\u%04x", (unsigned)c);
		} else {
			fwrite(text, 1, n, f);
		}
		text += n;
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
