/* warning.c - hands warnings to the program's handler. */
#include "warning.h"

#include "error.h"

#include <stdio.h>

static void (*receiver)(const char *);

void cnn_warning_handler(void (*handler)(const char *))
{
	receiver = handler;
}

void cnn_warn(const char *fmt, ...)
{
	char text[sizeof((struct cnn_error *)NULL)->text];
	va_list ap;

	if (!receiver)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	receiver(text);
}
