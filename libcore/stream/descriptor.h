/* descriptor.h - reads and writes file descriptors.
 *
 * Not thread-safe: only the main thread reads and writes streams.
 */
#ifndef CNN_STREAM_DESCRIPTOR_H
#define CNN_STREAM_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Like read(2) and write(2), but continue after a signal and wait where a descriptor
 * with O_NONBLOCK would fail with EAGAIN. Before cnn_fd_read() waits, it calls the
 * function of cnn_fd_on_wait(); it fails with EINTR if cnn_interrupt_wait() does. */
ssize_t cnn_fd_read(int fd, void *, size_t);
ssize_t cnn_fd_write(int fd, const void *, size_t);

/* Sets the function, which must not read. NULL: none. */
void cnn_fd_on_wait(void (*)(void));

/* Notes that fd is read, or written in place. Returns false if that would append a
 * regular file to itself, because it has been opened in the other way before. */
bool cnn_fd_claim_input(int fd);
bool cnn_fd_claim_output(int fd);

#endif
