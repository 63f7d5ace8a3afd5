/* descriptor.c - reads and writes file descriptors. */
#include "descriptor.h"
#include "interrupt-private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void (*on_wait)(void);

void cnn_fd_on_wait(void (*function)(void))
{
	on_wait = function;
}

/* Waits until fd is ready; returns whether it is. */
static bool ready(int fd, short events, int timeout)
{
	struct pollfd p = { .fd = fd, .events = events };

	/* If poll() fails, read() or write() will say why. */
	return poll(&p, 1, timeout) != 0;
}

ssize_t cnn_fd_read(int fd, void *buf, size_t size)
{
	ssize_t n;

	if (on_wait && !ready(fd, POLLIN, 0))
		on_wait();
	if (!cnn_interrupt_wait(fd)) {
		errno = EINTR;
		return -1;
	}
	while ((n = read(fd, buf, size)) < 0 && (errno == EINTR || errno == EAGAIN))
		if (errno == EAGAIN)
			ready(fd, POLLIN, -1);
	return n;
}

ssize_t cnn_fd_write(int fd, const void *buf, size_t size)
{
	ssize_t n;

	while ((n = write(fd, buf, size)) < 0 && (errno == EINTR || errno == EAGAIN))
		if (errno == EAGAIN)
			ready(fd, POLLOUT, -1);
	return n;
}

/* --- claims ----------------------------------------------------------------------- */

struct claim {
	dev_t device;
	ino_t inode;
};

struct claims {
	struct claim *items;
	size_t count;
};

/* Kept until the program ends: an input that was closed may be opened again. */
static struct claims inputs, outputs;

static bool has(const struct claims *claims, const struct stat *st)
{
	for (size_t i = 0; i < claims->count; i++)
		if (claims->items[i].device == st->st_dev &&
		    claims->items[i].inode == st->st_ino)
			return true;
	return false;
}

static bool claim(struct claims *ours, const struct claims *others, int fd)
{
	struct claim *grown;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return true;
	if (has(others, &st))
		return false;
	if (has(ours, &st))
		return true;
	/* Without memory the check is lost, not the work. */
	if ((grown = reallocarray(ours->items, ours->count + 1, sizeof *grown))) {
		ours->items = grown;
		grown[ours->count++] = (struct claim){ st.st_dev, st.st_ino };
	}
	return true;
}

bool cnn_fd_claim_input(int fd)
{
	return claim(&inputs, &outputs, fd);
}

bool cnn_fd_claim_output(int fd)
{
	return claim(&outputs, &inputs, fd);
}
