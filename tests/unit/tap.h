/* tap.h - a minimal test harness. Each unit test is a program that prints TAP;
 * tests/run sums the results of all of them and of bats. */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failures;

/* Prints one result line. fmt describes the claim. Returns `good`. */
__attribute__((format(printf, 2, 3), unused)) static bool ok(bool good, const char *fmt,
    ...)
{
	va_list ap;

	tap_failures += !good;
	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	return good;
}

__attribute__((unused)) static void skip(const char *what, const char *why)
{
	printf("ok %d - %s # skip %s\n", ++tap_count, what, why);
}

/* Prints the plan and returns the program's exit status. */
__attribute__((unused)) static int done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures != 0;
}

#endif
