/* message.c - messages on standard error, and the exit status. */
#include "option-private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int cnn_verbosity = 1;

/* Prints one line with one write. The text may quote data from a stream, so control
 * characters that a terminal would obey (those of ASCII, and U+0080 to U+009F) become
 * '?'. */
static void say(const char *tool, const char *fmt, va_list ap)
{
	char text[1200];

	vsnprintf(text, sizeof text, fmt, ap);
	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	fprintf(stderr, "%s: %s\n", tool, text);
}

void cnn_complain(const struct cnn_program *program, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(program->name, fmt, ap);
	va_end(ap);
}

void cnn_usage(const struct cnn_program *program, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(program->name, fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try '%s --help'.\n", program->name);
	exit(cnn_exit_status(CNN_EUSAGE));
}

void cnn_message(const struct cnn_program *program, int level, const char *fmt, ...)
{
	va_list ap;

	if (cnn_verbosity < level)
		return;
	va_start(ap, fmt);
	say(program->name, fmt, ap);
	va_end(ap);
}

int cnn_finish(const struct cnn_program *program, const struct cnn_error *e)
{
	if (e->code != CNN_OK)
		cnn_complain(program, "%s", e->text);
	return cnn_exit_status(e->code);
}
