/* report.c - messages on stderr, and the end of a faulty launch.
 *
 * Each line is written with one write(2), since this may run in a signal handler. */
#include "private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 1024

const char *hc_place(const struct hc_thread *t, char text[48])
{
	snprintf(text, 48, "(%u,%u,%u)", t->index.x, t->index.y, t->index.z);
	return text;
}

/* Turns "(gemm<half, 64>)" into "gemm": a launch may spell a name either way. */
static int name_of(const char *kernel, char *text, size_t bytes)
{
	size_t n = strlen(kernel);

	if (n >= 2 && kernel[0] == '(' && kernel[n - 1] == ')') {
		kernel++;
		n -= 2;
	}
	return snprintf(text, bytes, "%.*s", (int)n, kernel);
}

__attribute__((format(printf, 2, 0))) static void say(const char *who, const char *fmt,
    va_list ap)
{
	char line[LINE], place[48];
	size_t n = 0;

	n += (size_t)snprintf(line, 256, "hostcuda: ");
	if (hc_run.launch) {
		uint3 b = hostcuda_index.block;

		n += (size_t)name_of(hc_run.launch->kernel, line + n, 256);
		n += (size_t)snprintf(line + n, 64, ": block (%u,%u,%u) ", b.x, b.y,
		    b.z);
		n += (size_t)snprintf(line + n, 64, "thread %s: ",
		    hc_run.current ? hc_place(hc_run.current, place) : "(?,?,?)");
	} else if (who) {
		n += (size_t)name_of(who, line + n, 256);
		n += (size_t)snprintf(line + n, 4, ": ");
	}
	n += (size_t)vsnprintf(line + n, LINE - 1 - n, fmt, ap);
	if (n > LINE - 2)
		n = LINE - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* nowhere to report it */
}

void hc_report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(hc_function, fmt, ap);
	va_end(ap);
}

void hc_report_call(const char *function, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(function, fmt, ap);
	va_end(ap);
}

static void failed(void)
{
	if (!hc_config()->error_mode)
		abort();
	hc_run.failed = true;
}

void hc_fault_here(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(hc_function, fmt, ap);
	va_end(ap);
	failed();
}

void hc_fault(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(hc_function, fmt, ap);
	va_end(ap);
	failed();
	hc_fiber_abandon();
}
