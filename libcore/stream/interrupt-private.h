/* interrupt-private.h - registers temporary files of outputs, and plugins being loaded,
 * with the signal handlers. */
#ifndef INTERRUPT_PRIVATE_H
#define INTERRUPT_PRIVATE_H

#include <signal.h>
#include <stdbool.h>

/* The file is unlinked if a signal ends the program. The caller keeps ownership of
 * path, which must stay valid until cnn_temporary_remove(). False if there are already
 * as many as can be registered. */
bool cnn_temporary_add(const char *path);
void cnn_temporary_remove(const char *path);

/* Blocks signals, so that none arrives between the creation of a temporary file and its
 * registration. Stores the previous mask in *old, for pthread_sigmask(). */
void cnn_signals_block(sigset_t *old);

/* Waits until fd can be read without blocking, is at its end or has an error. Returns
 * false if a signal was caught since cnn_interrupt_catch(): then the caller must not read,
 * but fail. Returns true at once if signals are not caught. */
bool cnn_interrupt_wait(int fd);

/* If the program crashes (a fault, an abort) between these two calls, it prints
 * "PROGRAM: path: crashed while being loaded" and removes temporary files before it
 * ends. For one thread at a time; path must stay valid until cnn_crash_end(). */
void cnn_crash_begin(const char *path);
void cnn_crash_end(void);

#endif
