/* source.h - finds, fetches, verifies and writes a data set by name, as one data
 * segment.
 *
 * This is the interface for tools. Behind it, catalogue.c lists the data sets, fetch.c
 * tries the sources, store.c keeps and verifies the files, samples.c reads images and
 * labels from them, and strokes.c draws digits, which need no files.
 */
#ifndef MNIST_FETCH_SOURCE_H
#define MNIST_FETCH_SOURCE_H

#include "base/error.h"
#include "stream/io.h"
#include "base/value.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cnn_request {
	const char *dataset; /* "mnist" */
	const char *split;   /* "train" or "test" */
	/* If given, the only sources: paths, and base URLs of mirrors */
	const char *const *from;
	size_t from_count; /* 0: the cache and the default sources */
	bool offline;	   /* do not use the network */
	unsigned timeout;  /* seconds that a transfer may stall */
	uint64_t count;	   /* maximum number of samples; 0: all */
	uint64_t seed;	   /* for a drawn data set */

	/* Receives messages for people, at the levels of cnn_message(). */
	void (*say)(void *context, int level, const char *text);
	void *context;
};

/* Returns CNN_EUSAGE if the data set or split is unknown, or if the data set does not
 * support a part of the request. */
int cnn_request_check(const struct cnn_request *, struct cnn_error *);

/* Whether the data set is drawn (so that it has a seed) rather than fetched. */
bool cnn_dataset_is_drawn(const char *name);

/* Writes the segment. Takes ownership of `history` (an array, or NULL if memory ran
 * out). Writes nothing before every byte that it uses from a file has been verified. If
 * no source has a file, prints one message per source with the reason. */
int cnn_request_write(const struct cnn_request *, struct cnn_value *history,
    struct cnn_output *, struct cnn_error *);

#endif
