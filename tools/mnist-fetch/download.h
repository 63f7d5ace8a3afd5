/* download.h - one file over HTTP or HTTPS, by libcurl. */
#ifndef MNIST_FETCH_DOWNLOAD_H
#define MNIST_FETCH_DOWNLOAD_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

struct cnn_download {
	const char *url;
	const char *label;       /* for the progress bar */
	const char *path;        /* where it grows; what is there is gone on from */
	uint64_t limit;          /* bytes that are too many */
	unsigned timeout;        /* seconds without a byte */

	bool resumed;            /* out: some bytes are of an earlier attempt */
	bool unreachable;        /* out: don't ask this server again */
	bool full;               /* out: the file could not be written */
};

/* On failure what came stays, to go on from, unless it was of no use. */
int cnn_download(struct cnn_download *, struct cnn_error *);

#endif
