/* warning.h - reports that do not stop a run.
 *
 * A function that meets something odd, but can go on, calls cnn_warn(). It does not
 * print: the text goes to the one handler of the process. cnn_options_parse() sets the
 * handler, so that every tool prints warnings as messages; a program without it, such as
 * a unit test, gets none. Both functions are for the main thread.
 */
#ifndef CNN_WARNING_H
#define CNN_WARNING_H

/* Gives "where: what: why", without the tool's name, to the handler. Texts longer than
 * an error's are cut. */
void cnn_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* NULL: warnings are dropped. `text` is valid during the call. */
void cnn_warning_handler(void (*handler)(const char *text));

#endif
