/* download.h - downloads a file over HTTP or HTTPS with libcurl. */
#ifndef MNIST_FETCH_DOWNLOAD_H
#define MNIST_FETCH_DOWNLOAD_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

struct cnn_download {
	const char *url;
	const char *label; /* for the progress bar */
	const char *path;  /* the growing file; an existing one is continued */
	uint64_t limit;	   /* maximum size in bytes */
	unsigned timeout;  /* maximum seconds without a byte */

	bool resumed;	  /* out: some bytes are from an earlier attempt */
	bool unreachable; /* out: do not try this server again */
	bool full;	  /* out: the file could not be written */
};

/* On failure the bytes received are kept for the next attempt, unless they are
 * useless. */
int cnn_download(struct cnn_download *, struct cnn_error *);

#endif
