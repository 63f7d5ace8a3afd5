/* message.c - messages on standard error, and the exit status. */
#include "option-private.h"

#include "base/printable.h"
#include "base/warning.h"
#include "status-line.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define WARNINGS 10 /* printed without -v */

int cnn_verbosity = 1;

/* Prints one line with one write. The text may quote data from a stream. */
static void say(const char *tool, const char *fmt, va_list ap)
{
	char text[1200];

	vsnprintf(text, sizeof text, fmt, ap);
	cnn_status_line_hide();
	fprintf(stderr, "%s: %s\n", tool, cnn_printable(text, ""));
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

static const struct cnn_program *warned;
static size_t warnings;

/* Each file of a large set may have the same flaw. */
static void show_warning(const char *text)
{
	if (++warnings <= WARNINGS || cnn_verbosity > 1)
		cnn_message(warned, 1, "warning: %s", text);
	else if (warnings == WARNINGS + 1)
		cnn_message(warned, 1,
		    "there are more warnings: -v prints all of them");
}

void cnn_show_warnings(const struct cnn_program *program)
{
	warned = program;
	cnn_warning_handler(show_warning);
}

int cnn_finish(const struct cnn_program *program, const struct cnn_error *e)
{
	if (e->code != CNN_OK)
		cnn_complain(program, "%s", e->text);
	return cnn_exit_status(e->code);
}
