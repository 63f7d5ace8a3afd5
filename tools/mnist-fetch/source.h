/* source.h - data sets by name: found, fetched, checked, written
 * as one data segment.
 *
 * This is what tools use. Inside, catalogue.c says what there is, fetch.c goes
 * through the places it may come from, store.c keeps and checks the files,
 * samples.c turns them into images and labels, and strokes.c draws digits that
 * need no file at all.
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
	const char *dataset;         /* "mnist" */
	const char *split;           /* "train" or "test" */
	const char *const *from;     /* the only places to look in: paths, and base
	                              * URLs of mirrors */
	size_t from_count;           /* 0: the cache and the usual places */
	bool offline;                /* ask nothing that needs a network */
	unsigned timeout;            /* seconds a transfer may stand still */
	uint64_t count;              /* the first so many samples; 0: all */
	uint64_t seed;               /* of a data set that is drawn */

	/* Receives messages for people, at the levels of cnn_message(). */
	void (*say)(void *context, int level, const char *text);
	void *context;
};

/* CNN_EUSAGE if the request names no data set or split, or asks for what this
 * data set can't do. */
int cnn_request_check(const struct cnn_request *, struct cnn_error *);

/* Is the data set drawn (so that it has a seed), not fetched? */
bool cnn_dataset_is_drawn(const char *name);

/* Writes the segment; takes `history` over (an array, or NULL when memory was
 * out). Nothing is written before every byte that it takes from a file has
 * been verified. When no source has a file, one message a source says why. */
int cnn_request_write(const struct cnn_request *, struct cnn_value *history,
	struct cnn_output *, struct cnn_error *);

#endif
