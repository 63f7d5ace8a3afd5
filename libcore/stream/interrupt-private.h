/* interrupt-private.h - what an output tells of its temporary file, and the loader of
 * the plugin that it opens. */
#ifndef INTERRUPT_PRIVATE_H
#define INTERRUPT_PRIVATE_H

#include <signal.h>

/* Unlinked if a signal ends the program. The path stays the caller's, and must
 * live until it is removed again. */
void cnn_temporary_add(const char *path);
void cnn_temporary_remove(const char *path);

/* No signal comes between the making of a file and its announcement; *old is for
 * pthread_sigmask(). */
void cnn_signals_block(sigset_t *old);

/* Between these a crash (a fault, an abort) tells "PROGRAM: path: crashed while it was
 * loaded" before it ends the program, and temporary files go. One thread at a time;
 * path must live until the end. */
void cnn_crash_begin(const char *path);
void cnn_crash_end(void);

#endif
